"""Baselines that see the image, through frozen features, and write by template or by heart."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from hemblip.errors import DataError
from hemblip.metrics.baselines import (
    answered,
    consistent,
    majority_baseline,
    modal_caption_baseline,
    reference_style,
    references,
)
from hemblip.morphology import KEYS, describe, extract_attributes
from hemblip.probing.heads import Standardize

NEAREST = "nearest-neighbour caption"
CLASSIFIER = "frozen features + template"

UNSAID = "not stated"

PENALTY = 10.0
"""Inverse strength, for features of length 1; as the linear head of `hemblip.probing` without validation cells."""

Features = NDArray[np.float32]


def nearest_caption_baseline(
    training: pd.DataFrame, table: pd.DataFrame, training_features: Features, features: Features
) -> pd.DataFrame:
    """Say of every cell what is said of the training cell that looks most like it (cosine of standardised features).

    Args:
        training: manifest rows of the training split (N).
        table: prediction rows whose cells are to be answered (M).
        training_features: frozen features (N, D), in the order of `training`.
        features: frozen features (M, D), in the order of `table`.

    Returns:
        Prediction rows of the model "nearest-neighbour caption".

    Raises:
        DataError: features do not fit the rows, or are not finite.
    """
    known, asked = _standardised(training, table, training_features, features)
    nearest = np.concatenate([(block @ known.T).argmax(1) for block in np.array_split(asked, len(asked) // 1024 + 1)])
    captions = references(training).iloc[nearest].tolist()
    return answered(table, NEAREST, captions, [extract_attributes(caption) for caption in captions])


def classifier_baseline(
    training: pd.DataFrame, table: pd.DataFrame, training_features: Features, features: Features
) -> pd.DataFrame:
    """Classify each attribute from frozen features, and put the answers into the caption template.

    One logistic regression an attribute; "not stated" is one of its classes where training cells lack it, so that
    nothing is told about which attributes a cell is annotated with. Arguments are those of `nearest_caption_baseline`.

    Returns:
        Prediction rows of the model "frozen features + template", with the probability of each answer in
        `confidence_<key>`.

    Raises:
        DataError: features do not fit the rows, or are not finite.
    """
    known, asked = _standardised(training, table, training_features, features)
    answers: list[dict[str, str | None]] = [dict.fromkeys(KEYS) for _ in asked]
    sure: list[dict[str, float | None]] = [dict.fromkeys(KEYS) for _ in asked]
    for key in KEYS:
        values, probabilities = _classify(known, training[key], asked)
        for row, (value, probability) in enumerate(zip(values, probabilities, strict=True)):
            if value != UNSAID:
                answers[row][key], sure[row][key] = value, probability
    answers = [consistent(answer) for answer in answers]
    for answer, probability_of in zip(answers, sure, strict=True):
        probability_of.update({key: None for key in KEYS if answer[key] is None})
    style = reference_style(training)
    return answered(table, CLASSIFIER, [describe(answer, style) for answer in answers], answers, sure)


def baselines(
    training: pd.DataFrame,
    table: pd.DataFrame,
    training_features: Features | None = None,
    features: Features | None = None,
) -> pd.DataFrame:
    """Make the rows of all baselines, told apart by `model`: those for which there are annotations and features.

    Arguments and errors are those of `nearest_caption_baseline`.
    """
    annotated = bool(training[list(KEYS)].notna().any(axis=None))
    made = [majority_baseline(training, table)] if annotated else []
    made.append(modal_caption_baseline(training, table))
    if training_features is not None and features is not None:
        made.append(nearest_caption_baseline(training, table, training_features, features))
        if annotated:
            made.append(classifier_baseline(training, table, training_features, features))
    return pd.concat(made, ignore_index=True)


def _classify(known: Features, labels: "pd.Series[str]", asked: Features) -> tuple[list[str], list[float]]:
    """The likeliest class of each asked cell, and its probability."""
    classes = labels.astype(object).where(labels.notna(), UNSAID).to_numpy(dtype=str)
    if len(set(classes)) == 1:
        return [str(classes[0])] * len(asked), [1.0] * len(asked)
    model = LogisticRegression(C=PENALTY, max_iter=200, tol=1e-3).fit(known, classes)
    probabilities = model.predict_proba(asked)
    return [str(model.classes_[best]) for best in probabilities.argmax(1)], probabilities.max(1).tolist()


def _standardised(
    training: pd.DataFrame, table: pd.DataFrame, training_features: Features, features: Features
) -> tuple[Features, Features]:
    """Features of both, z-scored by the training cells and of length 1."""
    if training.empty:
        raise DataError("no training cells to make baselines from; give the manifest rows of the training split")
    for name, array, rows in (("training_features", training_features, training), ("features", features, table)):
        if array.ndim != 2 or len(array) != len(rows):
            raise DataError(f"{name} has shape {array.shape} for {len(rows)} cells; give one row a cell, (N, D)")
        if not np.isfinite(array).all():
            raise DataError(f"{name} holds values that are not finite; embed the cells again")
    if training_features.shape[1] != features.shape[1]:
        raise DataError(
            f"features of {training_features.shape[1]} and {features.shape[1]} numbers; embed both with one backbone"
        )
    standardise = Standardize(training_features)
    return standardise(training_features), standardise(features)
