"""What training cells can teach: an attribute with one value in all of them teaches nothing.

A captioner that has seen healthy cells only calls every cell healthy, and is sure of it. Such attributes are left out
of the captions that are written for training, and of the scores.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import pandas as pd

from hemblip.morphology import KEYS, SCHEMA
from hemblip.morphology.schema import HEALTHY

Taught = Mapping[str, Sequence[str]]
"""The values of each attribute that training cells have, in schema order."""


USUAL = 500
"""Captions that are kept with a run: 100 kB."""


def taught_values(training: pd.DataFrame) -> dict[str, list[str]]:
    """List the values of each of the 15 keys in a manifest of training cells."""
    found = {key: set(training[key].dropna()) for key in KEYS}
    return {key: [value for value in SCHEMA[key] if value in found[key]] for key in KEYS}


def usual_captions(training: pd.DataFrame) -> list[str]:
    """List the captions of a manifest of training cells, the commonest first, at most `USUAL`."""
    counts = Counter(caption for captions in training["captions"] for caption in captions)
    return [caption for caption, _ in counts.most_common(USUAL)]


def constant_keys(taught: Taught) -> list[str]:
    """Name the attributes of which training has one value only."""
    return [key for key in KEYS if len(taught[key]) == 1]


def never_seen(taught: Taught) -> str:
    """Say in a sentence what the model has not seen, for whoever reads its captions; empty if that is nothing."""
    told = []
    diagnoses = set(taught["diagnosis"])
    if diagnoses:
        leukemias = [value for value in SCHEMA["diagnosis"] if value != HEALTHY]
        if not diagnoses - {HEALTHY}:
            told.append("leukemic cells")
        else:
            told += [f"cells of {value}" for value in leukemias if value not in diagnoses]
            told += [] if HEALTHY in diagnoses else ["healthy cells"]
    if taught["cell_type"]:
        told += [f"{value}s" for value in SCHEMA["cell_type"] if value not in taught["cell_type"]]
    if not told:
        return ""
    named = told[0] if len(told) == 1 else f"{', '.join(told[:-1])} or {told[-1]}"
    return f"This model has never seen {named}."
