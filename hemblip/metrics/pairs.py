"""Pairs of reference and caption: made alike before they are compared, and each scored once however often it occurs."""

import re
from collections.abc import Hashable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

NORMALISATION = "lower case; one space around punctuation"

Pair = TypeVar("Pair", bound=Hashable)


def normalise(text: str) -> str:
    """Lower the case and put one space around punctuation."""
    return " ".join(re.findall(r"\w+|[^\w\s]", text.lower()))


def distinct(pairs: Sequence[Pair]) -> tuple[list[Pair], NDArray[np.int64]]:
    """Find what occurs among N pairs: those that differ (U), and which of them each is (N,)."""
    found: dict[Pair, int] = {}
    which = np.array([found.setdefault(pair, len(found)) for pair in pairs], dtype=np.int64)
    return list(found), which
