"""What can be had without a captioner; every table shows it beside the models."""

import pandas as pd

from hemblip.morphology import KEYS, describe
from hemblip.predictions import TRUE_PREFIX

MAJORITY = "majority value"


def majority_baseline(training: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Answer every cell with the most frequent value of each attribute among annotated training cells.

    Args:
        training: manifest rows of the training split.
        table: prediction rows whose cells are to be answered.

    Returns:
        Prediction rows of the model "majority value": each attribute is answered where the cell is annotated with it.
    """
    modes = {key: values.mode().iloc[0] for key in KEYS if len(values := training[key].dropna())}
    answers = pd.DataFrame(
        {
            key: table[TRUE_PREFIX + key].map(lambda value, key=key: None if value is None else modes.get(key))
            for key in KEYS
        },
        dtype=object,
    )
    silent = (answers["granules"] == "absent") & answers["granule_colour"].notna()
    spoken = answers.assign(granule_colour=answers["granule_colour"].where(~silent, None))
    captions = [describe(row) for row in spoken.to_dict("records")]
    return table.assign(model=MAJORITY, caption=captions, confidence=None, **{key: answers[key] for key in KEYS})
