"""Tables 1 to 3 in the paper's layout, from prediction rows and probe runs, with the paper's figures beside ours."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from hemblip.errors import DataError
from hemblip.metrics.attributes import single_valued
from hemblip.metrics.corpus_bleu import signature
from hemblip.metrics.jackknife import FEW
from hemblip.metrics.pairs import NORMALISATION
from hemblip.metrics.summands import HALLUCINATION
from hemblip.morphology import KEYS
from hemblip.morphology.schema import words
from hemblip.reporting import paper_numbers
from hemblip.reporting.comparison import Comparison, Contest, Contestant
from hemblip.reporting.layout import BELOW, PUBLISHED, Column, Estimate, Row, Table
from hemblip.splits import PLACES, cells_of, place_of

TEXT_SCORES = {
    "bleu_raw": "BLEU, as published",
    "bleu": "BLEU",
    "sacrebleu": "sacreBLEU",
    "rouge_l": "ROUGE-L",
    "bertscore_raw": "BERTScore, as published",
    "bertscore": "BERTScore",
}

INTERVALS = (
    "In brackets: 95 % interval over patients or slides (cells where no patient is known), by leaving out one after "
    f"the other. Where fewer than {FEW} of them have such cells, their number follows: take such a figure with care."
)
NOT_BEATEN = (
    f"{BELOW} not shown to beat the strongest baseline: the 95 % interval of the paired difference reaches zero, or "
    "one group of cells gives none."
)
SEEDS = "±: standard deviation over seeds. Intervals are of the mean over seeds and of cells alone: they exclude it."
SPLITS = (
    "Some seeds have splits of their own, and so test cells: scores are the mean over these sets of cells, ± has the "
    "difference between them in it, and a patient or slide is left out of all sets at once."
)
UNJUDGED = ("coverage", "omission", HALLUCINATION, "plausible", "other", "contradicting")
"""Scores that say nothing of how good a captioner is by themselves: a baseline's are no aim."""

DRAWN = "The paper's figures are not shown: they are of photographs, these cells are drawn."

THEIRS = f"{PUBLISHED} {paper_numbers.CAVEAT}"
THEIR_ACCURACY = f"{THEIRS} {paper_numbers.CAVEAT_ACCURACY}"
THEIR_NAMES = ", ".join(
    f"{words(key).lower()} is its {name.lower()}"
    for key, name in paper_numbers.FEATURES.items()
    if name.lower() != words(key).lower()
)


NO_ENCODER = {
    "bertscore": "no encoder for BERTScore; name one, as in --bertscore all-MiniLM-L6-v2",
    "bertscore_raw": f"no encoder that knows capitals; the paper's is {paper_numbers.ENCODER}",
}

MORE: Mapping[str, str] = {
    "macro_f1": "Macro-F1 over annotated values, silence being wrong",
    "balanced_accuracy": "Balanced accuracy: recall averaged over annotated values, silence being wrong",
    "coverage": "Coverage: annotated cells whose caption states the attribute",
    "omission": "Omission: annotated cells whose caption does not state the attribute",
    HALLUCINATION: "Hallucination: cells whose caption states it without annotation, or against a negative one",
}
"""Sections of Table 2c."""

OF_ALL = "The mean of hallucination is over all 15 attributes, because a caption can state any of them."


def basis(contest: Contest) -> list[str]:
    """Notes of every table with figures of contestants: what stands in brackets, and what behind ±."""
    return [INTERVALS, *([SEEDS] if contest.has_seeds else []), *([SPLITS] if contest.has_splits else [])]


def single_valued_notes(comparison: Comparison, splits: Sequence[str], by_source: bool = False) -> list[str]:
    """Say which attributes the means leave out because one value is all that is annotated, by set of cells."""
    found = []
    for split in splits:
        table = next((model.scored[split].table for model in comparison.models if split in model.scored), None)
        if table is None:
            continue
        parts = table.groupby("source") if by_source else [(f"{cells_of(split)}", table)]
        for place, cells in parts:
            if names := [words(key).lower() for key in single_valued(cells)]:
                found.append(f"{place}: {', '.join(names)}")
    if not found:
        return []
    told = "; ".join(found)
    return [f"Means over attributes leave out those with one annotated value only, which a constant knows ({told})."]


def estimate(contest: Contest, who: Contestant, split: str, name: str, percent: bool, reason: str = "") -> Estimate:
    """One score of one contestant, marked if it does not beat the baselines; `reason` is why the score may lack."""
    style = {"percent": percent, "digits": 1 if percent or name == "sacrebleu" else 3}
    if split not in who.scored:
        return Estimate(None, reason=contest.absence(who, split), **style)  # type: ignore[arg-type]
    found = who.scored[split].estimate(name, NO_ENCODER.get(name, reason), **style)
    judged = who.kind == "model" and found.value is not None and not name.startswith(UNJUDGED)
    if judged and contest.is_below(who, split, name):
        return replace(found, below=True)
    return found


def table1(comparison: Comparison) -> Table:
    """Caption metrics, internal and external."""
    splits = comparison.columns
    columns = [Column(place_of(split), name) for split in splits for name in TEXT_SCORES.values()]
    rows = [
        Row(
            who.name,
            [estimate(comparison, who, split, name, percent=False) for split in splits for name in TEXT_SCORES],
            who.kind,
        )
        for who in comparison.contestants
    ]
    rows += [
        Row(
            model,
            [
                _published(paper_numbers.TEXT[model].get(split, {}).get(name))
                for split in splits
                for name in TEXT_SCORES
            ],
            "published",
        )
        for model in _theirs(comparison)
    ]
    notes = [
        *basis(comparison),
        NOT_BEATEN,
        "BLEU: mean over captions of nltk's sentence BLEU, smoothing method 4. sacreBLEU: of all captions together, "
        f"0 to 100; {signature()}.",
        f"Texts are normalised alike first: {NORMALISATION}. As published: of the texts as they are, as the paper's "
        "script took them; only this stands beside its figures. BERTScore as published takes an encoder that knows "
        "capitals.",
        *_left_out(comparison),
        DRAWN if comparison.drawn else THEIRS,
    ]
    if comparison.bert is not None:
        made = comparison.bert.description()
        notes.insert(
            -2,
            f"BERTScore: {made['bertscore_encoder']}, layer {made['bertscore_layer']}, {made['bertscore_hash']}; "
            f"the paper's: {paper_numbers.ENCODER}. Scores of different encoders cannot be compared.",
        )
    return Table("table1", "Table 1. Caption metrics on internal and external cells", "Model", columns, rows, notes)


def _left_out(comparison: Comparison) -> list[str]:
    """Say of which sets some texts are not compared."""
    found = []
    for split in comparison.splits:
        compared = next(model.scored[split].compared for model in comparison.models if split in model.scored)
        if compared.note and compared.rows.any():
            found.append(f"Texts of {cells_of(split)}: {compared.note}.")
    return found


def table2(comparison: Comparison, splits: Sequence[str] | None = None) -> Table:
    """The paper's accuracy of attributes (%): right statements among those that captions make.

    Args:
        comparison: captioners and baselines.
        splits: columns below each model; None for all.
    """
    splits = splits or comparison.columns
    columns = model_columns(_answering(comparison), splits)
    names = [_short(split) if len(splits) > 1 else "" for split in splits]
    columns += [Column(model, name, "published") for model in _theirs(comparison) for name in names]
    rows = []
    for key in features(comparison):
        cells: list[Estimate | str] = _feature_cells(comparison, splits, f"selective_accuracy/{key}")
        for model in _theirs(comparison):
            for split in splits:
                value = paper_numbers.ATTRIBUTES[model].get(split, {}).get(key)
                cells.append(_published(value, percent=True, digits=1))
        rows.append(Row(words(key), cells))
    title = (
        "Table 2. Accuracy (%) of the attributes that captions state, as the paper counts it: silence does not count"
    )
    return Table(
        _name("table2", splits),
        _placed(title, splits),
        "Feature",
        columns,
        rows,
        [*basis(comparison), NOT_BEATEN, DRAWN if comparison.drawn else f"{THEIR_ACCURACY} Here {THEIR_NAMES}."],
    )


def table2_end_to_end(comparison: Comparison, splits: Sequence[str] | None = None) -> Table:
    """Accuracy over all annotated cells (%), silence being wrong."""
    splits = splits or comparison.columns
    rows = [
        Row("All attributes of a cell", _feature_cells(comparison, splits, "exact_match")),
        *_section(comparison, splits, "accuracy", ""),
    ]
    title = "Table 2b. Attributes right among all annotated cells (%): silence is wrong"
    columns = model_columns(_answering(comparison), splits)
    notes = [*basis(comparison), NOT_BEATEN, *single_valued_notes(comparison, splits)]
    return Table(_name("table2b", splits), _placed(title, splits), "Feature", columns, rows, notes)


def table2_more(comparison: Comparison, splits: Sequence[str] | None = None) -> Table:
    """Macro-F1, balanced accuracy, coverage, omission and hallucination (%)."""
    splits = splits or comparison.columns
    rows = [row for measure, title in MORE.items() for row in _section(comparison, splits, measure, title)]
    title = "Table 2c. Macro-F1, balanced accuracy, coverage, omission and hallucination of attributes (%)"
    columns = model_columns(_answering(comparison), splits)
    notes = [*basis(comparison), NOT_BEATEN, *single_valued_notes(comparison, splits), OF_ALL]
    return Table(_name("table2c", splits), _placed(title, splits), "Feature", columns, rows, notes, folded=True)


def _section(comparison: Comparison, splits: Sequence[str], measure: str, title: str) -> list[Row]:
    keys = ordered(KEYS) if measure == HALLUCINATION else features(comparison)  # whatever cells are annotated with
    names = {measure: "Mean over attributes", **{f"{measure}/{key}": words(key) for key in keys}}
    return [Row(label, _feature_cells(comparison, splits, name), section=title) for name, label in names.items()]


def _name(name: str, splits: Sequence[str]) -> str:
    return name if len(splits) > 1 else f"{name}_{splits[0]}"


def _placed(title: str, splits: Sequence[str]) -> str:
    return title if len(splits) > 1 else f"{title} – {cells_of(splits[0])}"


def _short(split: str) -> str:
    return {"test": "Int.", "external": "Ext."}.get(split, split)


def model_columns(contestants: Sequence[Contestant], splits: Sequence[str]) -> list[Column]:
    """A heading for each contestant, and a column for each split below it."""
    return [
        Column(who.name, _short(split) if len(splits) > 1 else "", who.kind) for who in contestants for split in splits
    ]


def _feature_cells(comparison: Comparison, splits: Sequence[str], name: str) -> list[Estimate | str]:
    found = _answering(comparison)
    return [estimate(comparison, who, split, name, percent=True) for who in found for split in splits]


def _answering(comparison: Comparison) -> list[Contestant]:
    """Who has attributes: captioners, what they answer when they are asked, baselines."""
    return [*comparison.models, *comparison.asked, *comparison.baselines]


def _theirs(comparison: Comparison) -> Sequence[str]:
    """The paper's captioners, where their figures may stand beside ours."""
    return () if comparison.drawn else paper_numbers.MODELS


def _published(value: float | None, percent: bool = False, digits: int = 2) -> Estimate:
    return Estimate(value, reason="not in the paper", percent=percent, digits=digits)


def features(comparison: Comparison) -> list[str]:
    """The attributes that any cell is annotated with."""
    return ordered({key for model in comparison.models for scored in model.scored.values() for key in scored.keys})


def ordered(keys: Collection[str]) -> list[str]:
    """The paper's features in its order, then the others."""
    return [key for key in dict.fromkeys((*paper_numbers.FEATURES, *KEYS)) if key in keys]


def table3(probes: Sequence[Path], drawn: bool = False) -> Table:
    """Frozen-backbone classification, from `table3.csv` of probe runs; none of the paper's beside `drawn` cells.

    Raises:
        DataError: a file lacks a column.
    """
    columns = [Column(place, name) for place in PLACES.values() for name in ("Acc.", "F1")]
    rows = []
    known = []
    for probe in probes:
        path = probe / "table3.csv"
        table = pd.read_csv(path, keep_default_na=False)
        needed = ["task", "title", "backbone", "head", "internal_accuracy", "external_weighted_f1"]
        missing = [column for column in needed if column not in table.columns]
        if missing:
            raise DataError(f"{path}: missing column {', '.join(missing)}; write it with `python -m hemblip probe`")
        known.append(table)
    found = pd.concat(known, ignore_index=True) if known else pd.DataFrame(columns=["task", "title"])
    titles = dict(zip(found["task"], found["title"], strict=True))
    for task in dict.fromkeys([*titles, *paper_numbers.PROBES]):
        section = str(titles.get(task, {"subtype": "Leukemia subtype (5)", "cell_type": "Cell type (13)"}.get(task)))
        for row in found[found["task"] == task].to_dict("records") if len(found) else []:
            label = row["backbone"] if row["head"] == "-" else f"{row['backbone']}, {row['head']}"
            cells = [
                _probed(row, f"{place}_{metric}")
                for place in ("internal", "external")
                for metric in ("accuracy", "weighted_f1")
            ]
            rows.append(Row(label, cells, "baseline" if row["head"] == "-" else "model", section))
        for backbone, values in {} if drawn else paper_numbers.PROBES.get(task, {}).items():
            rows.append(Row(f"{backbone}, cosine", [Estimate(value) for value in values], "published", section))
    notes = [INTERVALS, "F1 is weighted by how often a class occurs.", DRAWN if drawn else THEIRS]
    if not probes:
        notes.insert(
            0, "Ours: n/a (no probe run was given; run `python -m hemblip probe` and name its folder as well)."
        )
    title = "Table 3. Classification from frozen image embeddings, internal and external"
    return Table("table3", title, "Backbone, head", columns, rows, notes)


def _probed(row: dict[str, object], column: str) -> Estimate:
    def number(name: str) -> float | None:
        try:
            return float(str(row.get(name, "")))
        except ValueError:
            return None

    value = number(column)
    reason = str(row.get(column, "")).removeprefix("n/a").strip(" ()")
    groups = number(f"{column.partition('_')[0]}_groups")
    return Estimate(
        value,
        number(f"{column}_low"),
        number(f"{column}_high"),
        reason="" if value is not None else reason,
        groups=None if groups is None else int(groups),
    )
