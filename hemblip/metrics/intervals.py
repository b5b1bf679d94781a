"""All scores of one model on one set of cells with 95 % intervals, and paired differences between models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemblip.errors import DataError
from hemblip.metrics.jackknife import Interval, interval, leave_out, numbered, p_value
from hemblip.metrics.summands import all_sums
from hemblip.morphology import KEYS
from hemblip.predictions import TRUE_PREFIX

if TYPE_CHECKING:  # an encoder is loaded only where BERTScore is asked for
    from hemblip.metrics.bert import BertScore

Values = NDArray[np.float64]


class Measured:
    """Scores of one model, over its seeds.

    Args:
        tables: prediction rows, one table a seed, of the same cells.
        text: whether to score the texts as well.
        bert: encoder of BERTScore; None leaves it out.

    Raises:
        DataError: there are no rows, or the seeds describe different cells.
    """

    def __init__(self, tables: Sequence[pd.DataFrame], text: bool = True, bert: BertScore | None = None) -> None:
        ordered = [_by_cell(table) for table in tables]
        self.cells = ordered[0]["cell_id"].tolist()
        for table in ordered[1:]:
            _same(self.cells, table["cell_id"].tolist(), "two seeds")
        self.keys = [key for key in KEYS if ordered[0][TRUE_PREFIX + key].notna().any()]
        group = numbered(ordered[0]["group"].tolist()) if len(ordered[0]) else np.empty(0, dtype=np.int64)
        self.groups = len(np.unique(group))
        each = [all_sums(table, self.keys, text, bert) for table in ordered]
        left = [[leave_out(sums, group) for sums in parts] for parts in each]
        self._limits = {name: sums.limits for sums in each[0] for name in sums.names}
        self.names = tuple(self._limits)
        values = np.array([np.concatenate([part.values for part in parts]) for parts in left])  # (seeds, M)
        self._values = values.mean(0)
        self._spread = values.std(0, ddof=1) if len(tables) > 1 else None
        self._without = np.mean([np.concatenate([part.without for part in parts], axis=1) for parts in left], axis=0)
        self._behind = np.concatenate([part.groups for part in left[0]])

    def interval(self, name: str) -> Interval:
        """A score with its interval: `accuracy/cell_type`, or `accuracy` for the mean over attributes.

        Raises:
            DataError: there is no score of this name.
        """
        return interval(*self._of(name), self._limits[name])

    def spread(self, name: str) -> float | None:
        """Standard deviation of a score over seeds; None with one seed."""
        place = self._place(name)
        if self._spread is None or np.isnan(self._spread[place]):
            return None
        return float(self._spread[place])

    def difference(self, other: Measured, name: str) -> Interval:
        """This score minus the other's, both without the same groups.

        Raises:
            DataError: there is no score of this name, or the models describe different cells.
        """
        return interval(*self._paired(other, name), self._limits[name], difference=True)

    def p_value(self, other: Measured, name: str) -> float | None:
        """Two-sided p of no difference; None where there is no interval. Errors as of `difference`."""
        return p_value(*self._paired(other, name), self._limits[name])

    def _paired(self, other: Measured, name: str) -> tuple[float, Values, int]:
        _same(self.cells, other.cells, "two models")
        (one, without, groups), (two, based, others) = self._of(name), other._of(name)
        return one - two, without - based, min(groups, others)

    def _of(self, name: str) -> tuple[float, Values, int]:
        place = self._place(name)
        return float(self._values[place]), self._without[:, place], int(self._behind[place])

    def _place(self, name: str) -> int:
        if name not in self._limits:
            raise DataError(f"no score '{name}'; there are {', '.join(self.names)}")
        return self.names.index(name)


def _by_cell(table: pd.DataFrame) -> pd.DataFrame:
    """Rows in the order of cells; as they are if they are in it."""
    return table if table["cell_id"].is_monotonic_increasing else table.sort_values("cell_id", ignore_index=True)


def _same(cells: Sequence[str], others: Sequence[str], who: str) -> None:
    if list(cells) != list(others):
        missing = len(set(cells) ^ set(others))
        raise DataError(f"{who} describe different cells ({missing} are in one only); test both on the same data")
