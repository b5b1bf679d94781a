"""Tables of estimates, written as Markdown and CSV; `latex` and the HTML report's template lay out the same tables."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import pandas as pd

from hemblip.metrics.jackknife import FEW
from hemblip.plain_text import csv_text

Kind = Literal["model", "baseline", "published"]

PUBLISHED = "†"
"""Follows a figure of the paper."""

BELOW = "▽"
"""Follows a captioner's figure that does not beat the baselines."""


@dataclass(frozen=True)
class Estimate:
    """One figure with its 95 % interval, or the reason why there is none.

    Attributes:
        value: as a share or score; None if there is none.
        low: lower end of the interval; None without interval.
        high: upper end.
        reason: why `value` is None.
        below: a captioner's figure that does not beat the baselines.
        percent: written times 100.
        digits: behind the decimal point.
        signed: a difference, written with its sign.
        p: of a difference, corrected for the number of comparisons.
        spread: standard deviation over seeds; None with one.
        groups: patients or slides behind the figure; None if it is not known.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str = ""
    below: bool = False
    percent: bool = False
    digits: int = 3
    signed: bool = False
    p: float | None = None
    spread: float | None = None
    groups: int | None = None

    def number(self, value: float) -> str:
        """Write one number of this kind."""
        text = f"{100 * value if self.percent else value:{'+' if self.signed else ''}z,.{self.digits}f}"  # z: no -0.0
        return text.replace("-", "−")

    @property
    def interval(self) -> str:
        """The ends in brackets, with the number of groups if they are few; or nothing."""
        few = f"{self.groups} groups" if self.groups is not None and self.groups < FEW else ""
        if self.low is None or self.high is None:
            return "[1 group]" if self.groups == 1 else ""
        return f"[{'; '.join(filter(None, [f'{self.number(self.low)}, {self.number(self.high)}', few]))}]"

    @property
    def over_seeds(self) -> str:
        """The standard deviation over seeds, or nothing."""
        return "" if self.spread is None else f"± {replace(self, signed=False).number(self.spread)}"

    def __str__(self) -> str:
        if self.value is None:
            return f"n/a ({self.reason})" if self.reason else "n/a"
        return " ".join(filter(None, [self.short, self.over_seeds, self.interval, self.chance]))

    @property
    def short(self) -> str:
        """The number with its mark, without interval and reason."""
        return "n/a" if self.value is None else self.number(self.value) + (BELOW if self.below else "")

    @property
    def chance(self) -> str:
        """The p value in words, or nothing."""
        if self.p is None:
            return ""
        return "p < 0.001" if self.p < 0.001 else f"p = {self.p:.3f}"


@dataclass(frozen=True)
class Column:
    """A column below a group's heading, as "BLEU" below "Internal"."""

    group: str
    name: str
    kind: Kind = "model"


@dataclass(frozen=True)
class Row:
    """A row: its label, and one cell a column (text or figure)."""

    label: str
    cells: Sequence[Estimate | str]
    kind: Kind = "model"
    section: str = ""


@dataclass(frozen=True)
class Table:
    """A table with what a reader must know about it.

    Attributes:
        name: file name and anchor.
        title: caption.
        corner: heading of the labels.
        columns: in order; neighbours of one group share a heading.
        rows: in order; a change of `section` starts a block.
        notes: below the table.
        folded: the page shows it only when it is asked for.
    """

    name: str
    title: str
    corner: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    notes: Sequence[str] = field(default_factory=tuple)
    folded: bool = False

    @property
    def reasons(self) -> list[str]:
        """Why some figures are not available, each once."""
        cells = [cell for row in self.rows for cell in row.cells]
        missing = [cell.reason for cell in cells if isinstance(cell, Estimate) and cell.value is None and cell.reason]
        return list(dict.fromkeys(missing))

    @property
    def groups(self) -> list[tuple[str, int, Kind]]:
        """Headings with the number of columns that they span."""
        found: list[tuple[str, int, Kind]] = []
        for column in self.columns:
            if found and found[-1][0] == column.group and found[-1][2] == column.kind:
                found[-1] = (column.group, found[-1][1] + 1, column.kind)
            else:
                found.append((column.group, 1, column.kind))
        return found


def to_markdown(table: Table) -> str:
    """Write a table for a README: one header line, since Markdown has no spanning headings."""
    headings = [table.corner, *(_heading(column) for column in table.columns)]
    lines = [f"**{table.title}**", "", _line(headings), _line(["---", *["---:"] * len(table.columns)])]
    section = ""
    for row in table.rows:
        if row.section != section:
            section = row.section
            lines.append(_line([f"*{section}*", *[""] * len(table.columns)]))
        lines.append(_line([_label(row), *map(str, row.cells)]))
    return "\n".join([*lines, "", *(f"{note}  " for note in table.notes)]) + "\n"


def _heading(column: Column) -> str:
    mark = PUBLISHED if column.kind == "published" else ""
    return " ".join(filter(None, [column.group + mark, column.name]))


def _label(row: Row) -> str:
    return f"{row.label} {PUBLISHED}" if row.kind == "published" else row.label


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    """Text as Markdown shows it: names come from outside."""
    text = re.sub("<(?=[A-Za-z/!?])", "&lt;", text)  # what begins a tag; "p < 0.05" does not
    return text.replace("|", "\\|").replace("](", "]\\(").replace("`", "\\`")


FIGURE = ("section", "row", "kind", "group", "column", "value", "low", "high", "seed_sd", "groups", "note")


def to_csv(table: Table) -> str:
    """Write one line a figure, for further computing: full precision, shares not percent."""
    lines: list[list[str]] = []
    for row in table.rows:
        for column, cell in zip(table.columns, row.cells, strict=True):
            kind = "published" if "published" in (row.kind, column.kind) else row.kind
            kind = column.kind if kind == "model" else kind
            place = [row.section, row.label, kind, column.group, column.name]
            if isinstance(cell, str):
                lines.append([*place, cell, *[""] * 5])
                continue
            note = f"n/a ({cell.reason})" if cell.value is None else "does not beat the baselines" if cell.below else ""
            note = note or (f"p {cell.p:.6g}" if cell.p is not None else "")
            numbers = (cell.value, cell.low, cell.high, cell.spread, cell.groups)
            lines.append([*place, *("" if number is None else f"{number:.6g}" for number in numbers), note])
    return csv_text(pd.DataFrame(lines, columns=list(FIGURE)))
