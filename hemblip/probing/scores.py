"""Scores of a classification, with 95 % intervals over groups (slides, patients), from its confusion matrix."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.float64]
Classes = NDArray[np.int64]

METRICS = ("accuracy", "weighted_f1", "macro_f1")


def group_confusions(answers: Classes, guesses: Classes, groups: Sequence[str], classes: int) -> Counts:
    """Count answers against guesses, for each group apart.

    Args:
        answers: true classes (N,), in 0..classes - 1.
        guesses: predicted classes (N,).
        groups: slide or patient of each cell (N,).
        classes: number of classes C.

    Returns:
        Counts (G, C, C): group, true class, predicted class.
    """
    names, group = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    counts = np.zeros((len(names), classes, classes))
    np.add.at(counts, (group, answers, guesses), 1)
    return counts


def scores(confusions: Counts, whole: Counts | None = None) -> dict[str, Counts]:
    """Score confusion matrices.

    Args:
        confusions: counts (..., C, C): true class, predicted class.
        whole: (C, C), of the sample that `confusions` are drawn from; None if they are no draws. A class that a draw
            happens to lack has there the F1 that it has in the sample, by the rule of `hemblip.metrics.attributes`:
            left out, it would leave the mean to the frequent classes.

    Returns:
        For each of `METRICS`, values (...): accuracy, F1 weighted by how often a class occurs, and F1 averaged over the
        classes that occur, in the sample if there is one. NaN where a matrix holds no cell.
    """
    hits = np.diagonal(confusions, axis1=-2, axis2=-1)
    support, guessed = confusions.sum(-1), confusions.sum(-2)
    total = support.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        f1 = np.where(support + guessed > 0, 2 * hits / (support + guessed), 0.0)
        occurs, each = support > 0, f1
        if whole is not None:
            known, found = whole.sum(-1) > 0, whole.sum(-1) + whole.sum(-2)
            each = np.where(occurs, f1, np.where(known, 2 * np.diagonal(whole) / found, 0.0))
            occurs = known
        return {
            "accuracy": hits.sum(-1) / total,
            "weighted_f1": (f1 * support).sum(-1) / total,
            "macro_f1": (each * occurs).sum(-1) / occurs.sum(-1),
        }


def interval_scores(confusions: Counts, resamples: int, seed: int) -> dict[str, float | None]:
    """Score with intervals from the bootstrap over groups.

    Args:
        confusions: counts (G, C, C), one matrix a group.
        resamples: number of draws of G groups with replacement.
        seed: of the draws; the same for every backbone, so that backbones are compared on the same resamples.

    Returns:
        `<metric>`, `<metric>_low`, `<metric>_high` for each of `METRICS`; no interval (None) with fewer than 2 groups.
    """
    result: dict[str, float | None] = {}
    for metric, value in scores(confusions.sum(0)).items():
        result |= {metric: float(value), f"{metric}_low": None, f"{metric}_high": None}
    groups, classes, _ = confusions.shape
    if groups < 2:
        return result
    draws = np.random.default_rng(seed).multinomial(groups, np.full(groups, 1 / groups), size=resamples)  # (R, G)
    resampled = (draws @ confusions.reshape(groups, -1)).reshape(resamples, classes, classes)
    for metric, values in scores(resampled, confusions.sum(0)).items():
        low, high = np.nanquantile(values, (0.025, 0.975))
        result |= {f"{metric}_low": float(low), f"{metric}_high": float(high)}
    return result


def class_scores(confusion: Counts, classes: Sequence[str], trained: Mapping[str, int]) -> dict[str, dict[str, object]]:
    """Score each class.

    Args:
        confusion: counts (C, C).
        classes: their names.
        trained: number of training cells of each class.

    Returns:
        For each class its training and test cells, and its F1 or why there is none.
    """
    table: dict[str, dict[str, object]] = {}
    for index, name in enumerate(classes):
        cells, guessed = int(confusion[index].sum()), int(confusion[:, index].sum())
        f1: object = (
            round(2 * float(confusion[index, index]) / (cells + guessed), 4) if cells else "n/a (no test cells)"
        )
        if cells and not trained[name]:
            f1 = "n/a (no training cells)"
        table[name] = {"training_cells": trained[name], "test_cells": cells, "f1": f1}
    return table
