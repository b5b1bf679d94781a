"""All scores of one model on one set of cells with 95 % intervals, and paired differences between models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemblip.errors import DataError
from hemblip.metrics.jackknife import Interval, interval, leave_out_of_all, numbered, p_value
from hemblip.metrics.summands import all_sums
from hemblip.morphology import KEYS
from hemblip.predictions import TRUE_PREFIX

if TYPE_CHECKING:  # an encoder is loaded only where BERTScore is asked for
    from hemblip.metrics.bert import BertScore

Values = NDArray[np.float64]


class Measured:
    """Scores of one model, over its seeds.

    Args:
        tables: prediction rows, one table a seed. Seeds of other splits describe other cells: then scores are the mean
            over the sets of cells, and a group is left out of all of them.
        text: whether to score the texts as well.
        bert: encoder of BERTScore; None leaves it out.

    Raises:
        DataError: there are no rows.
    """

    def __init__(self, tables: Sequence[pd.DataFrame], text: bool = True, bert: BertScore | None = None) -> None:
        ordered = [_by_cell(table) for table in tables]
        sets = [tuple(table["cell_id"]) for table in ordered]
        self.sets = Counter(sets)
        self.keys = [key for key in KEYS if any(table[TRUE_PREFIX + key].notna().any() for table in ordered)]
        names = numbered([group for table in ordered for group in table["group"]]) if any(sets) else np.empty(0, int)
        groups = np.split(names, np.cumsum([len(cells) for cells in sets])[:-1])
        self.groups = len(np.unique(names))
        each = [all_sums(table, self.keys, text, bert) for table in ordered]
        weights = [1 / len(self.sets) / self.sets[cells] for cells in sets]
        # Where one set of cells has no texts to score, none has: their sums come last.
        left = [leave_out_of_all(parts, groups, weights) for parts in zip(*each, strict=False)]
        self._limits = {name: sums.limits for sums, _ in zip(each[0], left, strict=False) for name in sums.names}
        self.names = tuple(self._limits)
        self._values = np.concatenate([part.values for part in left])
        values = np.concatenate([part.each for part in left], axis=1)  # (seeds, M)
        self._spread = values.std(0, ddof=1) if len(tables) > 1 else None
        self._without = np.concatenate([part.without for part in left], axis=1)
        self._behind = np.concatenate([part.groups for part in left])

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
        if self.sets.keys() != other.sets.keys():
            ids, rest = ({cell for cells in who.sets for cell in cells} for who in (self, other))
            raise DataError(
                f"two models describe different cells ({len(ids ^ rest)} are in one only); test both on the same data"
            )
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
