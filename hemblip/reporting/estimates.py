"""Scores of one captioner (or baseline) on one set of cells, with intervals and paired differences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemblip.metrics.attributes import hallucinated
from hemblip.metrics.text import sentence_scores
from hemblip.predictions import TRUE_PREFIX
from hemblip.reporting.layout import Estimate
from hemblip.reporting.run_folder import annotated_keys

Values = NDArray[np.float64]

RESAMPLES = 2000


@dataclass(frozen=True)
class Ratio:
    """A score as a ratio of sums over cells: what counts (N,) over what could count (N,)."""

    counted: Values
    possible: Values


def cell_ratios(table: pd.DataFrame, text: bool = True) -> dict[str, Ratio]:
    """Score each cell of one model's prediction rows.

    Args:
        table: prediction rows.
        text: score captions against references as well.

    Returns:
        `bleu`, `rouge_l`, and for each annotated key `accuracy/<key>` (silence is wrong), `selective/<key>` (only where
        the caption states it), `coverage/<key>`, `hallucination/<key>`.
    """
    ones = np.ones(len(table))
    found: dict[str, Ratio] = {}
    if text:
        scores = sentence_scores(table["reference"].tolist(), table["caption"].tolist())
        for name in ("bleu", "rouge_l"):
            found[name] = Ratio(np.array([score[name] for score in scores]), ones)
    for key in annotated_keys(table):
        annotated = table[TRUE_PREFIX + key].notna().to_numpy()
        stated = annotated & table[key].notna().to_numpy()
        right = stated & (table[key] == table[TRUE_PREFIX + key]).to_numpy()
        found[f"accuracy/{key}"] = Ratio(right.astype(float), annotated.astype(float))
        found[f"selective/{key}"] = Ratio(right.astype(float), stated.astype(float))
        found[f"coverage/{key}"] = Ratio(stated.astype(float), annotated.astype(float))
        found[f"hallucination/{key}"] = Ratio(hallucinated(table, key).astype(float), ones)
    return found


class Scored:
    """Scores of one model on one set of cells, over all its seeds.

    Args:
        tables: prediction rows, one table a seed, of the same cells in the same order.
        resamples: bootstrap draws over groups.
        seed: of the draws; models on the same cells get the same draws, so that differences are paired.
    """

    def __init__(self, tables: Sequence[pd.DataFrame], resamples: int = RESAMPLES, seed: int = 0) -> None:
        self.table = tables[0]
        self.seeds = len(tables)
        ratios = [cell_ratios(table) for table in tables]
        self.names = tuple(ratios[0])
        counted = np.stack([np.mean([r[name].counted for r in ratios], axis=0) for name in self.names], axis=1)
        possible = np.stack([np.mean([r[name].possible for r in ratios], axis=0) for name in self.names], axis=1)
        groups, index = np.unique(self.table["group"].astype(str), return_inverse=True)
        self.groups = len(groups)
        sums = np.zeros((2, self.groups, len(self.names)))
        np.add.at(sums[0], index, counted)
        np.add.at(sums[1], index, possible)
        weights = np.random.default_rng(seed).multinomial(
            self.groups, np.full(self.groups, 1 / self.groups), size=resamples
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            self._value = sums[0].sum(0) / sums[1].sum(0)  # (M,)
            self._draws = (weights @ sums[0]) / (weights @ sums[1])  # (R, M)

    @property
    def keys(self) -> list[str]:
        """Annotated attributes."""
        return [name.split("/")[1] for name in self.names if name.startswith("accuracy/")]

    def _column(self, name: str) -> tuple[float, Values]:
        if name in self.names:
            index = self.names.index(name)
            return float(self._value[index]), self._draws[:, index]
        chosen = [i for i, other in enumerate(self.names) if other.startswith(f"{name}/")]
        if not chosen:
            return float("nan"), np.full(len(self._draws), np.nan)
        return float(np.nanmean(self._value[chosen])), np.nanmean(self._draws[:, chosen], axis=1)

    def estimate(self, name: str, reason: str = "", **style: bool | int) -> Estimate:
        """One score with its interval; `name` without a key is the mean over annotated attributes."""
        value, draws = self._column(name)
        return _estimate(value, draws, self.groups, reason or "no cell is annotated with it", style)

    def difference(self, other: "Scored", name: str, **style: bool | int) -> Estimate:
        """This score minus the other's, on the same resamples."""
        (one, draws), (two, others) = self._column(name), other._column(name)
        return _estimate(one - two, draws - others, self.groups, "one of both has no such score", style)


def _estimate(value: float, draws: Values, groups: int, reason: str, style: Mapping[str, bool | int]) -> Estimate:
    if not np.isfinite(value):
        return Estimate(None, reason=reason, **style)  # type: ignore[arg-type]
    finite = draws[np.isfinite(draws)]
    if groups < 2 or not len(finite):
        return Estimate(value, **style)  # type: ignore[arg-type]
    low, high = np.quantile(finite, (0.025, 0.975))
    return Estimate(value, float(low), float(high), **style)  # type: ignore[arg-type]
