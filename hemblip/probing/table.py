"""Rows of Table 3: one backbone, one head, one task, scored on internal and external cells."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemblip.probing.heads import HEADS, Features, Labels, Standardize
from hemblip.probing.scores import METRICS, class_scores, group_confusions, interval_scores
from hemblip.probing.tasks import Task

PLACES = {"internal": "test", "external": "external"}
"""Columns of the table, and the split whose cells they score."""

MAJORITY = "Majority"

Row = dict[str, object]
Details = dict[str, object]


class Probe:
    """One task on one set of cells; backbones and heads are tried on it in turn.

    Args:
        name: of the task, as in the config.
        task: what is classified.
        manifest: cells of all splits.
        seed: of heads.
    """

    def __init__(self, name: str, task: Task, manifest: pd.DataFrame, seed: int) -> None:
        self.name, self.task, self.seed = name, task, seed
        self.labels = task.labels(manifest)
        self.split = manifest["split"].to_numpy(dtype=object)
        self.group = manifest["group"].astype(str).to_numpy()
        counts = np.bincount(self.labels[self._cells("train")], minlength=len(task.classes))
        self.trained = dict(zip(task.classes, counts.tolist(), strict=True))
        self.known = np.flatnonzero(counts)
        """Classes that occur in training; a head knows no others, so that cells of the others count as wrong."""

    def _cells(self, split: str) -> NDArray[np.bool_]:
        cells: NDArray[np.bool_] = (self.split == split) & (self.labels >= 0)
        return cells

    def obstacle(self) -> str | None:
        """Say why nothing can be trained, if so."""
        if len(self.known) >= 2:
            return None
        if len(self.known) == 0:
            return f"no training cell has a {self.task.key} of this task"
        return f"all training cells are {self.task.classes[self.known[0]]}"

    def majority(self) -> tuple[Row, Details]:
        """Score the guess that every cell is of the commonest training class."""

        def guess(cells: NDArray[np.bool_]) -> Labels:
            commonest = max(self.known, key=lambda index: self.trained[self.task.classes[index]])
            return np.full(int(cells.sum()), commonest)

        return self._row(MAJORITY, "-", guess)

    def row(self, backbone: str, head: str, features: Features) -> tuple[Row, Details]:
        """Train a head on the training cells' embeddings (N, D) and score it.

        Args:
            backbone: its name.
            head: a name of `HEADS`.
            features: embeddings of all cells, in the manifest's order.

        Returns:
            The table's row, and the scores of each class by place.
        """
        if self.obstacle() is not None:
            return self._row(backbone, head, lambda cells: np.empty(0, dtype=np.int64))
        train, validation = self._cells("train"), self._cells("val") & np.isin(self.labels, self.known)
        scale = Standardize(features[train])
        narrow = np.searchsorted(self.known, self.labels)  # classes numbered without those that training lacks
        predict = HEADS[head](
            scale(features[train]), narrow[train], scale(features[validation]), narrow[validation], self.seed
        )
        return self._row(backbone, head, lambda cells: self.known[predict(scale(features[cells]))])

    def _row(self, backbone: str, head: str, guess: Callable[[NDArray[np.bool_]], Labels]) -> tuple[Row, Details]:
        row: Row = {"task": self.name, "title": self.task.title, "backbone": backbone, "head": head}
        row |= {"train_cells": int(self._cells("train").sum()), "train_classes": len(self.known)}
        details: Details = {}
        for place, split in PLACES.items():
            cells = self._cells(split)
            reason = self.obstacle() or (None if cells.any() else f"no {place} cell has a {self.task.key} of this task")
            row |= {f"{place}_cells": int(cells.sum()), f"{place}_groups": len(set(self.group[cells]))}
            if reason is not None:
                ends = ("", "_low", "_high")
                row |= {f"{place}_{metric}{end}": f"n/a ({reason})" for metric in METRICS for end in ends}
                continue
            guesses = guess(cells)
            groups = self.group[cells].tolist()
            confusions = group_confusions(self.labels[cells], guesses, groups, len(self.task.classes))
            measured = interval_scores(confusions)
            row |= {
                f"{place}_{key}": "n/a (no interval from one group)" if value is None else value
                for key, value in measured.items()
            }
            details[place] = {
                "classes": class_scores(confusions.sum(0), self.task.classes, self.trained),
                "confusion": confusions.sum(0).astype(int).tolist(),
            }
        return row, details
