"""Captions as a reader checks them: each statement is right, plausibly wrong, wrong or cannot be verified."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from hemblip.metrics.incompatible import Rule
from hemblip.metrics.verdicts import Verdict as Kind
from hemblip.metrics.verdicts import verdict as kind_of
from hemblip.morphology import KEYS
from hemblip.morphology.locate import cut, locate_statements
from hemblip.morphology.schema import words
from hemblip.predictions import CONFIDENCE_PREFIX, TRUE_PREFIX

Verdict = Literal["right", "near", "wrong", "unverifiable", "omitted"]

VERDICTS: Mapping[Verdict, str] = {
    "right": "right",
    "near": "wrong, but biologically plausible",
    "wrong": "wrong",
    "unverifiable": "not annotated, cannot be verified",
    "omitted": "annotated, but not stated",
}
"""From best to worst; the words are shown beside the colour."""

MARKS: Mapping[Verdict, str] = {"right": "✓", "near": "≈", "wrong": "✗", "unverifiable": "?", "omitted": "–"}
"""One sign each, so that no verdict is told by colour alone."""

KINDS: Mapping[str, str] = {
    "": "all cells",
    "wrong": f"{MARKS['wrong']} with a wrong statement",
    "near": f"{MARKS['near']} with a plausible error",
    "unverifiable": f"{MARKS['unverifiable']} with an unverifiable statement",
    "omitted": f"{MARKS['omitted']} with something left out",
    "contradicts": "↯ that contradict themselves",
    "clean": f"{MARKS['right']} everything right",
}
"""What cells can be chosen by, in words."""

COLOURS: Mapping[Verdict, str] = {
    "right": "#1b6e3c",
    "near": "#8a4b00",
    "wrong": "#b3261e",
    "unverifiable": "#574a9c",
    "omitted": "#565d6b",
}
"""Text colours, each with a contrast above 5:1 on white."""

NAMES: Mapping[Kind, Verdict] = {
    Kind.RIGHT: "right",
    Kind.PLAUSIBLE: "near",
    Kind.WRONG: "wrong",
    Kind.UNVERIFIABLE: "unverifiable",
    Kind.OMITTED: "omitted",
}
"""What pages and style sheets call the verdicts; silence about what is not annotated is not shown."""

_WORST: tuple[Verdict, ...] = ("wrong", "near", "unverifiable", "right")


@dataclass(frozen=True)
class Statement:
    """What a caption says of one attribute, and what the annotation says."""

    key: str
    stated: str | None
    truth: str | None
    verdict: Verdict
    confidence: float | None = None

    @property
    def name(self) -> str:
        """The attribute in words."""
        return words(self.key)

    def __str__(self) -> str:
        stated = self.stated or "not stated"
        if self.confidence is not None:
            stated = f"{stated}, {100 * self.confidence:.0f}\u00a0% sure"
        if self.verdict in ("right", "unverifiable"):
            return f"{self.name}: {stated}"
        return f"{self.name}: {stated} (annotated: {self.truth})"


@dataclass(frozen=True)
class Piece:
    """A stretch of a caption and the attributes that it states; `verdict` is None where nothing is stated.

    `confidence` is that of its least sure statement, 0 to 1; None where it is not known.
    """

    text: str
    verdict: Verdict | None = None
    note: str = ""
    keys: tuple[str, ...] = ()
    confidence: float | None = None


def pair_in_words(row: Mapping[str, Any], rule: Rule) -> str:
    """The two statements of a caption that a rule excludes, as in "cell type basophil and granule colour red"."""
    return f"{words(rule.key).lower()} {row[rule.key]} and {words(rule.other).lower()} {row[rule.other]}"


def judge(row: Mapping[str, Any]) -> list[Statement]:
    """Compare what one prediction row states with its annotation; attributes that neither has are left out."""
    found, annotation = [], {key: row[TRUE_PREFIX + key] for key in KEYS}
    for key in KEYS:
        truth, stated = row[TRUE_PREFIX + key], row[key]
        kind = kind_of(key, truth, stated, annotation)
        if kind != Kind.SILENT:
            sure = None if stated is None else row.get(CONFIDENCE_PREFIX + key)
            found.append(Statement(key, stated, truth, NAMES[kind], None if sure is None or pd.isna(sure) else sure))
    return found


def marked_caption(row: Mapping[str, Any]) -> list[Piece]:
    """Cut a caption into pieces with and without statements, each with its verdict.

    Words that state two attributes get the worse verdict and both notes.
    """
    caption = str(row["caption"])
    judged = {statement.key: statement for statement in judge(row)}
    told = [
        place for place in locate_statements(caption) if place.key in judged and judged[place.key].stated == place.value
    ]
    return [_piece(text, [judged[key] for key in keys]) for text, keys in cut(caption, told)]


def _piece(text: str, statements: list[Statement]) -> Piece:
    if not statements:
        return Piece(text)
    verdicts, keys = {statement.verdict for statement in statements}, tuple(s.key for s in statements)
    worst = next(verdict for verdict in _WORST if verdict in verdicts)
    least = min((s.confidence for s in statements if s.confidence is not None), default=None)
    return Piece(text, worst, "; ".join(f"{MARKS[s.verdict]} {s}" for s in statements), keys, least)
