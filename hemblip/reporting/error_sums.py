"""Kinds of errors as functions of sums over cells, so that they have intervals like all other scores."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemblip.metrics.attributes import codes, neighbours
from hemblip.metrics.incompatible import contradictions
from hemblip.metrics.summands import Sums
from hemblip.morphology import SCHEMA

Values = NDArray[np.float64]


def error_sums(table: pd.DataFrame, keys: Sequence[str]) -> Sums:
    """Make the shares of errors resamplable.

    Args:
        table: prediction rows of one model.
        keys: attributes with annotated cells.

    Returns:
        `plausible/<key>` and `other/<key>`, the shares of annotated cells whose caption states a neighbouring value or
        any other wrong one, and `plausible` and `other` of all annotated attributes together.
    """
    near, other, annotated = [], [], []
    for key in keys:
        truth, stated = codes(table, key)
        known = truth >= 0
        plausible = known & neighbours(key)[truth, stated]
        near.append(plausible)
        other.append(known & (stated < len(SCHEMA[key])) & (stated != truth) & ~plausible)
        annotated.append(known)
    cells = np.concatenate([np.stack(flags, axis=1) for flags in (near, other, annotated)], axis=1).astype(np.float64)

    def score(sums: Values) -> Values:
        plausible, rest, total = np.split(sums, 3, axis=-1)  # (..., K) each
        of_all = [part.sum(-1, keepdims=True) / total.sum(-1, keepdims=True) for part in (plausible, rest)]
        return np.concatenate([plausible / total, rest / total, *of_all], axis=-1)

    names = (*(f"{kind}/{key}" for kind in ("plausible", "other") for key in keys), "plausible", "other")
    return Sums(cells, score, names)


def contradicting(table: pd.DataFrame) -> Values:
    """Tell which captions state what cannot both be true: 1 or 0 for each row (N,)."""
    return np.array([bool(contradictions(row)) for row in table.to_dict("records")], dtype=np.float64)
