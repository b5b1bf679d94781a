"""What kind of errors captions make: confusion matrices, and shares of plausible and other errors by attribute."""

from dataclasses import dataclass

import pandas as pd

from hemblip.metrics.attributes import SILENT, confusion_matrix, error_counts
from hemblip.metrics.verdicts import verdict
from hemblip.morphology import SCHEMA
from hemblip.predictions import annotated_keys
from hemblip.reporting.comparison import Comparison
from hemblip.reporting.statements import MARKS, NAMES, Verdict, words
from hemblip.run import cells_of


@dataclass(frozen=True)
class MatrixCell:
    """One count of a confusion matrix."""

    count: int
    share: float
    verdict: Verdict

    @property
    def mark(self) -> str:
        """The sign of the verdict, for those that are told apart by one."""
        return MARKS[self.verdict] if self.verdict in ("right", "near") else ""


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
    rows = []
    for truth, row in counts.iterrows():
        total = int(row.sum())
        cells = [MatrixCell(int(n), n / total, _verdict(key, str(truth), str(said))) for said, n in row.items()]
        rows.append(MatrixRow(f"{truth} ({total})", cells))
    return Matrix(title, [str(name) for name in counts.columns], rows)


def _verdict(key: str, truth: str, column: str) -> Verdict:
    return NAMES[verdict(key, truth, None if column == SILENT else column)]


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
