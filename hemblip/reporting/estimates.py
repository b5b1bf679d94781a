"""Scores of one captioner (or baseline) on one set of cells as a table's figures, and paired differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemblip.metrics.intervals import Resampled, Resamples, p_value
from hemblip.metrics.summands import mean_sums
from hemblip.reporting.layout import Estimate

if TYPE_CHECKING:  # an encoder is loaded only where BERTScore is asked for
    from hemblip.metrics.bert import BertScore

Values = NDArray[np.float64]

RESAMPLES = 2000
"""Draws for a report: the ends of intervals move by about 0.1 percentage points from seed to seed."""


class Scored:
    """Scores of one model on one set of cells, over all its seeds.

    Args:
        tables: prediction rows, one table a seed, of the same cells.
        resamples: bootstrap draws over groups.
        seed: of the draws; models on the same cells get the same draws, so that differences are paired.
        bert: encoder of BERTScore; None leaves it out.
    """

    def __init__(
        self,
        tables: Sequence[pd.DataFrame],
        resamples: int = RESAMPLES,
        seed: int = 0,
        bert: BertScore | None = None,
    ) -> None:
        self.table, self.tables = tables[0], list(tables)
        self.resampled = Resampled(tables, resamples, seed)
        self.groups, self.keys = self.resampled.groups, self.resampled.keys
        self._bert = None if bert is None else _bert_draws(tables, resamples, seed, bert)

    def column(self, name: str) -> tuple[float, Values]:
        """A score and its resamples (R,); NaN where there is none."""
        if name == "bertscore" and self._bert is not None:
            return self._bert
        if name not in self.resampled.names:
            return float("nan"), np.full(1, np.nan)
        return self.resampled.column(name)

    def estimate(self, name: str, reason: str = "", **style: bool | int) -> Estimate:
        """One score with its interval; `accuracy` is the mean over attributes, `accuracy/cell_type` one of them."""
        value, draws = self.column(name)
        silent = name.startswith("selective_accuracy") and np.isfinite(self.column(f"accuracy{name[18:]}")[0])
        why = "no caption states it" if silent else reason or "no cell is annotated with it"
        return _estimate(value, draws, self.groups, why, style)

    def difference(self, other: Scored, name: str, **style: bool | int) -> Estimate:
        """This score minus the other's, on the same resamples."""
        (one, draws), (two, others) = self.column(name), other.column(name)
        return _estimate(one - two, draws - others, self.groups, "one of both has no such score", style)

    def p_value(self, other: Scored, name: str) -> float | None:
        """Two-sided p of no difference; None without one."""
        differences = self.column(name)[1] - other.column(name)[1]
        return p_value(differences) if self.groups > 1 and np.isfinite(differences).any() else None


def _bert_draws(tables: Sequence[pd.DataFrame], resamples: int, seed: int, bert: BertScore) -> tuple[float, Values]:
    drawn = []
    for table in tables:
        table = table.sort_values("cell_id", ignore_index=True)
        scores = np.array(bert(table["reference"].tolist(), table["caption"].tolist()))
        sums = mean_sums({"bertscore": scores})
        drawn.append(Resamples(table["group"].tolist(), resamples, seed).draw(sums.cells, sums.score))
    return float(np.mean([value for value, _ in drawn])), np.mean([draws[:, 0] for _, draws in drawn], axis=0)


def _estimate(value: float, draws: Values, groups: int, reason: str, style: Mapping[str, bool | int]) -> Estimate:
    if not np.isfinite(value):
        return Estimate(None, reason=reason, **style)  # type: ignore[arg-type]
    finite = draws[np.isfinite(draws)]
    if groups < 2 or not len(finite):
        return Estimate(value, **style)  # type: ignore[arg-type]
    low, high = np.quantile(finite, (0.025, 0.975))
    return Estimate(value, float(low), float(high), **style)  # type: ignore[arg-type]
