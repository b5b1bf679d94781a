"""Prediction rows drawn at random, without models or images."""

import numpy as np
import pandas as pd

from hemblip.morphology import KEYS, SCHEMA, STYLES, describe, extract_attributes
from hemblip.predictions import CONFIDENCE_PREFIX, TRUE_PREFIX, prediction_table


def row(cell: str, truth: dict, caption: str, group: str | None = None, model: str = "m", **extra) -> dict:
    """One prediction row; the reference is the template's."""
    return {
        "cell_id": cell, "split": "test", "source": "drawn", "group": group or cell, "image": "", "model": model,
        "reference": describe(truth), "caption": caption, "confidence": None, **extract_attributes(caption),
        **{TRUE_PREFIX + key: truth.get(key) for key in KEYS}, **extra,
    }  # fmt: skip


def rows(cells: int = 60, groups: int = 12, error: float = 0.3, seed: int = 0) -> pd.DataFrame:
    """Cells whose annotation and groups do not depend on `seed`, and captions that err with it."""
    truths, errors = np.random.default_rng(0), np.random.default_rng(seed + 1)
    made = []
    for cell in range(cells):
        truth = {key: str(truths.choice(SCHEMA[key])) if truths.random() > 0.2 else None for key in KEYS}
        if truth["granules"] == "absent":
            truth["granule_colour"] = None
        said = {
            key: str(errors.choice(SCHEMA[key])) if value and errors.random() < error else value
            for key, value in truth.items()
            if errors.random() > error / 3
        }
        if said.get("granules") == "absent":
            said["granule_colour"] = None
        caption = describe(said, cell % STYLES)
        made.append(row(f"{cell:03d}", truth, caption, f"slide {cell % groups}", f"m{seed}"))
    return prediction_table(made)


def confident_rows(cells: int = 400, seed: int = 0) -> pd.DataFrame:
    """Rows whose statements are right exactly as often as their confidence says."""
    random = np.random.default_rng(seed)
    made = []
    for cell in range(cells):
        truth, said, sure = {}, {}, {}
        for key in ("cell_size", "chromatin", "granules", "granule_colour"):
            options = [value for value in SCHEMA[key] if value != "absent"]
            truth[key] = str(random.choice(options))
            sure[CONFIDENCE_PREFIX + key] = float(random.uniform(0.3, 1))
            right = random.random() < sure[CONFIDENCE_PREFIX + key]
            wrong = [value for value in options if value != truth[key]]
            said[key] = truth[key] if right else str(random.choice(wrong))
        empty = dict.fromkeys((CONFIDENCE_PREFIX + key for key in KEYS), None)
        made.append(row(f"{cell:04d}", truth, describe(said, 1), **{**empty, **sure}))
    return prediction_table(made)


def manifest(table: pd.DataFrame) -> pd.DataFrame:
    """Training rows with the annotation and references of prediction rows."""
    keys = {key: table[TRUE_PREFIX + key] for key in KEYS}
    return pd.DataFrame({"cell_id": "t" + table["cell_id"], **keys, "captions": table["reference"].map(lambda r: [r])})
