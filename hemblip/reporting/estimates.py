"""Scores of one captioner (or baseline) on one set of cells as a table's figures, and paired differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from hemblip.metrics.intervals import Measured
from hemblip.metrics.jackknife import Interval
from hemblip.metrics.references import comparable
from hemblip.metrics.text import SENTENCE_SCORES
from hemblip.reporting.layout import Estimate

if TYPE_CHECKING:  # an encoder is loaded only where BERTScore is asked for
    from hemblip.metrics.bert import BertScore


TEXTS = (*SENTENCE_SCORES, "sacrebleu", "bertscore", "bertscore_raw")
"""Scores of texts, which references can stand in the way of."""


class Scored:
    """Scores of one model on one set of cells, over all its seeds; measured when the first is asked for.

    Args:
        tables: prediction rows, one table a seed; see `hemblip.metrics.intervals.Measured`.
        bert: encoder of BERTScore; None leaves it out.
    """

    def __init__(self, tables: Sequence[pd.DataFrame], bert: BertScore | None = None) -> None:
        self.table, self.tables, self._bert = tables[0], list(tables), bert
        self.compared = comparable(tables[0])

    @cached_property
    def _measured(self) -> Measured:
        return Measured(self.tables, bert=self._bert)

    @property
    def sets(self) -> int:
        """Number of sets of cells that the seeds describe: 1 unless they have splits of their own."""
        return len(self._measured.sets)

    @property
    def groups(self) -> int:
        """Number of groups, see `hemblip.metrics.intervals.Measured`."""
        return self._measured.groups

    @property
    def keys(self) -> list[str]:
        """Attributes that have scores."""
        return self._measured.keys

    def estimate(self, name: str, reason: str = "", **style: bool | int) -> Estimate:
        """One score with its interval; `accuracy` is the mean over attributes, `accuracy/cell_type` one of them."""
        if name in TEXTS and not self.compared.rows.any():
            return Estimate(None, reason=self.compared.note, **style)  # type: ignore[arg-type]
        why = reason or ("no cell is annotated with it" if "/" in name else "no attribute has two annotated values")
        if name not in self._measured.names:
            return Estimate(None, reason=why, **style)  # type: ignore[arg-type]
        found = self._measured.interval(name)
        if name.startswith("selective_accuracy") and found.value is None:
            stated = self._measured.interval(name.replace("selective_accuracy", "coverage"))
            why = why if stated.value is None else "no caption states it"
        return replace(_estimate(found, why, style), spread=self._measured.spread(name))

    def difference(self, other: Scored, name: str, **style: bool | int) -> Estimate:
        """This score minus the other's, both without the same groups."""
        reason = "one of both has no such score"
        if name not in self._measured.names or name not in other._measured.names:
            return Estimate(None, reason=reason, **style)  # type: ignore[arg-type]
        return _estimate(self._measured.difference(other._measured, name), reason, style)

    def p_value(self, other: Scored, name: str) -> float | None:
        """Two-sided p of no difference; None without one."""
        if name not in self._measured.names or name not in other._measured.names:
            return None
        return self._measured.p_value(other._measured, name)


def _estimate(found: Interval, reason: str, style: Mapping[str, bool | int]) -> Estimate:
    if found.value is None:
        return Estimate(None, reason=reason, **style)  # type: ignore[arg-type]
    return Estimate(found.value, found.low, found.high, groups=found.groups, **style)  # type: ignore[arg-type]
