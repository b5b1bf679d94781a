"""Captioners and baselines side by side: who is compared on which cells, and who beats whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from hemblip.data.records import INTERNAL
from hemblip.data.sources.synthetic import DRAWN, all_drawn
from hemblip.data.taught import never_seen, taught_values
from hemblip.metrics.asked import ASKED, as_answered, choose, has_answers, is_asked, with_better_confidence
from hemblip.morphology.extract import extractor_version
from hemblip.morphology.schema import words
from hemblip.predictions import TRUE_PREFIX
from hemblip.reporting.estimates import Scored
from hemblip.reporting.layout import Estimate, Kind
from hemblip.reporting.run_settings import annotated_by_some, check_same_cells, differing_tests
from hemblip.run import SCALES, TRAINING_CELLS, Run
from hemblip.splits import PLACES, cells_of, order_of

if TYPE_CHECKING:  # an encoder is loaded only where BERTScore is asked for
    from hemblip.metrics.bert import BertScore


@dataclass(frozen=True)
class Contestant:
    """A captioner, over all its seeds, or a baseline.

    Attributes:
        name: as the tables write it.
        kind: "model" or "baseline".
        scored: split -> scores; a split whose cells it did not describe is absent.
        validation: validation rows of a captioner's first seed, with the confidence that was chosen; None without.
        run: a captioner's first seed.
    """

    name: str
    kind: Kind
    scored: Mapping[str, Scored]
    validation: pd.DataFrame | None = None
    run: Run | None = None

    def validated(self, split: str) -> pd.DataFrame | None:
        """Give validation rows whose confidences are of the kind that those of a split are: asked or told."""
        if self.run is not None and not is_asked(self.scored[split].table):
            return self.run.validation
        return self.validation


class Contest:
    """Captioners and baselines on the same cells: who beats whom.

    Args:
        models: captioners.
        baselines: what they must beat.
    """

    def __init__(self, models: Sequence[Contestant], baselines: Sequence[Contestant]) -> None:
        self.models, self.baselines = list(models), list(baselines)

    @property
    def contestants(self) -> list[Contestant]:
        """Captioners, then baselines."""
        return [*self.models, *self.baselines]

    @cached_property
    def splits(self) -> list[str]:
        """Splits that at least one captioner described."""
        found = {split for model in self.models for split in model.scored}
        return sorted(found, key=order_of)

    @property
    def columns(self) -> list[str]:
        """Splits that tables have columns of: the paper's two, and what else was described."""
        return sorted({*PLACES, *self.splits}, key=order_of)

    @property
    def external(self) -> list[str]:
        """External sets that at least one captioner described, those with names of their own among them."""
        return [split for split in self.splits if split not in INTERNAL]

    @property
    def has_seeds(self) -> bool:
        """Whether a captioner was trained more than once."""
        return any(len(scored.tables) > 1 for model in self.models for scored in model.scored.values())

    @property
    def has_splits(self) -> bool:
        """Whether a captioner was tested on the cells of several splits."""
        return any(scored.sets > 1 for model in self.models for scored in model.scored.values())

    def absence(self, who: Contestant | None, split: str) -> str:
        """Say why a contestant, or the baselines if it is None, has no scores on a split."""
        if split not in self.splits:
            if split == "external" and self.external:
                return f"external cells have columns of their own: {', '.join(self.external)}"
            return "no external set" if split == "external" else f"no {cells_of(split)} were described"
        if who is not None and who.kind == "model":
            return "this run did not describe these cells"
        return "no rows of this baseline for these cells" if who else "no baseline rows for these cells"

    def strongest_baseline(self, split: str, name: str = "accuracy") -> Contestant | None:
        """The baseline with the best score on a split; None without baselines."""
        having = [(b.scored[split].estimate(name).value, b) for b in self.baselines if split in b.scored]
        known = [(value, baseline) for value, baseline in having if value is not None]
        return max(known, key=lambda pair: pair[0])[1] if known else None

    def lead(self, model: Contestant, split: str, name: str = "accuracy") -> Estimate | None:
        """A captioner's paired lead over the strongest baseline; None if there is nothing to compare."""
        baseline = self.strongest_baseline(split, name)
        if baseline is None or split not in model.scored:
            return None
        found = model.scored[split].difference(baseline.scored[split], name, percent=True, digits=1, signed=True)
        return None if found.value is None else found

    def is_below(self, model: Contestant, split: str, name: str) -> bool:
        """Whether a captioner is not shown to beat the strongest baseline.

        The interval of its lead reaches zero, or one group of cells gives no interval.
        """
        lead = self.lead(model, split, name)
        return lead is not None and (lead.low is None or lead.low <= 0)


class Comparison(Contest):
    """All that the tables and figures are made from.

    Args:
        runs: in the order in which they are shown.
        bert: encoder of BERTScore; None leaves it out.
        risk: share of wrong statements that abstention aims at, 0 to 1.
        gather: take seeds of one model as one captioner.

    Attributes:
        warnings: what a reader must know.
        drawn: all cells are drawn, and nothing of the paper belongs beside them.

    Raises:
        DataError: the runs describe different cells.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        bert: BertScore | None = None,
        risk: float = 0.05,
        gather: bool = True,
    ) -> None:
        self.runs = list(runs)
        for run in self.runs:
            run.check_described()
        gathered = _seeds(self.runs) if gather else [[run] for run in self.runs]
        self.warnings = check_same_cells(gathered)
        self._unscored = {split: annotated_by_some(self.runs, split) for split in _splits(self.runs)}
        for split, keys in self._unscored.items():
            if keys:
                self.warnings.append(
                    f"{', '.join(words(key) for key in keys)} of {cells_of(split)}: left out of all scores, as some "
                    "of these runs have no annotation of it, as where training had one value only."
                )
        self.warnings += differing_tests(self.runs)
        self.warnings += _known_of(self.runs)
        self.drawn = _drawn(self.runs)
        self.bert, self.risk = bert, risk
        if bert is not None:
            bert.learn([rows for run in self.runs for split in run.described for rows in _described(run, split)])
        super().__init__([self._captioner(seeds) for seeds in gathered], self._baselines())
        for split in self.splits:
            if not any(split in baseline.scored for baseline in self.baselines):
                self.warnings.append(
                    f"No run holds baselines of {cells_of(split)} (predictions/baselines/{split}.parquet): "
                    "nothing shows whether a captioner knows more than the commonest values."
                )

    def _captioner(self, seeds: Sequence[Run]) -> Contestant:
        scored = {}
        for split in _splits(seeds):
            tables = [
                self._scorable(_sure(run.predictions(split), run), split) for run in seeds if split in run.described
            ]
            if tables:
                scored[split] = self._score(tables)
        label = seeds[0].name
        if any(run.name == label and run not in seeds for run in self.runs):
            label = seeds[0].label  # one name, different settings
        if len(seeds) > 1:
            label = f"{label} ({len(seeds)} seeds)"
        validation = seeds[0].validation
        sure = None if validation is None else _sure(validation, seeds[0])
        return Contestant(label, "model", scored, sure, seeds[0])

    def crop(self, split: str) -> float:
        """Share of a cell's shorter side that the first captioner saw, as recorded with its rows."""
        told = (run.provenance.get(split, {}).get("cells", {}).get("crop") for run in self.runs)
        return float(next((crop for crop in told if crop), 1.0))

    def scale(self, source: str) -> float | None:
        """Micrometres a pixel of a source's image files, as the first run that knows them was told."""
        told = [facts.get(SCALES, {}) for run in self.runs for facts in run.provenance.values()]
        return next((float(scales[source]) for scales in told if source in scales), None)

    def _scorable(self, table: pd.DataFrame, split: str) -> pd.DataFrame:
        """Rows without the annotations that are left out for all."""
        return table.assign(**{TRUE_PREFIX + key: None for key in self._unscored[split]})

    def _score(self, tables: Sequence[pd.DataFrame]) -> Scored:
        return Scored(tables, self.bert)

    def _baselines(self) -> list[Contestant]:
        """Those that know all the cells of a split that captioners describe, each set of cells once."""
        found: dict[str, dict[str, Scored]] = {}
        for split in _splits(self.runs):
            sets: dict[frozenset[tuple[str, str]], dict[str, pd.DataFrame]] = {}
            for run in (run for run in self.runs if split in run.described):
                known = sets.setdefault(cells := _cells(run.predictions(split)), {})
                if (baselines := run.baselines(split)) is not None:
                    for name, rows in baselines.groupby("model", sort=False):
                        if _cells(rows) == cells:
                            known.setdefault(str(name), rows.sort_values("cell_id", ignore_index=True))
            for name in dict.fromkeys(name for known in sets.values() for name in known):
                if all(name in known for known in sets.values()):
                    tables = [self._scorable(known[name], split) for known in sets.values()]
                    found.setdefault(name, {})[split] = self._score(tables)
        return [Contestant(name, "baseline", scored) for name, scored in found.items()]

    @cached_property
    def asked(self) -> list[Contestant]:
        """Captioners as they answer when they are asked, of those that were."""
        found = []
        for model in self.models:
            answered = {
                split: self._score([as_answered(table) for table in scored.tables])
                for split, scored in model.scored.items()
                if all(has_answers(table) for table in scored.tables)
            }
            if answered:
                found.append(Contestant(f"{model.name}, {ASKED}", "model", answered))
        return found

    @cached_property
    def by_source(self) -> dict[tuple[str, str], Contest]:
        """External cells of each set and source, scored apart."""
        found: dict[tuple[str, str], list[Contestant]] = {}
        for split, who in ((split, who) for split in self.external for who in self.contestants if split in who.scored):
            tables = who.scored[split].tables
            for source in sorted({source for table in tables for source in table["source"]}):
                parts = [table[table["source"] == source].reset_index(drop=True) for table in tables]
                parts = [part for part in parts if len(part)]
                found.setdefault((split, str(source)), []).append(replace(who, scored={split: self._score(parts)}))
        return {
            place: Contest([w for w in each if w.kind == "model"], [w for w in each if w.kind == "baseline"])
            for place, each in found.items()
        }


def _sure(table: pd.DataFrame, run: Run) -> pd.DataFrame:
    """Rows with the better of told and asked confidence, by validation, where both are known."""
    if run.validation is None or not (is_asked(table) and is_asked(run.validation)):
        return table
    return with_better_confidence(table, choose(run.validation))


def _known_of(runs: Sequence[Run]) -> list[str]:
    """What a reader must know of the cells and captions: drawn cells, what training lacked, captions read anew."""
    told = []
    if _drawn(runs):
        told.append(f"{DRAWN}: these scores say nothing of real cells.")
    for run in runs:
        training = run.folder / TRAINING_CELLS
        if training.is_file() and (lacking := never_seen(taught_values(pd.read_parquet(training)))):
            told.append(f"{run.label}: {lacking}")
        changed = [split for split, known in run.extractors().items() if known != extractor_version()]
        if read := [cells_of(split) for split in changed if split in run.described]:
            told.append(f"{run.label}: captions of {' and '.join(read)} were read anew, by the rules of today.")
    return list(dict.fromkeys(told))


def _drawn(runs: Sequence[Run]) -> bool:
    return all_drawn({source for run in runs for split in run.described for source in run.predictions(split)["source"]})


def _described(run: Run, split: str) -> list[pd.DataFrame]:
    """The captioner's rows of a split, and those of its baselines."""
    return [table for table in (run.predictions(split), run.baselines(split)) if table is not None]


def _splits(runs: Sequence[Run]) -> list[str]:
    return sorted({split for run in runs for split in run.described}, key=order_of)


def _cells(table: pd.DataFrame) -> frozenset[tuple[str, str]]:
    """Cells with their groups: only on the same ones are differences paired."""
    return frozenset(zip(table["cell_id"], table["group"], strict=True))


def _seeds(runs: Sequence[Run]) -> list[list[Run]]:
    """Gather runs that are seeds of one model, each seed once, in the order of the first of each.

    Those of one model come by the seed of their splits, so that the first ones of all models describe the same cells.
    """
    gathered: list[list[Run]] = []
    for run in runs:
        for seeds in gathered:
            if all(run.is_seed_of(seed) for seed in seeds):
                seeds.append(run)
                break
        else:
            gathered.append([run])
    return [sorted(seeds, key=lambda run: run.seeds[1] or 0) for seeds in gathered]
