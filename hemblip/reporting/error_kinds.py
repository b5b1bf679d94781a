"""What kind of errors captions make: confusion matrices, and shares of plausible and other errors by attribute."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from hemblip.metrics.attributes import SILENT, confusion_matrix, error_counts
from hemblip.metrics.verdicts import Verdict as Kind
from hemblip.metrics.verdicts import verdict, verdicts_of
from hemblip.morphology import SCHEMA
from hemblip.morphology.schema import words
from hemblip.predictions import TRUE_PREFIX, annotated_keys
from hemblip.reporting.comparison import Comparison
from hemblip.reporting.statements import MARKS, NAMES, Verdict
from hemblip.splits import cells_of


@dataclass(frozen=True)
class MatrixCell:
    """One count of a confusion matrix.

    Attributes:
        count: cells.
        share: of the row.
        verdict: on most of them.
        near: how many are plausible errors: other annotations of a cell can exclude a neighbouring value.
    """

    count: int
    share: float
    verdict: Verdict
    near: int = 0

    @property
    def mark(self) -> str:
        """The sign of the verdict, for those that are told apart by one, and of how many if it is not of all."""
        if self.verdict == "right":
            return MARKS["right"]
        if not self.near:
            return ""
        return MARKS["near"] + (str(self.near) if self.near < self.count else "")


@dataclass(frozen=True)
class MatrixRow:
    """Counts of one annotated value."""

    name: str
    cells: list[MatrixCell]


@dataclass(frozen=True)
class Matrix:
    """Annotated values against stated ones."""

    title: str
    columns: list[str]
    rows: list[MatrixRow]


@dataclass(frozen=True)
class MatrixGroup:
    """The matrices of one attribute."""

    name: str
    gist: str
    matrices: list[Matrix]


@dataclass(frozen=True)
class Bar:
    """Shares of one attribute's annotated cells by kind of error."""

    name: str
    shares: dict[Verdict, float]


@dataclass(frozen=True)
class Bars:
    """The attributes of one model on one set of cells."""

    title: str
    rows: list[Bar]


def confusion(table: pd.DataFrame, key: str, title: str) -> Matrix:
    """Lay out annotated against stated values of one attribute, over the annotated cells."""
    counts = confusion_matrix(table, key)
    plausible = table[verdicts_of(table, key) == Kind.PLAUSIBLE].groupby([TRUE_PREFIX + key, key]).size().to_dict()
    rows = []
    for truth, row in counts.iterrows():
        total = int(row.sum())
        cells = [_cell(key, str(truth), str(said), int(n), total, plausible) for said, n in row.items()]
        rows.append(MatrixRow(f"{truth} ({total})", cells))
    return Matrix(title, [str(name) for name in counts.columns], rows)


def _cell(
    key: str, truth: str, column: str, count: int, total: int, plausible: Mapping[tuple[str, str], int]
) -> MatrixCell:
    near = int(plausible.get((truth, column), 0))
    judged = NAMES[verdict(key, truth, None if column == SILENT else column)]
    if judged == "near" and 2 * near < count:
        judged = "wrong"
    return MatrixCell(count, count / total, judged, near)


def matrix_groups(comparison: Comparison) -> list[MatrixGroup]:
    """All confusion matrices, by attribute; the first seed of each captioner."""
    found: dict[str, list[Matrix]] = {}
    accuracy: dict[str, list[str]] = {}
    for split in comparison.splits:
        for model in comparison.models:
            if split not in model.scored:
                continue
            scored = model.scored[split]
            for key in annotated_keys(scored.table):
                place = f"{model.name}, {cells_of(split)}"
                found.setdefault(key, []).append(confusion(scored.table, key, place))
                right = scored.estimate(f"accuracy/{key}", percent=True, digits=0)
                if right.value is not None:
                    accuracy.setdefault(key, []).append(f"{place.split(' cells')[0]} {right.number(right.value)} %")
    return [
        MatrixGroup(words(key), f"right: {'; '.join(accuracy.get(key, []))}", found[key])
        for key in SCHEMA
        if key in found
    ]


def error_bars(comparison: Comparison) -> list[Bars]:
    """Shares by kind of error for each captioner and set of cells."""
    bars = []
    for split in comparison.splits:
        for model in comparison.models:
            if split in model.scored:
                table = model.scored[split].table
                rows = [Bar(words(key), _shares(table, key)) for key in annotated_keys(table)]
                bars.append(Bars(f"{model.name}, {cells_of(split)}", rows))
    return bars


def _shares(table: pd.DataFrame, key: str) -> dict[Verdict, float]:
    counts = error_counts(table, key)
    return {NAMES[kind]: count / sum(counts.values()) for kind, count in counts.items()}
