"""Tested cells of a run, chosen by what its captions get wrong and how sure they are; of two runs side by side."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemblip.metrics.incompatible import RULES, broken
from hemblip.metrics.verdicts import Verdict, verdict_matrix
from hemblip.morphology import KEYS
from hemblip.predictions import CONFIDENCE_KEYS
from hemblip.reporting.cards import make_cards
from hemblip.reporting.comparison import Comparison
from hemblip.reporting.html import render
from hemblip.reporting.statements import NAMES
from hemblip.reporting.sure_marks import MARKS
from hemblip.run import Run

Flags = NDArray[np.bool_]

SIDE = 112
"""Pixels of a cell's picture, as in the report."""

ERRORS = (Verdict.WRONG, Verdict.PLAUSIBLE, Verdict.OMITTED)

STATED = (Verdict.RIGHT, Verdict.PLAUSIBLE, Verdict.WRONG, Verdict.UNVERIFIABLE)


class Gallery:
    """The cells that one run described, or two.

    Args:
        runs: one, or two that described the same cells.

    Attributes:
        names: of the runs, as cards write them.
        splits: sets of cells that were described.

    Raises:
        DataError: nothing was described, or the runs described different cells.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self._comparison = Comparison(runs, gather=False)
        self.names = [model.name for model in self._comparison.models]
        self.splits = self._comparison.splits
        self._judged = lru_cache(maxsize=None)(lambda name, split: verdict_matrix(self._table(name, split)))

    def sources(self, split: str) -> list[str]:
        """Name where the cells of a split come from."""
        return sorted({str(source) for source in self._table(self._having(split)[0], split)["source"]})

    def find(
        self, split: str, kind: str = "", key: str = "", source: str = "", sure: str = "", who: str = ""
    ) -> list[str]:
        """Choose cells; an empty word leaves them all.

        Args:
            split: one of `splits`.
            kind: one of `hemblip.reporting.statements.KINDS`.
            key: attribute that the error is about.
            source: one of `sources`.
            sure: `style` of one of `hemblip.reporting.sure_marks.MARKS`, of a statement of this kind; what is left out
                has none.
            who: name of the run that all of this is asked of, `only <name>` if it must not hold of the other one;
                either of both if empty.

        Returns:
            Their ids, by id.
        """
        fits = {name: self._fits(name, split, kind, key, sure) for name in self._having(split)}
        table = self._table(next(iter(fits)), split)
        chosen = np.any(list(fits.values()), axis=0)
        for name, one in fits.items():
            if who in (name, f"only {name}"):
                others = [other for rest, other in fits.items() if rest != name]
                chosen = one & ~np.any(others, axis=0) if who != name and others else one
        if source:
            chosen = chosen & (table["source"] == source).to_numpy(dtype=bool)
        return [str(cell) for cell in table["cell_id"][chosen]]

    def cards(self, split: str, cells: Sequence[str]) -> str:
        """Cells with the captions of each run, as in the report."""
        return render("tested.html.j2", cells=make_cards(self._comparison, [(split, cell) for cell in cells], SIDE))

    def _having(self, split: str) -> list[str]:
        return [model.name for model in self._comparison.models if split in model.scored]

    def _table(self, name: str, split: str) -> pd.DataFrame:
        return next(model.scored[split].table for model in self._comparison.models if model.name == name)

    def _fits(self, name: str, split: str, kind: str, key: str, sure: str) -> Flags:
        """Tell which rows (N,) have what is asked for."""
        table = self._table(name, split)
        places = [KEYS.index(key)] if key else list(range(len(KEYS)))
        judged = self._judged(name, split)[:, places]
        such = np.isin(judged, STATED)
        if kind == "clean":
            hit = ~np.isin(judged, ERRORS).any(axis=1) & (judged == Verdict.RIGHT).any(axis=1)
        elif kind == "contradicts":
            rules = [rule for rule in RULES if not key or key in (rule.key, rule.other)]
            hit = np.any([np.zeros(len(table), dtype=bool), *(broken(table, rule) for rule in rules)], axis=0)
        elif kind:
            such = judged == next(verdict for verdict, told in NAMES.items() if told == kind)
            hit = such.any(axis=1)
        else:
            hit = (judged != Verdict.SILENT).any(axis=1) | (not key)
        if sure:
            hit = hit & (such & _of_mark(table, sure)[:, places]).any(axis=1)
        return np.asarray(hit, dtype=np.bool_)


def _of_mark(table: pd.DataFrame, style: str) -> Flags:
    """Tell which statements (N, 15) have a mark; none where rows do not say how sure each is."""
    if not set(CONFIDENCE_KEYS) <= set(table.columns):
        return np.zeros((len(table), len(KEYS)), dtype=bool)
    sure = table[list(CONFIDENCE_KEYS)].to_numpy(dtype=np.float64, na_value=np.nan)
    place = next(number for number, mark in enumerate(MARKS) if mark.style == style)
    below = MARKS[place - 1].least if place else np.inf
    return np.asarray((sure >= MARKS[place].least) & (sure < below), dtype=np.bool_)


def runs_beside(run: Run) -> dict[str, Run]:
    """Find the tested runs in the same folder of runs, by label."""
    place = run.folder.resolve()
    if run.name != place.parent.name:  # no `<name>/version_<n>`
        return {}
    found = (other for name in sorted(place.parent.parent.iterdir()) for other in Run.versions(name))
    return {other.label: other for other in found if other.folder.resolve() != place and other.described}
