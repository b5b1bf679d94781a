"""How often captions state the annotated attributes: PROTOCOL of the paper's Table 2, with silence made visible.

Every score of an attribute is a function of its confusion matrix: annotated value against stated value or silence.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemblip.errors import DataError
from hemblip.metrics.plausible import is_plausible
from hemblip.morphology import KEYS, NEGATIVE_VALUES, SCHEMA
from hemblip.predictions import TRUE_PREFIX, check_values

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
    for key in KEYS:
        counts = confusion_counts(table, key)
        if not counts.any():
            continue
        scores = {name: _known(value) for name, value in confusion_scores(counts).items()}
        rows[key] = {
            "count": int(counts.sum()),
            **scores,
            "plausible": float(counts[neighbours(key)].sum() / counts.sum()),
            "hallucination": float(hallucinated(table, key).mean()),
            "hallucination_possible": float(_baseless(table, key).mean()),
        }
    frame = pd.DataFrame.from_dict(rows, orient="index")
    return frame.astype(object).where(frame.notna(), None)


def confusion_scores(counts: Values, whole: Values | None = None) -> dict[str, Values]:
    """Score confusion matrices.

    Args:
        counts: (..., C, C + 1): annotated value, stated value; the last column is silence.
        whole: (C, C + 1), of the sample that `counts` are drawn from; None if they are no draws. A value that a draw
            happens to lack, as a third of draws lack what only one group has, has there the score that it has in the
            sample. Left out, it would leave the mean to the frequent values, which are mostly the easier ones, and
            draws would lie above the sample; as 0, below.

    Returns:
        For each of `METRICS`, values (...), NaN where there is nothing to score; means over values are over those that
        are annotated at all.
    """
    right = np.diagonal(counts, axis1=-2, axis2=-1)  # (..., C)
    annotated, answered = counts.sum((-2, -1)), counts[..., :-1].sum((-2, -1))
    hits = right.sum(-1)
    f1, recall = _by_value(counts)
    if whole is not None:
        drawn = annotated[..., None] > 0
        f1, recall = (
            np.where(drawn & np.isnan(some), known, some)
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


def codes(table: pd.DataFrame, key: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number the values of a key as the schema orders them.

    Returns:
        Annotated values (N,), -1 where there is none, and stated values (N,), the number of values where there is none.

    Raises:
        DataError: a column is missing, or a value is not in the schema.
    """
    truth, stated = _numbered(table, TRUE_PREFIX + key, key), _numbered(table, key, key)
    return truth, np.where(stated < 0, len(SCHEMA[key]), stated)


def _numbered(table: pd.DataFrame, column: str, key: str) -> NDArray[np.int64]:
    if column not in table.columns:
        raise DataError(f"prediction rows: missing column {column}; write them with `python -m hemblip test`")
    check_values(table, column, key, "prediction rows")
    known = {value: number for number, value in enumerate(SCHEMA[key])}
    return np.array([known.get(value, -1) for value in table[column].tolist()], dtype=np.int64)


def confusion_counts(table: pd.DataFrame, key: str) -> Values:
    """Count annotated against stated values: (C, C + 1) in the order of the schema, silence last."""
    truth, stated = codes(table, key)
    counts = np.zeros((len(SCHEMA[key]), len(SCHEMA[key]) + 1))
    annotated = truth >= 0
    np.add.at(counts, (truth[annotated], stated[annotated]), 1)
    return counts


def confusion_matrix(table: pd.DataFrame, key: str) -> pd.DataFrame:
    """Count annotated (rows) against stated values (columns, `SILENT` last), without values that do not occur."""
    values = list(SCHEMA[key])
    matrix = pd.DataFrame(confusion_counts(table, key).astype(int), index=values, columns=[*values, SILENT])
    columns = [name for name in matrix.columns if name == SILENT or matrix[name].any() or matrix.loc[name].any()]
    return matrix.loc[matrix.any(axis=1), columns]


def neighbours(key: str) -> NDArray[np.bool_]:
    """Mark the plausible errors in a confusion matrix of `key`: (C, C + 1)."""
    values = SCHEMA[key]
    return np.array([[*(is_plausible(key, truth, said) for said in values), False] for truth in values])


def hallucinated(table: pd.DataFrame, key: str) -> NDArray[np.bool_]:
    """Tell which captions fill `key` although the cell's annotation has none or the negative value."""
    filled = table[key].notna() & (table[key] != NEGATIVE_VALUES.get(key))
    return np.asarray(_baseless(table, key) & filled.to_numpy(dtype=bool), dtype=bool)


def _baseless(table: pd.DataFrame, key: str) -> NDArray[np.bool_]:
    """Cells of which nothing but the negative value can be said."""
    truth, negative = table[TRUE_PREFIX + key], NEGATIVE_VALUES.get(key)
    return np.asarray(truth.isna() | ((truth == negative) if negative else False), dtype=bool)


def matches(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Tell which captions state every annotated attribute of their cell right."""
    right = np.ones(len(table), dtype=bool)
    for key in KEYS:
        truth, stated = codes(table, key)
        right &= (truth < 0) | (truth == stated)
    return right


def exact_match(table: pd.DataFrame) -> float | None:
    """Share of captions that state every annotated attribute of their cell right; None if no cell is annotated."""
    annotated = table[[TRUE_PREFIX + key for key in KEYS]].notna().any(axis=1).to_numpy()
    return float(matches(table)[annotated].mean()) if annotated.any() else None


def _known(value: Values) -> float | None:
    return None if np.isnan(value) else float(value)
