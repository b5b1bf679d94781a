"""How often captions state the annotated attributes: PROTOCOL of the paper's Table 2, with silence made visible."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import f1_score, recall_score

from hemblip.morphology import KEYS, NEGATIVE_VALUES
from hemblip.predictions import TRUE_PREFIX

SILENT = "not stated"


def attribute_scores(table: pd.DataFrame) -> pd.DataFrame:
    """Score each attribute over the cells that are annotated with it.

    Args:
        table: prediction rows of one model (`hemblip.predictions`).

    Returns:
        A row a key that is annotated at all, indexed by key:
        `count` annotated cells; `coverage` share of them whose caption states the attribute; `selective_accuracy` share
        right of those stated (the paper's accuracy; None if none is); `accuracy` share right of all annotated, silence
        being wrong; `macro_f1` and `balanced_accuracy` over annotated values, silence being wrong; `omission` share not
        stated; `hallucination` share of all cells whose caption fills the attribute although the annotation has
        none or says that the thing is not there.
    """
    rows = {}
    for key in KEYS:
        truth, stated = table[TRUE_PREFIX + key], table[key]
        annotated = truth.notna()
        if not annotated.any():
            continue
        gold = truth[annotated].astype(str)
        said = stated[annotated].where(stated[annotated].notna(), SILENT).astype(str)
        answered, right = (said != SILENT).to_numpy(), (said == gold).to_numpy()
        labels = sorted(set(gold))
        rows[key] = {
            "count": int(annotated.sum()),
            "coverage": float(answered.mean()),
            "selective_accuracy": float(right[answered].mean()) if answered.any() else None,
            "accuracy": float(right.mean()),
            "macro_f1": float(f1_score(gold, said, labels=labels, average="macro", zero_division=0)),
            "balanced_accuracy": float(recall_score(gold, said, labels=labels, average="macro", zero_division=0)),
            "hallucination": float(hallucinated(table, key).mean()),
            "omission": float(1 - answered.mean()),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def hallucinated(table: pd.DataFrame, key: str) -> NDArray[np.bool_]:
    """Tell which captions fill `key` although the cell's annotation has none or the negative value."""
    truth, stated = table[TRUE_PREFIX + key], table[key]
    negative = NEGATIVE_VALUES.get(key)
    baseless = truth.isna() | ((truth == negative) if negative else False)
    filled = stated.notna() & (stated != negative)
    return np.asarray(baseless & filled, dtype=bool)


def exact_match(table: pd.DataFrame) -> float:
    """Share of captions that state every annotated attribute of their cell right."""
    right = np.ones(len(table), dtype=bool)
    for key in KEYS:
        truth = table[TRUE_PREFIX + key]
        right &= (truth.isna() | (truth == table[key])).to_numpy(dtype=bool)
    return float(right.mean())
