"""What scores are made from, cell by cell: a score that is a function of sums over cells can be resampled cheaply."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemblip.metrics.attributes import (
    METRICS,
    codes,
    confusion_counts,
    confusion_scores,
    hallucinated,
    matches,
    mean_known,
)
from hemblip.metrics.text import sentence_scores
from hemblip.morphology import KEYS
from hemblip.predictions import TRUE_KEYS

Values = NDArray[np.float64]

HALLUCINATION = "hallucination"


@dataclass(frozen=True)
class Sums:
    """What a score is made from, cell by cell.

    Attributes:
        cells: summands (N, S).
        score: sums (..., S) -> scores (..., M), NaN where there is nothing to score.
        names: of the scores (M).
    """

    cells: Values
    score: Callable[[Values], Values]
    names: tuple[str, ...]


def attribute_sums(table: pd.DataFrame, keys: Sequence[str]) -> Sums:
    """Make the scores of attributes resamplable.

    Args:
        table: prediction rows of one model.
        keys: attributes to score; those that no cell is annotated with have NaN.

    Returns:
        `<metric>/<key>` for each metric of `confusion_scores`, and their means over the keys as `<metric>`;
        `hallucination/<key>` and `hallucination` for all attributes, because captions also state those that no cell
        is annotated with.
    """
    wholes = [confusion_counts(table, key) for key in keys]
    parts, columns = [], []
    for key, whole in zip(keys, wholes, strict=True):
        truth, stated = codes(table, key)
        place = np.where(truth < 0, -1, truth * whole.shape[1] + stated)
        used = np.flatnonzero(whole)  # most of a matrix never occurs: it need not be multiplied
        parts.append((place[:, None] == used).astype(np.float64))
        columns.append(used)
    parts += [np.stack([hallucinated(table, key) for key in KEYS], axis=1), np.ones((len(table), 1))]
    ends = np.cumsum([part.shape[1] for part in parts])[:-1]

    def score(sums: Values) -> Values:
        *counts, baseless, cells = np.split(sums, ends, axis=-1)
        found: dict[str, list[Values]] = {name: [] for name in METRICS}
        for some, used, whole in zip(counts, columns, wholes, strict=True):
            matrix = np.zeros((*sums.shape[:-1], whole.size))
            matrix[..., used] = some
            for name, value in confusion_scores(matrix.reshape(*sums.shape[:-1], *whole.shape), whole).items():
                found[name].append(value)
        each = [np.stack(found[name], axis=-1) for name in METRICS if keys] + [baseless / cells]
        return np.concatenate([*each, np.stack([mean_known(values) for values in each], axis=-1)], axis=-1)

    annotated = METRICS if keys else ()
    names = tuple(f"{metric}/{key}" for metric in annotated for key in keys)
    names += tuple(f"{HALLUCINATION}/{key}" for key in KEYS)
    return Sums(np.concatenate(parts, axis=1), score, (*names, *annotated, HALLUCINATION))


def mean_sums(cells: Mapping[str, Values]) -> Sums:
    """Make means over cells resamplable: name -> score of each cell (N,)."""
    values = np.stack(list(cells.values()), axis=1)
    stacked = np.concatenate([values, np.ones((len(values), 1))], axis=1)
    return Sums(stacked, lambda sums: sums[..., :-1] / sums[..., -1:], tuple(cells))


def exact_match_sums(table: pd.DataFrame) -> Sums:
    """Make the share of entirely right captions resamplable; see `hemblip.metrics.attributes.exact_match`."""
    annotated = table[list(TRUE_KEYS)].notna().any(axis=1).to_numpy()
    cells = np.stack([matches(table) & annotated, annotated], axis=1).astype(np.float64)
    return Sums(cells, lambda sums: sums[..., :1] / sums[..., 1:], ("exact_match",))


def all_sums(table: pd.DataFrame, keys: Sequence[str], text: bool = True) -> list[Sums]:
    """Everything that is known of prediction rows: attributes, `exact_match`, and with `text` `bleu` and `rouge_l`."""
    found = [exact_match_sums(table)]
    if text:
        scores = sentence_scores(table["reference"].tolist(), table["caption"].tolist())
        found.append(mean_sums({name: np.array([score[name] for score in scores]) for name in ("bleu", "rouge_l")}))
    return [*found, attribute_sums(table, keys)]
