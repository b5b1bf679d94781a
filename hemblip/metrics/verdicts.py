"""What each statement of a caption is worth: the one place that decides whether a statement is right.

Every count, score, colour and curve follows from the verdict matrix (N, 15) of prediction rows, or from `outcomes`, the
same decision for every pair of an annotated and a stated value.
"""

from collections.abc import Mapping
from enum import IntEnum
from functools import cache
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemblip.errors import DataError
from hemblip.metrics.incompatible import excluded_values, excluding
from hemblip.metrics.plausible import is_plausible
from hemblip.morphology import KEYS, NEGATIVE_VALUES, SCHEMA
from hemblip.predictions import TRUE_PREFIX, numbered

Codes = NDArray[np.int64]
Verdicts = NDArray[np.int8]
Flags = NDArray[np.bool_]


class Verdict(IntEnum):
    """What a caption does with one attribute of its cell."""

    RIGHT = 0
    """States the annotated value."""
    PLAUSIBLE = 1
    """States a neighbour of it (`hemblip.metrics.plausible`) that the other annotations do not exclude."""
    WRONG = 2
    """States any other value."""
    UNVERIFIABLE = 3
    """States a value of an attribute that is not annotated."""
    OMITTED = 4
    """Does not state an annotated attribute."""
    SILENT = 5
    """Does not state an attribute that is not annotated."""


STATED_AND_ANNOTATED = (Verdict.RIGHT, Verdict.PLAUSIBLE, Verdict.WRONG)
"""Verdicts of statements that can be judged."""

ANNOTATED = (*STATED_AND_ANNOTATED, Verdict.OMITTED)
"""Verdicts of cells that are annotated with the attribute."""


def verdict(
    key: str, truth: str | None, stated: str | None, annotation: Mapping[str, object] = MappingProxyType({})
) -> Verdict:
    """Judge what one caption says of one attribute; None is no annotation, and silence.

    Args:
        key: the attribute.
        truth: its annotated value.
        stated: its value in the caption.
        annotation: key -> annotated value of the cell, which can exclude a neighbouring value.
    """
    if truth is None:
        return Verdict.SILENT if stated is None else Verdict.UNVERIFIABLE
    if stated is None:
        return Verdict.OMITTED
    if stated == truth:
        return Verdict.RIGHT
    near = is_plausible(key, truth, stated) and stated not in excluded_values(key, annotation)
    return Verdict.PLAUSIBLE if near else Verdict.WRONG


@cache
def outcomes(key: str) -> Verdicts:
    """Judge every pair of values of an attribute, of a cell with no other annotation.

    Returns:
        (C + 1, C + 1): annotated value in the order of the schema, then none; stated value, then silence.
    """
    values = [*SCHEMA[key], None]
    return np.array([[verdict(key, truth, stated) for stated in values] for truth in values], dtype=np.int8)


@cache
def fabrications(key: str) -> tuple[Flags, Flags]:
    """Mark where a statement has no basis: the annotation has none, or says that the thing is not there.

    Returns:
        (C + 1, C + 1) as `outcomes`: pairs that are hallucinations, and (C + 1,) annotations under which one could be.
    """
    negative = NEGATIVE_VALUES.get(key)
    baseless = np.array([value is None or value == negative for value in (*SCHEMA[key], None)])
    filled = np.array([value is not None and value != negative for value in (*SCHEMA[key], None)])
    return baseless[:, None] & filled, baseless


def codes(table: pd.DataFrame, key: str) -> tuple[Codes, Codes]:
    """Number the values of a key as the schema orders them.

    Args:
        table: prediction rows.
        key: an attribute with C values.

    Returns:
        Annotated and stated values (N,), 0 to C - 1, and C where there is none.

    Raises:
        DataError: a column is missing, or a value is not in the schema.
    """
    return _numbered(table, TRUE_PREFIX + key, key), _numbered(table, key, key)


def _numbered(table: pd.DataFrame, column: str, key: str) -> Codes:
    if column not in table.columns:
        raise DataError(f"prediction rows: missing column {column}; write them with `python -m hemblip test`")
    return numbered(table, column, key, "prediction rows")


def verdicts_of(table: pd.DataFrame, key: str) -> Verdicts:
    """Judge one attribute in each row: (N,), values of `Verdict`; errors as in `codes`."""
    judged = np.array(outcomes(key)[codes(table, key)], dtype=np.int8)
    near = np.flatnonzero(judged == Verdict.PLAUSIBLE)
    others = excluding(key)
    if others and len(near):
        # Each combination of what decides is judged once.
        deciding = table[[TRUE_PREFIX + key, key, *(TRUE_PREFIX + other for other in others)]].iloc[near]
        places = deciding.groupby(list(deciding.columns), dropna=False, sort=False).ngroup().to_numpy()
        _, first = np.unique(places, return_index=True)
        each = [
            verdict(key, truth, stated, dict(zip(others, annotation, strict=True)))
            for truth, stated, *annotation in deciding.iloc[first].itertuples(index=False, name=None)
        ]
        judged[near] = np.array(each, dtype=np.int8)[places]
    return judged


def verdict_matrix(table: pd.DataFrame) -> Verdicts:
    """Judge prediction rows: (N, 15), values of `Verdict`, attributes in schema order; errors as in `codes`."""
    return np.stack([verdicts_of(table, key) for key in KEYS], axis=1)


def annotated(judged: Verdicts) -> Flags:
    """Tell which verdicts are about annotated attributes; any shape."""
    return np.isin(judged, ANNOTATED)


def can_be_judged(judged: Verdicts) -> Flags:
    """Tell which verdicts are of statements about annotated attributes; any shape."""
    return np.isin(judged, STATED_AND_ANNOTATED)


def hallucinated(table: pd.DataFrame) -> tuple[Flags, Flags]:
    """Tell which statements have no basis in the annotation.

    Returns:
        (N, 15): captions that fill an attribute although its annotation is missing or negative; and (N, 15) cells where
        that could happen.
    """
    filled, possible = [], []
    for key in KEYS:
        truth, stated = codes(table, key)
        pairs, baseless = fabrications(key)
        filled.append(pairs[truth, stated])
        possible.append(baseless[truth])
    return np.stack(filled, axis=1), np.stack(possible, axis=1)
