"""The first screen of a report, in a clinician's words: how often captions are right, for whom, and what to look at."""

import base64
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hemblip.metrics.diagnosis import by_cell, by_patient, tasks
from hemblip.metrics.incompatible import RULES, broken
from hemblip.metrics.jackknife import Interval, interval, leave_out
from hemblip.metrics.summands import mean_sums
from hemblip.metrics.verdicts import Verdict, annotated, verdict_matrix
from hemblip.morphology import KEYS
from hemblip.morphology.schema import words
from hemblip.plain_text import csv_text
from hemblip.predictions import CONFIDENCE_PREFIX, TRUE_PREFIX
from hemblip.reporting.comparison import Comparison, Contestant
from hemblip.reporting.layout import Column, Estimate, Row, Table
from hemblip.reporting.statements import pair_in_words
from hemblip.reporting.sureness import NAMED, kept_promise
from hemblip.splits import cells_of

FEWEST = 5
"""Annotated cells below which a type is not called bad."""

SURE = 0.9
"""Confidence from which an error is worth a look at the annotation too."""

UNSURE = 0.5
"""Confidence below which a statement is worth a look."""

WHY = ("wrong although sure: check caption and annotation", "contradicts itself: ", "wrong, and not sure", "not sure")
"""Why a person should look, the most urgent first."""

LISTED = 2_000
"""Most entries of the list to download."""


@dataclass(frozen=True)
class InShort:
    """One captioner on one set of cells.

    Attributes:
        title: both by name.
        sentences: to read first.
        first: what a person should look at: `cell`, `attribute`, `stated`, `annotated`, `confidence`, `why`.
    """

    title: str
    sentences: list[str]
    first: pd.DataFrame

    def link(self) -> str:
        """Give the list as a file within the page."""
        text = csv_text(self.first)
        return f"data:text/csv;base64,{base64.b64encode(text.encode()).decode()}"


def in_short(comparison: Comparison) -> list[InShort]:
    """Sum up each captioner on each set of cells that has annotations."""
    found = []
    for split in comparison.splits:
        for model in comparison.models:
            if split in model.scored and model.scored[split].keys:
                table = model.scored[split].table
                told = _sentences(table)
                if promised := kept_promise(comparison, model, split):
                    told.append(promised)
                found.append(InShort(f"{model.name}, {cells_of(split)}", told, look_first(table)))
    return found


def _sentences(table: pd.DataFrame) -> list[str]:
    judged = verdict_matrix(table)
    known, wrong = annotated(judged), (judged == Verdict.PLAUSIBLE) | (judged == Verdict.WRONG)
    clean = _share(~wrong.any(axis=1)[known.any(axis=1)], table["group"][known.any(axis=1)].tolist())
    errors = {words(key): _part(wrong[:, i], known[:, i]) for i, key in enumerate(KEYS) if known[:, i].any()}
    types = {
        str(name): _part(wrong[rows], known[rows])
        for name, rows in table.reset_index(drop=True).groupby(f"{TRUE_PREFIX}cell_type").indices.items()
        if len(rows) >= FEWEST
    }
    told = [f"{_percent(clean)} of the captions hold no error."]
    if worst := _worst(errors):
        told.append(f"Most often wrong: {worst} of the cells annotated with it.")
    if len(types) > 1 and (worst := _worst(types)):
        told.append(f"Cells described worst: {worst} of the annotated statements.")
    if pairs := _plausible_pairs(table, judged):
        told.append(f"{pairs} These are values that haematologists mistake for each other too.")
    return told + _undiagnosed(table)


def _undiagnosed(table: pd.DataFrame) -> list[str]:
    """Say why no sensitivity and specificity follow, if none do."""
    if tasks(table):
        return []
    found = sorted(set(table[f"{TRUE_PREFIX}diagnosis"].dropna()))
    why = f"every cell annotated with one is {found[0]}" if found else "no cell has one that is scored"
    return [f"Whether diagnoses are told apart cannot be said: {why}."]


def _worst(shares: dict[str, float]) -> str:
    named = sorted(shares.items(), key=lambda item: -item[1])[:NAMED]
    return ", ".join(f"{name.lower()} in {100 * share:.0f}\u00a0%" for name, share in named if share > 0)


def _plausible_pairs(table: pd.DataFrame, judged: np.ndarray) -> str:
    counts: Counter[str] = Counter()
    for place, key in enumerate(KEYS):
        near = judged[:, place] == Verdict.PLAUSIBLE
        pairs = zip(table[key][near], table[TRUE_PREFIX + key][near], strict=True)
        counts.update(f"{stated} for {truth} ({words(key).lower()})" for stated, truth in pairs)
    if not counts:
        return ""
    errors = int(np.isin(judged, (Verdict.PLAUSIBLE, Verdict.WRONG)).sum())
    named = ", ".join(f"{pair} {f'{n:,} times' if n > 1 else 'once'}" for pair, n in counts.most_common(NAMED))
    are = "is" if counts.total() == 1 else "are"
    return f"{counts.total():,} of the {errors:,} errors {are} biologically plausible, most of all {named}."


def look_first(table: pd.DataFrame) -> pd.DataFrame:
    """List what a person should look at first: sure errors, contradictions, then statements that are not sure.

    Args:
        table: prediction rows.

    Returns:
        See `InShort.first`; at most `LISTED` rows.
    """
    listed = _ranked(table)
    cells: Any = table.iloc[listed["row"]].to_dict("records")
    columns = ["cell", "attribute", "stated", "annotated", "confidence", "why"]
    entries = [_entry(*one) for one in zip(cells, listed["kind"], listed["place"], strict=True)]
    return pd.DataFrame(entries, columns=columns)


def _ranked(table: pd.DataFrame) -> pd.DataFrame:
    """Choose what `look_first` lists: `row`, `kind` in `WHY`, `place` of the rule or attribute; the first one first."""
    judged, parts = verdict_matrix(table), []
    for place, rule in enumerate(RULES):
        parts.append(pd.DataFrame({"row": np.flatnonzero(broken(table, rule)), "kind": 1, "rank": 0.0, "place": place}))
    for place, key in enumerate(KEYS):
        if CONFIDENCE_PREFIX + key not in table.columns:
            continue
        sure = table[CONFIDENCE_PREFIX + key].to_numpy(dtype=np.float64, na_value=np.nan)
        said = table[key].notna().to_numpy() & ~np.isnan(sure)
        wrong = np.isin(judged[:, place], (Verdict.WRONG, Verdict.PLAUSIBLE))
        kinds = {0: wrong & (sure >= SURE), 2: wrong & (sure < SURE), 3: ~wrong & (sure < UNSURE)}
        for kind, chosen in kinds.items():
            rows = np.flatnonzero(said & chosen)
            rank = -sure[rows] if kind == 0 else sure[rows]
            parts.append(pd.DataFrame({"row": rows, "kind": kind, "rank": rank, "place": place}))
    found = pd.concat(parts, ignore_index=True).sort_values(["kind", "rank"], kind="stable", ignore_index=True)
    if len(found) > LISTED:  # only those as good as the last one are compared by name
        kind, rank = found.loc[LISTED - 1, ["kind", "rank"]]
        found = found[(found["kind"] < kind) | ((found["kind"] == kind) & (found["rank"] <= rank))]
    found = found.assign(cell=table["cell_id"].iloc[found["row"]].astype(str).to_numpy())
    return found.sort_values(["kind", "rank", "cell", "row", "place"], ignore_index=True).head(LISTED)


def _entry(row: Mapping[str, Any], kind: int, place: int) -> tuple[Any, ...]:
    if kind == 1:
        rule = RULES[place]
        return row["cell_id"], words(rule.key), row[rule.key], None, None, WHY[kind] + pair_in_words(row, rule)
    key = KEYS[place]
    sure = round(float(row[CONFIDENCE_PREFIX + key]), 3)
    return row["cell_id"], words(key), row[key], row[TRUE_PREFIX + key], sure, WHY[kind]


def diagnosis_table(comparison: Comparison) -> Table | None:
    """Sensitivity and specificity of diagnoses by cell and by patient; None where there is nothing to tell apart."""
    columns = [
        Column(place, name)
        for place in ("By cell", "By patient, most cells", "By patient, mean probability")
        for name in ("Sens. %", "Spec. %")
    ]
    rows = []
    for split in comparison.splits:
        for model in comparison.models:
            rows += _diagnosis_rows(model, split)
    if not rows:
        return None
    notes = [
        "Sensitivity: share called so of those who have it; specificity: share called something else of those who do "
        "not. A caption without a diagnosis is wrong either way. A patient is a group of cells with one diagnosis; "
        "intervals over patients are exact (Clopper-Pearson), those over cells are the jackknife's.",
    ]
    return Table("diagnosis", "Diagnosis: sensitivity and specificity", "Who has it", columns, rows, notes)


def _diagnosis_rows(model: Contestant, split: str) -> list[Row]:
    if split not in model.scored:
        return []
    table, rows = model.scored[split].table, []
    sure = CONFIDENCE_PREFIX + "diagnosis" in table.columns
    for task in tasks(table):
        found = [by_cell(table, task), by_patient(table, task)]
        cells: list[Estimate | str] = [_estimate(one) for detection in found for one in detection]
        missing = Estimate(None, reason="captions carry no confidences")
        cells += [_estimate(one) for one in by_patient(table, task, mean=True)] if sure else [missing] * 2
        rows.append(Row(task, cells, section=f"{model.name}, {cells_of(split)}"))
    return rows


def _estimate(found: Interval) -> Estimate:
    reason = "nobody has it" if not found.groups else ""
    return Estimate(found.value, found.low, found.high, reason, percent=True, digits=1, groups=found.groups)


def _share(flags: np.ndarray, groups: list[object]) -> Interval:
    left = leave_out(mean_sums({"share": flags.astype(np.float64)}), groups)
    return interval(float(left.values[0]), left.without[:, 0], int(left.groups[0]), (0.0, 1.0))


def _part(wrong: np.ndarray, known: np.ndarray) -> float:
    return float(wrong.sum() / max(1, known.sum()))


def _percent(found: Interval) -> str:
    text = f"{100 * (found.value or 0):.0f}\u00a0%"
    if found.low is None or found.high is None:
        return text
    return f"{text} (95\u00a0% interval {100 * found.low:.0f} to {100 * found.high:.0f})"
