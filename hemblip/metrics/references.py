"""Whether captions can be compared with their references word by word."""

from statistics import median

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemblip.morphology import KEYS, extract_attributes

SAMPLE = 200
"""References that are read to tell what kind they are."""

FULL = 3
"""Attributes that a full caption states, at least."""


def with_reference(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Tell which prediction rows have a reference, (N,)."""
    place, texts = pd.factorize(table["reference"].array)
    return np.asarray(np.array([*(bool(str(text).strip()) for text in texts), True])[place])


def text_obstacle(table: pd.DataFrame) -> str | None:
    """Say why texts have no scores; None if they have.

    A reference such as "This is a basophil." and a caption of fifteen attributes differ in what they are for: BLEU
    would measure the difference in length.
    """
    known = with_reference(table)
    if not known.any():
        return "no references"
    references = pd.unique(table["reference"][known])[:SAMPLE]
    stated = [sum(value is not None for value in extract_attributes(text).values()) for text in references]
    said = table[list(KEYS)].iloc[np.flatnonzero(known)[: 10 * SAMPLE]].notna().sum(axis=1)
    if median(stated) <= 1 and median(said) >= FULL:
        return f"references state {median(stated):g} attribute each, captions {median(said):g}"
    return None
