"""Scores of a classification, with 95 % intervals over groups (slides, patients), from its confusion matrix."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hemblip.metrics.jackknife import Sums, interval, leave_out

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
        whole: (C, C), of the sample that `confusions` are parts of; None if they are none. A class that a part lacks
            has there the F1 that it has in the sample, by the rule of `hemblip.metrics.attributes`:
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


def interval_scores(confusions: Counts) -> dict[str, float | None]:
    """Score with 95 % intervals over groups (`hemblip.metrics.jackknife`).

    Args:
        confusions: counts (G, C, C), one matrix a group.

    Returns:
        `<metric>`, `<metric>_low`, `<metric>_high` for each of `METRICS`; no interval (None) with fewer than 2 groups.
    """
    whole = confusions.sum(0)

    def score(sums: Counts) -> Counts:
        found = scores(sums.reshape(*sums.shape[:-1], *whole.shape), whole)
        return np.stack([found[metric] for metric in METRICS], axis=-1)

    left = leave_out(Sums(confusions.reshape(len(confusions), -1), score, METRICS), range(len(confusions)))
    result: dict[str, float | None] = {}
    for place, metric in enumerate(METRICS):
        found = interval(float(left.values[place]), left.without[:, place], int(left.groups[place]), (0.0, 1.0))
        result |= {metric: found.value, f"{metric}_low": found.low, f"{metric}_high": found.high}
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
