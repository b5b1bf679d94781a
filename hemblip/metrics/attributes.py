"""How often captions state the annotated attributes: PROTOCOL of the paper's Table 2, with silence made visible.

Every score of an attribute is a function of its confusion matrix: annotated value against stated value or silence.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemblip.metrics.verdicts import (
    ANNOTATED,
    Flags,
    Verdict,
    annotated,
    codes,
    hallucinated,
    verdict_matrix,
    verdicts_of,
)
from hemblip.morphology import KEYS, SCHEMA

SILENT = "not stated"

METRICS = ("coverage", "selective_accuracy", "accuracy", "macro_f1", "balanced_accuracy", "omission")
"""Scores made from a confusion matrix."""

Values = NDArray[np.float64]


def attribute_scores(table: pd.DataFrame) -> pd.DataFrame:
    """Score each attribute over the cells that are annotated with it.

    Args:
        table: prediction rows of one model (`hemblip.predictions`).

    Returns:
        A row a key that is annotated at all, indexed by key:
        `count` annotated cells; `coverage` share of them whose caption states the attribute; `selective_accuracy` share
        right of those stated (the paper's accuracy; None if none is); `accuracy` share right of all annotated, silence
        being wrong; `macro_f1` and `balanced_accuracy` over annotated values, silence being wrong; `omission` share not
        stated; `plausible` share that states a neighbour of the annotated value (`hemblip.metrics.plausible`);
        `hallucination` share of all cells whose caption fills the attribute although the annotation has
        none or says that the thing is not there, and `hallucination_possible` the share where that could happen.

    Raises:
        DataError: a value is not in the schema.
    """
    rows = {}
    filled, possible = hallucinated(table)
    for place, key in enumerate(KEYS):
        counts = confusion_counts(table, key)
        if not counts.any():
            continue
        scores = {name: _known(value) for name, value in confusion_scores(counts).items()}
        rows[key] = {
            "count": int(counts.sum()),
            **scores,
            "plausible": float((verdicts_of(table, key) == Verdict.PLAUSIBLE).sum() / counts.sum()),
            "hallucination": float(filled[:, place].mean()),
            "hallucination_possible": float(possible[:, place].mean()),
        }
    frame = pd.DataFrame.from_dict(rows, orient="index")
    return frame.astype(object).where(frame.notna(), None)


def confusion_scores(counts: Values, whole: Values | None = None) -> dict[str, Values]:
    """Score confusion matrices.

    Args:
        counts: (..., C, C + 1): annotated value, stated value; the last column is silence.
        whole: (C, C + 1), of the sample that `counts` are parts of; None if they are none. A value that a part lacks,
            because only the group that was left out has it, has there the score that it has in the sample. Left out,
            it would leave the mean to the frequent values, which are mostly the easier ones, and parts would lie above
            the sample; as 0, below.

    Returns:
        For each of `METRICS`, values (...), NaN where there is nothing to score; means over values are over those that
        are annotated at all.
    """
    right = np.diagonal(counts, axis1=-2, axis2=-1)  # (..., C)
    annotated, answered = counts.sum((-2, -1)), counts[..., :-1].sum((-2, -1))
    hits = right.sum(-1)
    f1, recall = _by_value(counts)
    if whole is not None:
        scored = annotated[..., None] > 0
        f1, recall = (
            np.where(scored & np.isnan(some), known, some)
            for some, known in zip((f1, recall), _by_value(whole), strict=True)
        )
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "coverage": answered / annotated,
            "selective_accuracy": hits / answered,
            "accuracy": hits / annotated,
            "macro_f1": mean_known(f1),
            "balanced_accuracy": mean_known(recall),
            "omission": 1 - answered / annotated,
        }


def _by_value(counts: Values) -> tuple[Values, Values]:
    """F1 and recall of each value, (..., C); NaN for those that are not annotated."""
    right, annotated = np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        f1 = np.where(annotated > 0, 2 * right / (annotated + counts[..., :-1].sum(-2)), np.nan)
        return f1, right / annotated


def mean_known(values: Values) -> Values:
    """Mean over the last axis of what is not NaN; NaN where all is."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        means: Values = np.where(known, values, 0.0).sum(-1) / known.sum(-1)
    return means


def confusion_counts(table: pd.DataFrame, key: str) -> Values:
    """Count annotated against stated values: (C, C + 1) in the order of the schema, silence last."""
    size = len(SCHEMA[key]) + 1
    counts = np.zeros((size, size))
    np.add.at(counts, codes(table, key), 1)
    return counts[:-1]


def contrasted(counts: Values) -> bool:
    """Tell whether more than one value is annotated: with one, a constant caption is always right.

    Means over attributes leave the others out.
    """
    return int((counts.sum(1) > 0).sum()) > 1


def single_valued(table: pd.DataFrame) -> list[str]:
    """Attributes that are annotated with one value only, which means over attributes leave out."""
    found = {key: confusion_counts(table, key) for key in KEYS}
    return [key for key, counts in found.items() if counts.any() and not contrasted(counts)]


def confusion_matrix(table: pd.DataFrame, key: str) -> pd.DataFrame:
    """Count annotated (rows) against stated values (columns, `SILENT` last), without values that do not occur."""
    values = list(SCHEMA[key])
    matrix = pd.DataFrame(confusion_counts(table, key).astype(int), index=values, columns=[*values, SILENT])
    columns = [name for name in matrix.columns if name == SILENT or matrix[name].any() or matrix.loc[name].any()]
    return matrix.loc[matrix.any(axis=1), columns]


def error_counts(table: pd.DataFrame, key: str) -> dict[Verdict, int]:
    """Count annotated cells by what their caption says of one attribute."""
    judged = verdicts_of(table, key)
    return {kind: int((judged == kind).sum()) for kind in ANNOTATED}


def entirely_right(table: pd.DataFrame) -> tuple[Flags, Flags]:
    """Tell which captions (N,) state every annotated attribute of their cell right, and which cells have any."""
    judged = verdict_matrix(table)
    known = annotated(judged)
    return np.asarray((~known | (judged == Verdict.RIGHT)).all(axis=1)), np.asarray(known.any(axis=1))


def exact_match(table: pd.DataFrame) -> float | None:
    """Share of captions that state every annotated attribute of their cell right; None if no cell is annotated."""
    right, known = entirely_right(table)
    return float(right[known].mean()) if known.any() else None


def _known(value: Values) -> float | None:
    return None if np.isnan(value) else float(value)
