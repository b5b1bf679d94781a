"""The probability of each value of an attribute: the captioner is asked about the cell instead of told from its words.

The captioner's own caption is written once for each value of the attribute, all else in it the same, and the caption as
a whole is scored given the image. So a value is weighed against the others of its attribute, with what comes after it
as well as what comes before. A sentence about the attribute alone would be shorter, and is unfamiliar to a captioner
that has seen whole captions: experiments/ask compares both.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import SequenceMatcher
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from hemblip.data.dataset import Batch
from hemblip.metrics.asked import ANSWER_CONFIDENCE_PREFIX, ANSWER_PREFIX, ASKED_PREFIX, Choice, at
from hemblip.morphology import KEYS, SCHEMA, STYLES, describe, extract_attributes
from hemblip.morphology.schema import Attributes

if TYPE_CHECKING:
    from hemblip.models.captioner import Captioner


@torch.no_grad()
def answer(captioner: Captioner, batch: Batch, key: str, captions: list[str]) -> Tensor:
    """Give the probability of each value of an attribute.

    Args:
        captioner: in evaluation mode.
        batch: of B cells.
        key: of the schema, with V values.
        captions: what the captioner says of each cell.

    Returns:
        (B, V) on the CPU, float32, rows summing to one; a value that training did not have beside several has 0.
    """
    texts = [
        describe(_with(extract_attributes(caption), key, value), nearest_style(caption))
        for caption in captions
        for value in SCHEMA[key]
    ]
    with captioner.repeated(batch, len(SCHEMA[key])) as images:
        again: Batch = {"images": images, "captions": texts, "cell_ids": [""] * len(texts)}
        nll = captioner.loss_per_cell(again)[0].float().cpu()
    scores = -nll.view(len(captions), len(SCHEMA[key]))
    known = captioner.taught.get(key) if captioner.taught else None
    if known and len(known) > 1:  # of one value, which can be taught all the same, nothing would be left to ask
        scores[:, [value not in known for value in SCHEMA[key]]] = -torch.inf
    return scores.softmax(-1)


@lru_cache(maxsize=16384)  # captions repeat, and each is asked for every attribute
def nearest_style(caption: str) -> int:
    """Tell which of the fixed styles is nearest to a caption, by the words in common; the first if it states nothing.

    Each caption's own, so that no answer depends on the other cells of a batch.
    """
    attributes, words = extract_attributes(caption), caption.lower().split()
    if not any(attributes.values()):
        return 0

    def likeness(style: int) -> float:
        return SequenceMatcher(None, words, describe(attributes, style).lower().split(), autojunk=False).ratio()

    return max(range(STYLES), key=likeness)


def _with(attributes: Attributes, key: str, value: str) -> dict[str, str | None]:
    """Exchange one value; what it excludes is left out."""
    changed = {**attributes, key: value}
    if changed["granules"] == "absent" and changed["granule_colour"] is not None:
        changed["granules" if key == "granule_colour" else "granule_colour"] = None
    return changed


def answer_columns(captioner: Captioner, batch: Batch, captions: list[str]) -> list[dict[str, str | float | None]]:
    """Ask about all attributes that were taught, and give the answers as columns of prediction rows.

    Args:
        captioner: in evaluation mode.
        batch: of B cells.
        captions: what it says of them.

    Returns:
        B mappings; see `hemblip.metrics.asked`.
    """
    rows: list[dict[str, str | float | None]] = [{} for _ in captions]
    untaught = captioner.untaught()
    stated = [extract_attributes(caption) for caption in captions]
    for key in KEYS:
        chances = None if key in untaught else captioner.answer(batch, key, captions).tolist()
        for place, row in enumerate(rows):
            value = stated[place][key]
            best = None if chances is None else max(range(len(SCHEMA[key])), key=chances[place].__getitem__)
            row[ANSWER_PREFIX + key] = None if best is None else SCHEMA[key][best]
            row[ANSWER_CONFIDENCE_PREFIX + key] = None if chances is None or best is None else chances[place][best]
            known = chances is not None and value is not None
            row[ASKED_PREFIX + key] = chances[place][SCHEMA[key].index(value)] if known else None  # type: ignore[index]
    return rows


def asked_confidences(
    captioner: Captioner, batch: Batch, captions: list[str], choices: Mapping[str, Choice]
) -> list[dict[str, float]]:
    """Ask about what captions state, and give its probabilities as they are the confidence of statements.

    Args:
        captioner: in evaluation mode.
        batch: of B cells.
        captions: what it says of them.
        choices: attributes that are asked about, with their temperatures.

    Returns:
        B mappings of the asked attributes that a caption states to 0 to 1.
    """
    found: list[dict[str, float]] = [{} for _ in captions]
    stated = [extract_attributes(caption) for caption in captions]
    untaught = captioner.untaught()
    for key, choice in choices.items():
        values = [attributes[key] for attributes in stated]
        if key in untaught or not any(values):
            continue
        chances = captioner.answer(batch, key, captions).double().numpy()
        for place, value in enumerate(values):
            if value is not None:
                chance = np.array([chances[place, SCHEMA[key].index(value)]])
                found[place][key] = float(at(chance, choice.asked_temperature)[0])
    return found
