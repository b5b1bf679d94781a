"""How well source and diagnosis can be told without looking at the cell.

A captioner that could name the disease from the background, the shape of the crop or the stain need not learn
morphology (Geirhos et al., Nature Machine Intelligence 2020). Each view of a cell is given to the same classifier; what
the poor views score, the whole image owes to shortcuts.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedGroupKFold
from tqdm import tqdm

from hemblip.data.countermeasures import Countermeasure
from hemblip.data.images import read_cell
from hemblip.metrics.attributes import confusion_scores
from hemblip.metrics.jackknife import Interval, Sums, interval, leave_out
from hemblip.morphology import HEALTHY

SIDE = 64
"""Cells are compared at this size in pixels."""

FOLDS = 5

TREES = 150
"""Of the random forest."""

CONFOUNDED = 0.9
"""Balanced accuracy of telling healthy from leukemic by the source name, from which on they are called confounded."""

Features = NDArray[np.float32]


@dataclass(frozen=True)
class Views:
    """Features (N, ...) of each view of the same N cells."""

    background_ring: Features
    size_and_aspect: Features
    colour_statistics: Features
    whole_image: Features

    def items(self) -> list[tuple[str, Features]]:
        """Names and features, the whole image last."""
        return [(name.replace("_", " "), features) for name, features in vars(self).items()]


def _statistics(pixels: NDArray[np.uint8]) -> list[float]:
    """Mean, deviation and quantiles of each channel of pixels (P, 3)."""
    values = pixels.astype(np.float32)
    quantiles = np.quantile(values, (0.05, 0.25, 0.5, 0.75, 0.95), 0)
    return [*values.mean(0).tolist(), *values.std(0).tolist(), *quantiles.ravel().tolist()]


def _outside_circle() -> NDArray[np.bool_]:
    """Pixels outside the inscribed circle: centred cells do not reach them."""
    offsets = np.arange(SIDE) - (SIDE - 1) / 2
    return np.hypot(*np.meshgrid(offsets, offsets)) > SIDE / 2  # type: ignore[no-any-return]


def read_views(manifest: pd.DataFrame, countermeasures: Sequence[Countermeasure] = ()) -> Views:
    """Read every cell once, apply the countermeasures, and compute its views.

    The ring is what lies outside the inscribed circle. Size and aspect are those of the crop in pixels of its file.
    """
    ring = _outside_circle()

    def views(row: tuple[str, Sequence[float] | None, float]) -> list[list[float]]:
        pixels = read_cell(*row)
        for countermeasure in countermeasures:
            pixels = countermeasure(pixels)
        height, width = pixels.shape[:2]
        small = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        tiny = cv2.resize(small, (16, 16), interpolation=cv2.INTER_AREA)
        colours = _statistics(small.reshape(-1, 3))  # type: ignore[arg-type]
        return [
            _statistics(small[ring]),  # type: ignore[arg-type]
            [height, width, width / height, float(np.log(width * height))],
            colours,
            [*colours, *tiny.ravel().tolist()],
        ]

    rows = list(zip(manifest["image"], manifest["bbox"], manifest["width_factor"].astype(float), strict=True))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(
            tqdm(pool.map(views, rows), total=len(rows), desc="Reading cells", disable=len(rows) < 500 or None)
        )
    return Views(*(np.asarray(view, np.float32) for view in zip(*found, strict=True)))


def shortcut_scores(
    manifest: pd.DataFrame, seed: int = 0, cells: int = 2000, countermeasures: Sequence[Countermeasure] = ()
) -> pd.DataFrame:
    """Score each view on each question, cross-validated by group.

    Args:
        manifest: cells, see `hemblip.data.records`.
        seed: of the sample, the folds and the classifier.
        cells: most cells used, drawn evenly over the answers.
        countermeasures: applied to each cell first, to see what they leave.

    Returns:
        One row a question ("source", "diagnosis", "healthy or leukemic") and view: `balanced_accuracy` with its 95 %
        interval `low`, `high` (over groups, `hemblip.metrics.jackknife`), `chance`, `cells` and `groups`. Questions
        with fewer than two answers are left out.
    """
    rows = []
    for question, answers in _questions(manifest).items():
        chosen = _sample(manifest, answers, cells, seed)
        if chosen.empty:
            continue
        labels = answers.loc[chosen.index].to_numpy(dtype=str)
        groups = chosen["group"].astype(str).to_numpy()
        for view, features in read_views(chosen, countermeasures).items():
            predicted = _cross_validated(features, labels, groups, seed)
            found = _balanced_accuracy(labels, predicted, groups)
            rows.append(
                {
                    "question": question,
                    "view": view,
                    "balanced_accuracy": found.value,
                    "low": found.low,
                    "high": found.high,
                    "chance": 1 / len(np.unique(labels)),
                    "cells": len(labels),
                    "groups": len(np.unique(groups)),
                }
            )
    columns = ["question", "view", "balanced_accuracy", "low", "high", "chance", "cells", "groups"]
    return pd.DataFrame(rows, columns=columns)


def _questions(manifest: pd.DataFrame) -> dict[str, "pd.Series[str]"]:
    diagnosis = manifest["diagnosis"].dropna().astype(str)
    contrast = diagnosis.map(lambda value: HEALTHY if value == HEALTHY else "leukemic")
    return {"source": manifest["source"].astype(str), "diagnosis": diagnosis, "healthy or leukemic": contrast}


def _sample(manifest: pd.DataFrame, answers: "pd.Series[str]", cells: int, seed: int) -> pd.DataFrame:
    """Draw cells evenly over answers that have at least two groups; none if fewer than two such answers are drawn."""
    known = _of_two_groups(manifest.loc[answers.index], answers)
    share = max(1, cells // max(1, answers[known.index].nunique()))
    drawn = [part.sample(min(share, len(part)), random_state=seed) for _, part in known.groupby(answers)]
    chosen = _of_two_groups(pd.concat([known.iloc[:0], *drawn]).sort_index(), answers)
    return chosen if answers[chosen.index].nunique() >= 2 else chosen.iloc[:0]


def _of_two_groups(cells: pd.DataFrame, answers: "pd.Series[str]") -> pd.DataFrame:
    """Cells whose answer is that of at least two groups: one to learn from, one to be asked about."""
    own = answers[cells.index]
    return cells[cells["group"].groupby(own).transform("nunique") >= 2]


def _cross_validated(
    features: Features, labels: NDArray[np.str_], groups: NDArray[np.str_], seed: int
) -> NDArray[np.str_]:
    """Predict every cell by a random forest that has not seen its group."""
    fewest = min(len(np.unique(groups[labels == label])) for label in np.unique(labels))
    predicted = np.empty_like(labels)
    folds = StratifiedGroupKFold(min(FOLDS, fewest), shuffle=True, random_state=seed)
    for train, test in folds.split(features, labels, groups):
        forest = RandomForestClassifier(TREES, min_samples_leaf=2, class_weight="balanced", random_state=seed)
        predicted[test] = forest.fit(features[train], labels[train]).predict(features[test])
    return predicted


def _confusions(labels: NDArray[np.str_], predicted: NDArray[np.str_]) -> Sums:
    """Balanced accuracy, the mean over the answers of the share found, from counts of true against predicted ones."""
    names, true = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(labels), len(names), len(names) + 1))  # the last column is silence, which there is none of
    counts[np.arange(len(labels)), true, np.searchsorted(names, predicted)] = 1
    whole = counts.sum(0)

    def score(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return confusion_scores(sums.reshape(*sums.shape[:-1], *whole.shape), whole)["balanced_accuracy"][..., None]

    return Sums(counts.reshape(len(labels), -1), score, ("balanced_accuracy",))


def _balanced_accuracy(labels: NDArray[np.str_], predicted: NDArray[np.str_], groups: NDArray[np.str_]) -> Interval:
    left = leave_out(_confusions(labels, predicted), groups.tolist())
    return interval(float(left.values[0]), left.without[:, 0], int(left.groups[0]), (0.0, 1.0))


def confounding_warning(manifest: pd.DataFrame) -> str | None:
    """One line when the source alone nearly decides whether a cell is healthy or leukemic, else None."""
    contrast = _questions(manifest)["healthy or leukemic"]
    if contrast.nunique() < 2:
        return None
    source = manifest.loc[contrast.index, "source"].astype(str)
    guess = source.map(contrast.groupby(source).agg(lambda values: values.mode().iloc[0]))
    sums = _confusions(contrast.to_numpy(dtype=str), guess.to_numpy(dtype=str))
    known = float(sums.score(sums.total)[0])
    if known < CONFOUNDED:
        return None
    return (
        "Warning: healthy against leukemic is confounded with the source: its name alone gives a balanced accuracy of "
        f"{known:.2f}. A diagnosis accuracy on these cells may measure stain, camera or crop; see the shortcut audit."
    )
