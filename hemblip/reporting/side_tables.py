"""Tables beside the paper's: diversity of captions, external validation by source, and paired differences."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import mean, stdev

from hemblip.metrics.diversity import NGRAM, diversity
from hemblip.metrics.jackknife import holm
from hemblip.morphology.schema import words
from hemblip.predictions import TRUE_KEYS, TRUE_PREFIX
from hemblip.reporting.comparison import Comparison, Contestant
from hemblip.reporting.estimates import Scored
from hemblip.reporting.layout import Column, Estimate, Row, Table
from hemblip.reporting.paper_tables import (
    INTERVALS,
    NOT_BEATEN,
    TEXT_SCORES,
    basis,
    estimate,
    features,
    single_valued_notes,
)
from hemblip.reporting.questions import questions_table
from hemblip.splits import cells_of, place_of

NOT_ANNOTATED = "no cell of this source is annotated"

MOST_PAIRS = 6
"""Pairs of captioners in one table: all pairs of four; a table of more says so."""


def side_tables(comparison: Comparison) -> list[Table]:
    """All of them that there is something to put in."""
    found = [diversity_table(comparison), sources_table(comparison), differences(comparison)]
    found += [questions_table(comparison, split) for split in comparison.splits]
    found += [attribute_differences(comparison, split) for split in comparison.splits]
    return [table for table in found if table is not None]


def diversity_table(comparison: Comparison) -> Table:
    """How different captions are, a block a set of cells: a captioner that has collapsed says the same of all."""
    rows = []
    for split in comparison.splits:
        having = [who for who in comparison.contestants if split in who.scored]
        found = [[diversity(table) for table in who.scored[split].tables] for who in having]
        rows += [
            Row(who.name, _of_captions(each), who.kind, cells_of(split).capitalize())
            for who, each in zip(having, found, strict=True)
        ]
        if found and found[0][0]["distinct_references"]:
            rows.append(Row("References", _of_references(found[0][0]), "model", cells_of(split).capitalize()))
    columns = [Column("", name) for name in ("Distinct captions", "Commonest caption %", f"Repeated {NGRAM}-grams %")]
    notes = [
        "Distinct captions: different texts, normalised; the same number of references is what a captioner can aim at. "
        "Commonest caption: share of cells that are given it. Repeated: runs of four words that the same caption has "
        "had before, mean over captions (seq-rep-4, Welleck et al., ICLR 2020).",
    ]
    return Table("diversity", "Diversity of captions and references", "Model", columns, rows, notes)


def _of_captions(seeds: Sequence[Mapping[str, float | int | None]]) -> list[Estimate | str]:
    names = ("distinct_captions", "commonest_caption", "repeated_ngrams")
    return _figures([[seed[name] for seed in seeds] for name in names])


def _of_references(found: Mapping[str, float | int | None]) -> list[Estimate | str]:
    names = ("distinct_references", "commonest_reference", "repeated_ngrams_of_references")
    return _figures([[found[name]] for name in names])


def _figures(columns: Sequence[Sequence[float | int | None]]) -> list[Estimate | str]:
    """Means over seeds of a number of texts and two shares."""
    known = [[value for value in column if value is not None] for column in columns]
    values = [mean(column) if column else None for column in known]
    spreads = [stdev(column) if len(column) > 1 else None for column in known]
    first, *shares = zip(values, spreads, strict=True)
    return [
        Estimate(first[0], spread=first[1], digits=0, reason="no caption"),
        *(Estimate(value, spread=spread, percent=True, digits=1, reason="no caption") for value, spread in shares),
    ]


def sources_table(comparison: Comparison) -> Table | None:
    """External validation, one block a source; None without external cells."""
    percents = {"accuracy": "End to end", "selective_accuracy": "Where stated", "coverage": "Coverage"}
    rows = []
    for (split, source), contest in comparison.by_source.items():
        block = source if comparison.external == ["external"] else f"{source}, {cells_of(split)}"
        for who in contest.contestants:
            part = who.scored[split]
            known = part.table[list(TRUE_KEYS)].notna()
            counts = len(known), known[f"{TRUE_PREFIX}cell_type"].sum(), known.any(axis=1).sum(), part.groups
            cells: list[Estimate | str] = [Estimate(float(count), digits=0) for count in counts]
            cells += [estimate(contest, who, split, name, percent=False) for name in TEXT_SCORES]
            cells += [estimate(contest, who, split, name, True, NOT_ANNOTATED) for name in percents]
            rows.append(Row(who.name, cells, who.kind, section=block))
    if not rows:
        return None
    columns = [Column("", name) for name in ("Cells", "Type mapped", "Annotated", "Groups")]
    columns += [Column("Caption", name) for name in TEXT_SCORES.values()]
    columns += [Column("Attributes, mean %", name) for name in percents.values()]
    notes = [
        *basis(comparison),
        NOT_BEATEN,
        "Type mapped: cells whose label is one of the 13 cell types; other labels (plasma cell, megakaryocyte, ...) "
        "are mapped to none of them, and what a caption says of such a cell's type is neither right nor wrong. "
        "Annotated: cells with at least one attribute. Of prepared manifests, `manifest_excluded.csv` has what was "
        "left out.",
        "Where a source gives only free text, captions are compared with it, but no attribute score is made from it.",
        "Each percentage is a mean over attributes of its own: coverage times where stated is not end to end.",
        *single_valued_notes(comparison, comparison.external, by_source=True),
    ]
    told = [line for run in comparison.runs for split in comparison.external for line in run.left_out(split)]
    notes += dict.fromkeys(f"{line}." for line in told)
    return Table("external", "External validation by source", "Model", columns, rows, notes)


def differences(comparison: Comparison) -> Table | None:
    """Paired differences between captioners, and to the strongest baseline; None with nothing to compare."""
    names = {"bleu": "BLEU", "rouge_l": "ROUGE-L", "accuracy": "Attributes %"}
    columns = [Column(place_of(split), name) for split in comparison.splits for name in names.values()]
    rows = []
    for index, one in enumerate(comparison.models):
        for other in comparison.models[index + 1 :]:
            rows.append(Row(f"{one.name} − {other.name}", _paired(comparison, one, other, names)))
    for model in comparison.models:
        cells: list[Estimate | str] = []
        for split in comparison.splits:
            for name in names:
                baseline = comparison.strongest_baseline(split, name)
                cells += [_difference(comparison, model, baseline, split, name)]
        if comparison.baselines:
            rows.append(Row(f"{model.name} − strongest baseline", cells))
    if not rows:
        return None
    notes = [
        "Both are scored without the same groups, so that what they share cancels out.",
        INTERVALS,
        *single_valued_notes(comparison, comparison.splits),
    ]
    return Table("differences", "Paired differences with 95 % intervals", "Pair", columns, rows, notes)


def _paired(comparison: Comparison, one: Contestant, other: Contestant, names: dict[str, str]) -> list[Estimate | str]:
    return [_difference(comparison, one, other, split, name) for split in comparison.splits for name in names]


def _difference(comparison: Comparison, one: Contestant, other: Contestant | None, split: str, name: str) -> Estimate:
    style: dict[str, bool | int] = {
        "percent": name == "accuracy",
        "digits": 1 if name == "accuracy" else 3,
        "signed": True,
    }
    if other is None or split not in one.scored or split not in other.scored:
        lacking = one if split not in one.scored else other
        return Estimate(None, reason=comparison.absence(lacking, split), **style)  # type: ignore[arg-type]
    return one.scored[split].difference(other.scored[split], name, **style)


def attribute_differences(comparison: Comparison, split: str) -> Table | None:
    """End-to-end accuracy of each attribute, captioner against captioner and against the strongest baseline.

    The p values are corrected for the number of attributes (Holm); None with nothing to compare.
    """
    baseline = comparison.strongest_baseline(split)
    having = [model for model in comparison.models if split in model.scored]
    every = [(one, other) for index, one in enumerate(having) for other in having[index + 1 :]]
    pairs = every[:MOST_PAIRS]
    pairs += [(model, baseline) for model in having if baseline is not None]
    if not pairs:
        return None
    keys = features(comparison)
    corrected = [_corrected(one.scored[split], other.scored[split], keys) for one, other in pairs]
    rows = [Row(words(key), [found[key] for found in corrected]) for key in keys]
    columns = [Column(f"{one.name} − {other.name}", "") for one, other in pairs]
    notes = [
        "Percentage points of end-to-end accuracy. p: two-sided, from the same standard error as the interval, "
        "corrected for the number of attributes (Holm).",
        INTERVALS,
    ]
    if len(every) > MOST_PAIRS:
        notes.insert(0, f"The first {MOST_PAIRS} of {len(every)} pairs of captioners; for others compare fewer runs.")
    title = f"Paired differences by attribute – {cells_of(split)}"
    return Table(f"attribute_differences_{split}", title, "Feature", columns, rows, notes, folded=True)


def _corrected(one: Scored, other: Scored, keys: Sequence[str]) -> dict[str, Estimate]:
    names = {key: f"accuracy/{key}" for key in keys}
    p = {key: value for key, name in names.items() if (value := one.p_value(other, name)) is not None}
    adjusted = dict(zip(p, holm(list(p.values())), strict=True))
    return {
        key: replace(one.difference(other, name, percent=True, digits=1, signed=True), p=adjusted.get(key))
        for key, name in names.items()
    }
