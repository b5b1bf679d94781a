"""The table of how captioners answer questions about cells."""

from collections.abc import Mapping

import pandas as pd

from hemblip.metrics.questions import answer_scores
from hemblip.morphology import KEYS
from hemblip.morphology.schema import words
from hemblip.reporting.comparison import Comparison
from hemblip.reporting.layout import Column, Estimate, Row, Table
from hemblip.run import TRAINING_CELLS, Run
from hemblip.splits import cells_of

COLUMNS: Mapping[str, str] = {"majority": "Majority %", "answers": "Answers %", "captions": "Captions %"}


def questions_table(comparison: Comparison, split: str) -> Table | None:
    """Shares of questions that are answered rightly, by kind and attribute; None if nobody was asked."""
    asked = {run.label: _scores(run, split) for run in comparison.runs if split in run.described}
    asked = {label: scores for label, scores in asked.items() if scores}
    places = list(dict.fromkeys(place for scores in asked.values() for place in scores))
    if not places:
        return None
    rows = []
    for kind, attribute in places:
        found = [scores.get((kind, attribute), {}) for scores in asked.values()]
        cells = [
            Estimate(
                known.get(name),  # type: ignore[arg-type]
                known.get(f"{name}_low"),  # type: ignore[arg-type]
                known.get(f"{name}_high"),  # type: ignore[arg-type]
                percent=True,
                digits=1,
                reason="not asked",
            )
            for known in found
            for name in COLUMNS
        ]
        number = next(known["questions"] for known in found if known)
        label = words(attribute) if attribute in KEYS else attribute.capitalize()
        rows.append(Row(f"{label} ({number:,})", list(cells), section=kind.capitalize()))
    columns = [Column(label, name) for label in asked for name in COLUMNS.values()]
    notes = [
        "Behind each attribute the number of its questions, behind each share its 95 % interval over patients or "
        "slides (cells where no patient is known). Majority: the most frequent answer of the training cells to "
        "questions about the attribute, of those that ask for yes or no and of the others; whether the annotation says "
        "something is told to nobody. Captions: what the same captioner's description of the cell states, read by "
        "attribute; silence is wrong where the annotation says something, and right where it does not.",
    ]
    return Table(f"questions_{split}", f"Questions about {cells_of(split)}", "Question", columns, rows, notes)


def _scores(run: Run, split: str) -> dict[tuple[str, str], dict[str, object]]:
    """Scores of a run's answers by kind and attribute; nothing if it was not asked."""
    answers = run.answers(split)
    if answers.empty:
        return {}
    stored = run.folder / TRAINING_CELLS
    training = pd.read_parquet(stored) if stored.is_file() else None
    found = answer_scores(answers, run.predictions(split), training)
    return {(str(one["kind"]), str(one["attribute"])): one for one in found}
