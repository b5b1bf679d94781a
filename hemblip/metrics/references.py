"""Which captions can be compared with their references word by word."""

from statistics import median
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemblip.morphology import KEYS, extract_attributes

SAMPLE = 2000
"""Captions that are looked at to tell how much they state."""

FULL = 3
"""Attributes that a full caption states, at least."""

LONG = 25
"""Words from which on a reference is more than a name, whatever is read from it."""

Flags = NDArray[np.bool_]


class Comparable(NamedTuple):
    """Where texts are scored.

    Attributes:
        rows: (N,), prediction rows whose reference is compared with their caption.
        note: why not all of those that have a reference, or none at all; empty if all are.
    """

    rows: Flags
    note: str


def with_reference(table: pd.DataFrame) -> Flags:
    """Tell which prediction rows have a reference, (N,)."""
    place, texts = pd.factorize(table["reference"].array)
    return np.asarray(np.array([*(bool(str(text).strip()) for text in texts), True])[place])


def comparable(table: pd.DataFrame) -> Comparable:
    """Choose the rows whose texts are scored.

    A reference such as "This is a basophil." and a caption of fifteen attributes differ in what they are for: BLEU
    would measure the difference in length. Beside full references such rows are left out, for every captioner alike;
    where there are no others, texts have no scores, unless the captions are of that kind too.
    """
    known = with_reference(table)
    if not known.any():
        return Comparable(known, "no references")
    place, texts = pd.factorize(table["reference"].array)
    stated = np.array([*map(_stated, texts), 0])[place]
    kept = known & (stated > 1)
    if (stated[kept] >= FULL).any():
        short = int(known.sum() - kept.sum())
        told = f"{short:,} of {known.sum():,} references state one attribute at most and are left out"
        return Comparable(kept, told if short else "")
    said = table[list(KEYS)].iloc[np.flatnonzero(known)[:SAMPLE]].notna().sum(axis=1)
    usual = median(stated[known].tolist())
    if usual <= 1 and median(said) >= FULL:
        return Comparable(np.zeros_like(known), f"references state {usual:g} attribute each, captions {median(said):g}")
    return Comparable(known, "")


def _stated(reference: object) -> int:
    """Attributes that a reference states; a long one is not read, which would take longer than its scores."""
    text = str(reference)
    return FULL if len(text.split()) >= LONG else sum(v is not None for v in extract_attributes(text).values())
