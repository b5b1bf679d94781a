"""95 % intervals by the bootstrap over groups, and paired comparisons of models on the same resamples.

Cells of one slide or patient are not independent, so whole groups are drawn with replacement. All scores here are
functions of sums over cells; each resample needs only the sums of its groups, so that 10,000 resamples are one matrix
product. The intervals are percentiles; with few groups (below about 20) they are too narrow, which is why the number
of groups stands beside them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemblip.errors import DataError
from hemblip.metrics.summands import all_sums
from hemblip.morphology import KEYS
from hemblip.predictions import TRUE_PREFIX

Values = NDArray[np.float64]

RESAMPLES = 10_000

BLOCK = 500
"""Resamples drawn at a time: their weights (BLOCK, G) fit the cache."""


@dataclass(frozen=True)
class Interval:
    """A score and the central 95 % of its resamples.

    Attributes:
        value: of the cells as they are; None if there is nothing to score.
        low: 2.5 % quantile; None with fewer than 2 groups.
        high: 97.5 % quantile.
        groups: number of groups drawn from.
    """

    value: float | None
    low: float | None
    high: float | None
    groups: int


class Resamples:
    """Draws of groups with replacement; models on the same cells get the same draws.

    Args:
        groups: slide or patient of each cell (N,).
        count: number of draws R.
        seed: of the draws.

    Raises:
        DataError: there are no cells.
    """

    def __init__(self, groups: Sequence[object], count: int = RESAMPLES, seed: int = 0) -> None:
        if not len(groups):
            raise DataError("no prediction rows to resample; run `python -m hemblip test` on a split that has cells")
        names, self.group = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
        self.groups, self.count, self.seed = len(names), count, seed

    def _weights(self) -> Iterator[Values]:
        """How often each group is drawn, (BLOCK, G) at a time."""
        random = np.random.default_rng(self.seed)
        for start in range(0, self.count, BLOCK):
            rows = min(BLOCK, self.count - start)
            # As multinomial draws, but faster: G draws a row, counted.
            drawn = random.integers(self.groups, size=(rows, self.groups))
            drawn += self.groups * np.arange(rows)[:, None]
            counts = np.bincount(drawn.ravel(), minlength=rows * self.groups)
            yield counts.reshape(rows, self.groups).astype(np.float64)

    def draw(self, cells: Values, score: Callable[[Values], Values]) -> tuple[Values, Values]:
        """Score the cells and each resample.

        Args:
            cells: summands (N, S).
            score: sums (..., S) -> scores (..., M).

        Returns:
            Scores (M,) and scores of the resamples (R, M).
        """
        if len(cells) != len(self.group):
            raise DataError(f"{len(cells)} cells were scored but {len(self.group)} are resampled; give the same cells")
        sums = np.zeros((self.groups, cells.shape[1]))
        np.add.at(sums, self.group, cells)
        with np.errstate(invalid="ignore", divide="ignore"):
            return score(sums.sum(0)), np.concatenate([score(weights @ sums) for weights in self._weights()])


class Resampled:
    """Scores of one model, over its seeds, and of the resamples of their cells.

    Args:
        tables: prediction rows, one table a seed, of the same cells.
        resamples: number of draws.
        seed: of the draws; models that are compared need the same.
        text: whether to score the texts as well.

    Raises:
        DataError: there are no rows, or the seeds describe different cells.
    """

    def __init__(
        self, tables: Sequence[pd.DataFrame], resamples: int = RESAMPLES, seed: int = 0, text: bool = True
    ) -> None:
        ordered = [table.sort_values("cell_id", ignore_index=True) for table in tables]
        self.cells = ordered[0]["cell_id"].tolist()
        for table in ordered[1:]:
            _same(self.cells, table["cell_id"].tolist(), "two seeds")
        self.keys = [key for key in KEYS if ordered[0][TRUE_PREFIX + key].notna().any()]
        draws = Resamples(ordered[0]["group"].tolist(), resamples, seed)
        self.groups, self.settings = draws.groups, (resamples, seed)
        each = [
            [(draws.draw(sums.cells, sums.score), sums.names) for sums in all_sums(table, self.keys, text)]
            for table in ordered
        ]
        self.names = tuple(name for _, names in each[0] for name in names)
        values = np.array([np.concatenate([value for (value, _), _ in parts]) for parts in each])  # (seeds, M)
        self.values = values.mean(0)
        self.seed_deviation = values.std(0, ddof=1) if len(tables) > 1 else None
        self.draws = np.mean([np.concatenate([drawn for (_, drawn), _ in parts], axis=1) for parts in each], axis=0)

    def interval(self, name: str) -> Interval:
        """A score with its interval: `accuracy/cell_type`, or `accuracy` for the mean over attributes."""
        value, draws = self.column(name)
        return interval_of(value, draws, self.groups)

    def column(self, name: str) -> tuple[float, Values]:
        """A score and its resamples (R,); NaN where there is none.

        Raises:
            DataError: there is no score of this name.
        """
        if name not in self.names:
            raise DataError(f"no score '{name}'; there are {', '.join(self.names)}")
        index = self.names.index(name)
        return float(self.values[index]), self.draws[:, index]

    def spread(self, name: str) -> float | None:
        """Standard deviation of a score over seeds; None with one seed."""
        self.column(name)
        if self.seed_deviation is None or np.isnan(self.seed_deviation[self.names.index(name)]):
            return None
        return float(self.seed_deviation[self.names.index(name)])


def compare(one: Resampled, other: Resampled, metric: str = "accuracy") -> pd.DataFrame:
    """Tell by how much one model is better than another, attribute by attribute, on the same resamples.

    Args:
        one: a model.
        other: another, on the same cells, drawn with the same seed.
        metric: `accuracy`, `macro_f1`, ...

    Returns:
        Indexed by key: `difference`, `low`, `high` (95 %), `p` (two-sided, bootstrap) and `p_holm`, corrected for the
        number of attributes; None where there is no score, or fewer than 2 groups.

    Raises:
        DataError: the models describe different cells, or were drawn differently.
    """
    _same(one.cells, other.cells, "two models")
    if one.settings != other.settings:
        raise DataError(f"resampled differently: {one.settings} and {other.settings} draws and seed; use the same")
    rows = {}
    for key in (key for key in one.keys if key in other.keys):
        (value, draws), (base, based) = one.column(f"{metric}/{key}"), other.column(f"{metric}/{key}")
        gap = interval_of(value - base, draws - based, one.groups)
        p = p_value(draws - based) if gap.low is not None else None
        rows[key] = {"difference": gap.value, "low": gap.low, "high": gap.high, "p": p}
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=["difference", "low", "high", "p"]).astype(object)
    frame = frame.where(frame.notna(), None)
    known = frame["p"].notna()
    frame["p_holm"] = pd.Series(None, index=frame.index, dtype=object)
    frame.loc[known, "p_holm"] = holm([float(p) for p in frame.loc[known, "p"]])
    return frame


def p_value(differences: Values) -> float:
    """Two-sided p of no difference: twice the share of resamples on the other side of 0, never below 2 / (R + 1)."""
    known = differences[np.isfinite(differences)]
    below, above = int((known <= 0).sum()), int((known >= 0).sum())
    return min(1.0, 2 * (min(below, above) + 1) / (len(known) + 1))


def holm(p: Sequence[float]) -> list[float]:
    """Correct p values for their number (Holm, Scand J Stat 6:65, 1979)."""
    order = np.argsort(p, kind="stable")
    corrected = np.maximum.accumulate([(len(p) - rank) * p[index] for rank, index in enumerate(order)])
    result = np.empty(len(p))
    result[order] = np.minimum(corrected, 1.0)
    return [float(value) for value in result]


def _same(cells: Sequence[str], others: Sequence[str], who: str) -> None:
    if list(cells) != list(others):
        missing = len(set(cells) ^ set(others))
        raise DataError(f"{who} describe different cells ({missing} are in one only); test both on the same data")


def interval_of(value: float, draws: Values, groups: int) -> Interval:
    """Central 95 % of resampled scores around the score itself; none where it is not defined or of one group."""
    known = draws[np.isfinite(draws)]
    if not np.isfinite(value):
        return Interval(None, None, None, groups)
    if groups < 2 or not len(known):
        return Interval(float(value), None, None, groups)
    low, high = np.quantile(known, (0.025, 0.975))
    return Interval(float(value), float(low), float(high), groups)
