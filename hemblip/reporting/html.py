"""Pages and parts of them from `templates/`; all text is escaped."""

import re
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from hemblip.morphology import KEYS
from hemblip.morphology.schema import words
from hemblip.reporting import statements, sure_marks

NOT_FOR_DIAGNOSIS = "Research software, not for diagnosis."


def render(template: str, **values: Any) -> str:
    """Fill in a template, `<name>.html.j2`."""
    return _environment().get_template(template).render(**values)


@cache
def sheet(name: str) -> Markup:
    """A style sheet or a script, to be put into a page as it is."""
    return Markup((files("hemblip.reporting") / "templates" / name).read_text(encoding="utf-8"))


@cache
def _environment() -> Environment:
    loader = PackageLoader("hemblip.reporting")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["breakable"] = _breakable
    environment.globals |= {"KEYS": KEYS, "NOT_FOR_DIAGNOSIS": NOT_FOR_DIAGNOSIS, "words": words}
    environment.globals |= {"marks": statements.MARKS, "verdicts": statements.VERDICTS, "kinds": statements.KINDS}
    environment.globals |= {"sure_marks": sure_marks.MARKS, "marked": sure_marks.marked}
    environment.globals |= {"mark_of": sure_marks.mark_of, "in_percent": sure_marks.in_percent}
    return environment


def _breakable(name: str) -> Markup:
    """Let a long run name break after underscores and slashes, on phones."""
    return Markup(re.sub(r"([_/])", r"\1<wbr>", str(escape(name))))
