"""What can be had without a captioner; every table shows it beside the models.

Each baseline answers the cells of a prediction table from training cells and gives prediction rows of its own.
Those that see the image are in `hemblip.probing.feature_baselines`.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from hemblip.errors import DataError
from hemblip.morphology import KEYS, STYLES, describe, extract_attributes
from hemblip.predictions import CONFIDENCE_KEYS, CONFIDENCE_PREFIX

MAJORITY = "majority value"
MODAL = "modal caption"

STYLE_CELLS = 200
"""Training cells that are enough to tell how references are written."""


def majority_baseline(training: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Say of every cell the most frequent value of each attribute among annotated training cells.

    Every attribute that any training cell is annotated with is stated of every cell, because which ones a cell is
    annotated with is told to nobody: its accuracy is the share of the value, its coverage complete without merit, and
    its hallucination as high as it can be.

    Args:
        training: manifest rows of the training split.
        table: prediction rows whose cells are to be answered.

    Returns:
        Prediction rows of the model "majority value".
    """
    modes = {key: values.mode().iloc[0] if len(values := training[key].dropna()) else None for key in KEYS}
    caption = describe(consistent(modes), reference_style(training))
    return answered(table, MAJORITY, [caption] * len(table), [modes] * len(table))


def modal_caption_baseline(training: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Say of every cell what is said of the commonest kind of training cell.

    The kind is the most frequent set of annotated values; of equally frequent ones, as when all differ, the one whose
    values are shared with most cells. Among its captions the most frequent is taken, or the alphabet's first.

    Args:
        training: manifest rows of the training split; the first of a cell's captions is its reference.
        table: prediction rows whose cells are to be answered.

    Returns:
        Prediction rows of the model "modal caption".
    """
    values = training[list(KEYS)].astype(object).fillna("")
    texts, kinds = references(training), values.agg("|".join, axis=1)
    shared = sum(values[key].map(values[key].value_counts()) for key in KEYS)
    order = pd.DataFrame(
        {"kind": kinds.map(kinds.value_counts()), "shared": shared, "said": texts.map(texts.value_counts())}
    )
    best = order.assign(text=texts).sort_values([*order.columns, "text"], ascending=[False, False, False, True])
    caption = str(best["text"].iloc[0])
    return answered(table, MODAL, [caption] * len(table), [extract_attributes(caption)] * len(table))


def references(training: pd.DataFrame) -> "pd.Series[str]":
    """The reference caption of each training cell.

    Raises:
        DataError: there are no training cells, or one has no caption.
    """
    if training.empty:
        raise DataError("no training cells to make baselines from; give the manifest rows of the training split")
    silent = training.loc[training["captions"].map(len) == 0, "cell_id"]
    if len(silent):
        raise DataError(f"training cell '{silent.iloc[0]}' has no caption; make the manifest with `hemblip prepare`")
    return training["captions"].map(lambda captions: str(captions[0]))


def reference_style(training: pd.DataFrame) -> int:
    """Find the style of `describe` in which most references of training cells are written; 0 if in none.

    A baseline that fills the template in another style than the references would lose BLEU for that alone.
    """
    cells = training.head(STYLE_CELLS)
    known = cells[list(KEYS)].astype(object).where(cells[list(KEYS)].notna(), None).to_dict("records")
    equal = [
        sum(describe(cell, style) == caption for cell, caption in zip(known, references(cells), strict=True))
        for style in range(STYLES)
    ]
    return equal.index(max(equal))


def consistent(attributes: Mapping[str, str | None]) -> dict[str, str | None]:
    """Leave out the colour of granules that are absent."""
    absent = attributes.get("granules") == "absent"
    return {key: None if absent and key == "granule_colour" else value for key, value in attributes.items()}


def answered(
    table: pd.DataFrame,
    model: str,
    captions: Sequence[str],
    attributes: Sequence[Mapping[str, str | None]],
    confidences: Sequence[Mapping[str, float | None]] | None = None,
) -> pd.DataFrame:
    """Give the cells of `table` other captions.

    Args:
        table: prediction rows (N).
        model: name of what answers.
        captions: as many texts.
        attributes: what they state.
        confidences: of what they state, by key; None for none.

    Returns:
        Prediction rows (N); the confidences of whoever answered before are gone.
    """
    kept = table.drop(columns=[column for column in CONFIDENCE_KEYS if column in table.columns])
    stated = {key: pd.Series([row[key] for row in attributes], index=table.index, dtype=object) for key in KEYS}
    result = kept.assign(model=model, caption=list(captions), confidence=None, **stated)
    if confidences is None:
        return result
    known = {CONFIDENCE_PREFIX + key: [row.get(key) for row in confidences] for key in KEYS}
    return result.assign(**{name: pd.Series(values, index=table.index, dtype=float) for name, values in known.items()})
