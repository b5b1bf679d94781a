"""All scores of one model on one set of cells."""

import pandas as pd

from hemblip.metrics.attributes import attribute_scores, exact_match
from hemblip.metrics.text import text_scores

Scores = dict[str, object]


def score(table: pd.DataFrame) -> Scores:
    """Score prediction rows of one model.

    Args:
        table: prediction rows, see `hemblip.predictions`; at least one.

    Returns:
        Ready for JSON: `cells`; the text scores; `accuracy` and `macro_f1`, means over annotated attributes;
        `exact_match`; and `attributes`, a mapping key -> scores of `attribute_scores`.
    """
    attributes = attribute_scores(table)
    means = {name: float(attributes[name].mean()) if len(attributes) else None for name in ("accuracy", "macro_f1")}
    return {
        "cells": len(table),
        **text_scores(table["reference"].tolist(), table["caption"].tolist()),
        **means,
        "exact_match": exact_match(table) if len(attributes) else None,
        "attributes": attributes.astype(object).where(attributes.notna(), None).to_dict("index"),
    }
