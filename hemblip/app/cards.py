"""Cells as HTML: the picture as the model saw it, the caption with its marks, a table of attributes."""

import base64
import io
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from hemblip.app.marks import MARKS, in_percent, mark_of, marked
from hemblip.app.reader import Cell
from hemblip.data.images import Pixels
from hemblip.morphology import KEYS
from hemblip.reporting.statements import words

NOT_FOR_DIAGNOSIS = "Research software, not for diagnosis."


def data_uri(pixels: Pixels) -> str:
    """An image (H, W, 3) inside of a page."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"


def cards(cells: Sequence[Cell], flaws: Sequence[str] = ()) -> str:
    """Cells one below the other, and what could not be read before them; all text is escaped."""
    return _template("cards.html.j2", cells=cells, flaws=flaws)


def page(cells: Sequence[Cell], title: str, warning: str, promise: str) -> str:
    """The same as a document of its own."""
    return _template("page.html.j2", cells=cells, flaws=(), title=title, warning=warning, promise=promise, style=style())


@cache
def style() -> str:
    """The style sheet of cards."""
    return (files("hemblip.app") / "templates" / "cards.css").read_text(encoding="utf-8")


def _template(name: str, **values: Any) -> str:
    return _environment().get_template(name).render(**values)


@cache
def _environment() -> Environment:

    environment = Environment(
        loader=PackageLoader("hemblip.app"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals |= {"MARKS": MARKS, "KEYS": KEYS, "NOT_FOR_DIAGNOSIS": NOT_FOR_DIAGNOSIS}
    environment.globals |= {
        "words": words,
        "marked": marked,
        "mark_of": mark_of,
        "in_percent": in_percent,
        "data_uri": data_uri,
    }
    return environment
