"""95 % intervals and p values over groups, by leaving out one group of cells after the other.

Cells of one slide or patient are not independent, so a score's uncertainty is that over groups. All scores here are
functions of sums over cells, so that leaving out a group is a subtraction. The jackknife's standard error (Efron and
Stein, Ann Stat 9:586, 1981) goes with Student's t, whose degrees of freedom fall below the number of groups less one
where few groups carry most of the variance (Satterthwaite, Biometrics 2:110, 1946; as for clustered data in Bell and
McCaffrey, Surv Methodol 28:169, 2002), and with the logit scale for scores that have limits. With 6 to 60 groups it
covers the truth about as often as it says, where percentiles of the bootstrap do not: experiments/intervals.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, stdtr, stdtrit

from hemblip.errors import DataError

Values = NDArray[np.float64]

FEW = 10
"""Groups below which tables warn."""

MOST = 2000
"""Groups left out one by one; of more, as many sets of them, so that a million cells cost no more."""

BLOCK = 500
"""Scores made at a time."""

OUTSIDE = 0.025
"""Of the distribution, on either side of an interval."""


@dataclass(frozen=True)
class Kinds:
    """Summands of which most are 0 and the others 1, by their place: 500 columns of a million cells take 4 GB.

    Attributes:
        places: columns (N, K) in which a cell has a 1; `width` stands for none.
        width: number of columns S.
    """

    places: NDArray[np.int16]
    width: int

    def __len__(self) -> int:
        return len(self.places)

    @property
    def shape(self) -> tuple[int, int]:
        """(N, S)."""
        return len(self.places), self.width


@dataclass(frozen=True)
class Sums:
    """What scores are made from, cell by cell.

    Attributes:
        cells: summands (N, S), numbers or flags.
        score: sums (..., S) -> scores (..., M), NaN where there is nothing to score.
        names: of the scores (M).
        count: sums (..., S) -> cells (..., M) that a score is about; None if it is about all.
        limits: least and greatest value that a score can have.
    """

    cells: Values | NDArray[np.bool_] | Kinds
    score: Callable[[Values], Values]
    names: tuple[str, ...]
    count: Callable[[Values], Values] | None = None
    limits: tuple[float, float] = (0.0, 1.0)

    @property
    def total(self) -> Values:
        """Sums over all cells (S,)."""
        rows = np.arange(len(self.cells))
        (sums,) = _summed(self.cells, rows, np.array([0, len(rows)]))
        return np.asarray(sums)


@dataclass(frozen=True)
class LeftOut:
    """Scores of all cells, and of those that are left when groups are left out.

    Attributes:
        values: (M,), NaN where there is nothing to score.
        without: (G, M), each without one group.
        groups: (M,), groups with cells that the score is about.
        each: (T, M), values of each table, of which `values` are the mean.
    """

    values: Values
    without: Values
    groups: NDArray[np.int64]
    each: Values


@dataclass(frozen=True)
class Interval:
    """A score, or a difference of two, and its 95 % interval.

    Attributes:
        value: of the cells as they are; None if there is nothing to score.
        low: lower end; None with fewer than 2 groups, or where one group alone makes the score.
        high: upper end.
        groups: number of groups with cells that the score is about.
    """

    value: float | None
    low: float | None
    high: float | None
    groups: int


def leave_out(sums: Sums, groups: Sequence[object]) -> LeftOut:
    """Score the cells with and without each group.

    Args:
        sums: of N cells.
        groups: slide or patient of each cell (N,).

    Raises:
        DataError: there are no cells, or not as many as groups.
    """
    return leave_out_of_all([sums], [numbered(groups)], [1.0])


def leave_out_of_all(tables: Sequence[Sums], groups: Sequence[NDArray[np.int64]], weights: Sequence[float]) -> LeftOut:
    """Score several tables of cells, each with and without each group, and average.

    Args:
        tables: sums of the cells of each table (T), of one list of scores.
        groups: number of each cell's group, from 0, the same in all tables; a table need not have them all.
        weights: of the tables in the mean (T,), summing to 1.

    Raises:
        DataError: a table has no cells, or not as many as groups.
    """
    for sums, group in zip(tables, groups, strict=True):
        if not len(group):
            raise DataError("no prediction rows to score; run `python -m hemblip test` on a split that has cells")
        if len(sums.cells) != len(group):
            raise DataError(f"{len(sums.cells)} cells were scored but {len(group)} have a group; give the same cells")
    count = 1 + max(int(group.max()) for group in groups)
    order = [np.argsort(group, kind="stable") for group in groups]
    ends = [np.searchsorted(group[rows], np.arange(count + 1)) for group, rows in zip(groups, order, strict=True)]
    sets = [np.zeros((min(MOST, count), sums.cells.shape[1])) for sums in tables]
    behind = np.zeros(len(tables[0].names), dtype=np.int64)
    for start in range(0, count, MOST):  # one group of each set at a time
        stop = min(start + MOST, count)
        having = np.zeros((stop - start, len(behind)), dtype=bool)
        for sums, rows, last, sets_of in zip(tables, order, ends, sets, strict=True):
            each = _summed(sums.cells, rows[last[start] : last[stop]], last[start : stop + 1] - last[start])
            sets_of[: len(each)] += each
            having |= sums.count is None or sums.count(each) > 0
        behind += having.sum(0)
    values, without = [], []
    with np.errstate(invalid="ignore", divide="ignore"):
        for sums, sets_of in zip(tables, sets, strict=True):
            whole = sets_of.sum(0)
            rest = whole - sets_of
            values.append(sums.score(whole))
            without.append([sums.score(rest[start : start + BLOCK]) for start in range(0, len(rest), BLOCK)])
    each_value = np.stack(values)
    mean = sum(weight * np.concatenate(parts) for weight, parts in zip(weights, without, strict=True))
    return LeftOut(np.asarray(weights) @ each_value, np.asarray(mean), behind, each_value)


def numbered(groups: Sequence[object]) -> NDArray[np.int64]:
    """Number groups (N,) in the order of their names, from 0."""
    return np.unique(np.asarray(groups, dtype=str), return_inverse=True)[1].astype(np.int64)


def _summed(cells: Values | NDArray[np.bool_] | Kinds, rows: NDArray[np.int64], ends: NDArray[np.int64]) -> Values:
    """Sum cells by group, (G, S): `rows` come group by group, those of group g from ends[g] to ends[g + 1]."""
    if not isinstance(cells, Kinds):
        sums, there = np.zeros((len(ends) - 1, cells.shape[1])), np.diff(ends) > 0
        if there.any():
            sums[there] = np.add.reduceat(cells[rows], ends[:-1][there], axis=0, dtype=np.float64)
        return sums
    wide, count = cells.width + 1, len(ends) - 1
    group = np.repeat(np.arange(count), np.diff(ends))
    places = (group[:, None] * wide + cells.places[rows]).ravel()
    return np.bincount(places, minlength=count * wide).reshape(count, wide)[:, :-1].astype(np.float64)


def interval(
    value: float,
    without: Values,
    groups: int,
    limits: tuple[float, float] | None = None,
    difference: bool = False,
) -> Interval:
    """Make a 95 % interval.

    Args:
        value: a score, or a difference of two; NaN where there is none.
        without: the same, each without one group (G,).
        groups: those with cells that it is about; the others' absence changes nothing.
        limits: of a score, or of each of two scores; None without any.
        difference: of two scores, whose interval is symmetric.
    """
    if not np.isfinite(value):
        return Interval(None, None, None, groups)
    error, freedom = _standard_error(value, without, groups)
    if np.isnan(error) or (error == 0 and limits is None):
        return Interval(float(value), None, None, groups)
    reach = float(stdtrit(freedom, 1 - OUTSIDE)) * error  # Student's quantile
    if limits is None or (difference and error > 0):
        return Interval(float(value), float(value - reach), float(value + reach), groups)
    low, span = limits[0], limits[1] - limits[0]
    if difference:
        low, span = -span, 2 * span
    share = min(1.0, max(0.0, (value - low) / span))
    if error == 0 or min(share, 1 - share) < 1e-12:  # all groups agree: the rarest other groups may be unseen
        edge = OUTSIDE ** (1 / groups)
        ends = edge * share, 1 - edge * (1 - share)
    else:
        steep = reach / span / (share * (1 - share))  # the logit's slope: its own error, without infinities
        ends = float(expit(logit(share) - steep)), float(expit(logit(share) + steep))
    return Interval(float(value), low + span * ends[0], low + span * ends[1], groups)


def p_value(difference: float, without: Values, groups: int, limits: tuple[float, float]) -> float | None:
    """Two-sided p of no difference, below 0.05 where the interval excludes 0; arguments as of `interval`.

    None where there is no interval. Where all groups have the same difference, it is the chance that so many of them do
    if others, unseen, make up for it by as much as the limits allow; for one score right in all groups and the other
    wrong, that is the sign test over groups.
    """
    error, freedom = _standard_error(difference, without, groups)
    if np.isnan(error):
        return None
    if error == 0:
        span = limits[1] - limits[0]
        return 1.0 if difference == 0 else min(1.0, float(2 * (span / (span + abs(difference))) ** groups))
    return float(2 * stdtr(freedom, -abs(difference) / error))  # Student's tail


def _standard_error(value: float, without: Values, groups: int) -> tuple[float, float]:
    """Standard error and its degrees of freedom; NaN where there is none."""
    apart = without - value
    if groups < 2 or not np.isfinite(apart).all():
        return np.nan, np.nan
    apart[np.abs(apart) < 1e-12] = 0.0  # rounding
    parts = min(groups, len(without))
    square, fourth = (apart**2).sum(), (apart**4).sum()
    # The expected square of a normal square is 3, so that equal groups have about as many degrees as groups.
    freedom = parts - 1 if fourth == 0 else max(1.0, min(parts - 1, 3 * square**2 / fourth))
    return float(np.sqrt((parts - 1) / parts * square)), float(freedom)


def holm(p: Sequence[float]) -> list[float]:
    """Correct p values for their number (Holm, Scand J Stat 6:65, 1979)."""
    order = np.argsort(p, kind="stable")
    corrected = np.maximum.accumulate([(len(p) - rank) * p[index] for rank, index in enumerate(order)])
    result = np.empty(len(p))
    result[order] = np.minimum(corrected, 1.0)
    return [float(value) for value in result]
