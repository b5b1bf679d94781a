"""How sure a statement is, in words and signs: colour alone would not reach everybody."""

from collections.abc import Mapping
from typing import NamedTuple

from hemblip.morphology.locate import cut, locate_statements
from hemblip.morphology.schema import words


class Mark(NamedTuple):
    """One degree of sureness.

    Attributes:
        least: probability from which it holds.
        words: for readers and screen readers.
        sign: beside the statement.
        style: class of the style sheet.
    """

    least: float
    words: str
    sign: str
    style: str


MARKS = (
    Mark(0.95, "very sure", "●●●", "sure"),
    Mark(0.8, "fairly sure", "●●○", "fair"),
    Mark(0.5, "unsure", "●○○", "unsure"),
    Mark(0.0, "little more than a guess", "○○○", "guess"),
)
"""From the surest."""

UNKNOWN = Mark(0.0, "not known how sure", "?", "unknown")


class Piece(NamedTuple):
    """A stretch of a caption; `mark` is None, and `keys` are none, where nothing is stated."""

    text: str
    mark: Mark | None = None
    note: str = ""
    keys: tuple[str, ...] = ()


def mark_of(confidence: float | None) -> Mark:
    """Choose the mark of a probability, 0 to 1; None where it is not known."""
    if confidence is None:
        return UNKNOWN
    return next(mark for mark in MARKS if confidence >= mark.least)


def marked(caption: str, confidence: Mapping[str, float]) -> list[Piece]:
    """Cut a caption into pieces with and without statements.

    Words that state two attributes get the mark of the less sure one, and a note of both.

    Args:
        caption: any text.
        confidence: key -> probability.
    """
    return [_piece(text, keys, confidence) for text, keys in cut(caption, locate_statements(caption))]


def in_percent(confidence: float | None) -> str:
    """A probability for readers: never 100 %, which no model can promise."""
    if confidence is None:
        return "unknown"
    return "above 99 %" if confidence >= 0.995 else f"{confidence:.0%}".replace("%", " %")


def _piece(text: str, keys: tuple[str, ...], confidence: Mapping[str, float]) -> Piece:
    if not keys:
        return Piece(text)
    known = [confidence[key] for key in keys if key in confidence]
    mark = mark_of(min(known) if known else None)
    told = (f"{words(key).lower()}, {in_percent(confidence.get(key))}" for key in keys)
    return Piece(text, mark, f"{mark.words}: {'; '.join(told)}", keys)
