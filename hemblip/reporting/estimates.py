"""Scores of one captioner (or baseline) on one set of cells as a table's figures, and paired differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemblip.metrics.corpus_bleu import corpus_bleu_sums
from hemblip.metrics.intervals import Resampled, Resamples, p_value
from hemblip.metrics.summands import mean_sums
from hemblip.reporting.error_sums import contradicting, error_sums
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
        self._more = _more(tables, self.keys, resamples, seed, bert)

    def column(self, name: str) -> tuple[float, Values]:
        """A score and its resamples (R,); NaN where there is none."""
        if name in self._more:
            values, draws = self._more[name]
            return float(values.mean()), draws
        if name not in self.resampled.names:
            return float("nan"), np.full(1, np.nan)
        return self.resampled.column(name)

    def spread(self, name: str) -> float | None:
        """Standard deviation of a score over seeds; None with one seed, or without the score."""
        if name in self._more and len(self.tables) > 1:
            return float(self._more[name][0].std(ddof=1))
        return self.resampled.spread(name) if name in self.resampled.names else None

    def estimate(self, name: str, reason: str = "", **style: bool | int) -> Estimate:
        """One score with its interval; `accuracy` is the mean over attributes, `accuracy/cell_type` one of them."""
        value, draws = self.column(name)
        silent = name.startswith("selective_accuracy") and np.isfinite(self.column(f"accuracy{name[18:]}")[0])
        why = "no caption states it" if silent else reason or "no cell is annotated with it"
        return replace(_estimate(value, draws, self.groups, why, style), spread=self.spread(name))

    def difference(self, other: Scored, name: str, **style: bool | int) -> Estimate:
        """This score minus the other's, on the same resamples."""
        (one, draws), (two, others) = self.column(name), other.column(name)
        return _estimate(one - two, draws - others, self.groups, "one of both has no such score", style)

    def p_value(self, other: Scored, name: str) -> float | None:
        """Two-sided p of no difference; None without one."""
        differences = self.column(name)[1] - other.column(name)[1]
        return p_value(differences) if self.groups > 1 and np.isfinite(differences).any() else None


def _more(
    tables: Sequence[pd.DataFrame], keys: Sequence[str], resamples: int, seed: int, bert: BertScore | None
) -> dict[str, tuple[Values, Values]]:
    """What reports show beside the scores of `Resampled`: of each seed (S,), and resamples (R,) of their mean."""
    found: dict[str, list[tuple[float, Values]]] = {}
    for table in tables:
        table = table.sort_values("cell_id", ignore_index=True)
        texts = table["reference"].tolist(), table["caption"].tolist()
        means = {"contradicting": contradicting(table)}
        if bert is not None:
            means["bertscore"] = np.array(bert(*texts))
        draws = Resamples(table["group"].tolist(), resamples, seed)
        for sums in (corpus_bleu_sums(*texts), mean_sums(means), *([error_sums(table, keys)] if keys else [])):
            values, drawn = draws.draw(sums.cells, sums.score)
            for name, value, column in zip(sums.names, values, drawn.T, strict=True):
                found.setdefault(name, []).append((float(value), column))
    return {
        name: (np.array([value for value, _ in each]), np.mean([column for _, column in each], axis=0))
        for name, each in found.items()
    }


def _estimate(value: float, draws: Values, groups: int, reason: str, style: Mapping[str, bool | int]) -> Estimate:
    if not np.isfinite(value):
        return Estimate(None, reason=reason, **style)  # type: ignore[arg-type]
    finite = draws[np.isfinite(draws)]
    if groups < 2 or not len(finite):
        return Estimate(value, **style)  # type: ignore[arg-type]
    low, high = np.quantile(finite, (0.025, 0.975))
    return Estimate(value, float(low), float(high), **style)  # type: ignore[arg-type]
