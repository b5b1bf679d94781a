"""Cells as HTML: the picture as the model saw it, the caption with its marks, a table of attributes."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from hemblip.data.images import Pixels
from hemblip.metrics.abstention import FOREIGN
from hemblip.reporting.html import render, sheet


@dataclass(frozen=True, eq=False)  # pixels have no hash
class Alike:
    """A training cell that looks like another cell.

    Attributes:
        name: its id.
        seen: (S, S, 3), 0 to 255, as the model saw it.
        annotation: key -> annotated value; only what is annotated.
    """

    name: str
    seen: Pixels
    annotation: dict[str, str]


@dataclass(frozen=True, eq=False)  # pixels have no hash
class Cell:
    """One cell and what was said of it.

    Attributes:
        name: of its file, without folders.
        seen: (S, S, 3), 0 to 255, as the model saw it.
        caption: whole.
        attributes: the 15 keys, read from the caption.
        confidence: key -> probability of what is stated.
        left_out: keys that the caption stated before it was shortened.
        unlike: share of the validation cells that are more like the training cells; None if it is not known.
        alike: the nearest training cells, the nearest first.
    """

    name: str
    seen: Pixels
    caption: str
    attributes: dict[str, str | None]
    confidence: dict[str, float]
    left_out: tuple[str, ...] = field(default=())
    unlike: float | None = None
    alike: tuple[Alike, ...] = ()

    @property
    def is_foreign(self) -> bool:
        """Whether it is unlike the cells of training."""
        return self.unlike is not None and self.unlike > FOREIGN


def data_uri(pixels: Pixels) -> str:
    """An image (H, W, 3) inside of a page."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"


def cards(cells: Sequence[Cell], flaws: Sequence[str] = (), asked: bool = False) -> str:
    """Cells one below the other, and what could not be read before them; all text is escaped.

    Args:
        cells: to be shown.
        flaws: a line a file that is none.
        asked: make each statement a button, `data-cell` its cell's place and `data-about` its attributes.
    """
    return render("described.html.j2", data_uri=data_uri, cells=cells, flaws=flaws, asked=asked)


def pick(cells: Sequence[tuple[str, Pixels]]) -> str:
    """A button for each cell, a name and an image (H, W, 3), with its picture; `data-place` is its place."""
    return render("pick.html.j2", data_uri=data_uri, cells=cells)


def page(
    cells: Sequence[Cell], model: str, warning: str, promise: str, flaws: Sequence[str] = (), total: int = 0
) -> str:
    """The same as a document of its own, of `total` cells in all that `model` described."""
    told: dict[str, Any] = {"model": model, "warning": warning, "promise": promise, "total": total or len(cells)}
    told |= {"style": sheet("described.css"), "data_uri": data_uri}
    return render("described_page.html.j2", cells=cells, flaws=flaws, asked=False, **told)
