"""Captions that do not contradict themselves: the best beam that does not, or the cell's joint best consistent values.

What excludes what is the table of `hemblip.metrics.incompatible`, and what granules are not there have no colour.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from hemblip.data.dataset import Batch
from hemblip.metrics.incompatible import RULES, contradictions
from hemblip.models.asking import nearest_style
from hemblip.models.decoding import Generated
from hemblip.morphology import KEYS, SCHEMA, describe, extract_attributes
from hemblip.morphology.extract import read_sentences

if TYPE_CHECKING:
    from hemblip.models.captioner import Captioner

RULED = tuple(key for key in KEYS if any(key in (rule.key, rule.other) for rule in RULES))
"""Attributes that exclude values of each other."""


def contradicts(caption: str) -> bool:
    """Whether a caption states what excludes each other: values by a rule, or two values of one attribute."""
    stated: dict[str, set[str]] = {}
    for sentence in read_sentences(caption):
        for statement in sentence.stated:
            stated.setdefault(statement.key, set()).add(statement.value)
    several = any(len(values) > 1 for values in stated.values())
    return several or bool(contradictions({key: next(iter(values)) for key, values in stated.items()}))


def joint_best(chances: Mapping[str, NDArray[np.float64]]) -> dict[str, str | None]:
    """Choose the values of attributes that are likeliest together and exclude none of each other.

    Args:
        chances: attribute -> probability of each value of its schema (V,); independent but for what excludes.

    Returns:
        A value of each attribute; None for the colour of granules that are not there, and for an attribute that no
        value is left of: the least sure one is given up first.
    """
    found: dict[str, str | None] = {
        key: SCHEMA[key][int(np.argmax(values))] for key, values in chances.items() if key not in RULED
    }
    left = {key: chances[key] for key in RULED if key in chances}
    while left:
        options, scores = _options(left)
        total = sum(np.ix_(*scores.values()), start=np.zeros(1))
        for one, values, other, excluded in _exclusions(options):
            flags = [np.ones(len(options[key]), bool) for key in options]
            for key, some in ((one, values), (other, excluded)):
                flags[[*options].index(key)] = np.isin(np.array(options[key], object), np.array(some, object))
            total[np.ix_(*flags)] = -np.inf
        if np.isfinite(total.max()):
            best = np.unravel_index(int(total.argmax()), total.shape)
            return found | {key: options[key][place] for key, place in zip(options, best, strict=True)}
        least = min(left, key=lambda key: float(left[key].max()))
        del left[least]
        found[least] = None
    return found


def _options(
    chances: Mapping[str, NDArray[np.float64]],
) -> tuple[dict[str, list[str | None]], dict[str, NDArray[np.float64]]]:
    """Values to choose from and their log-probabilities; that granules which are not there have no colour is sure."""
    options: dict[str, list[str | None]] = {key: list(SCHEMA[key]) for key in chances}
    with np.errstate(divide="ignore"):
        scores = {key: np.log(values.astype(np.float64)) for key, values in chances.items()}
    if {"granules", "granule_colour"} <= set(chances):
        options["granule_colour"].append(None)
        scores["granule_colour"] = np.append(scores["granule_colour"], 0.0)
    return options, scores


def _exclusions(
    options: Mapping[str, Sequence[str | None]],
) -> Iterator[tuple[str, Sequence[str | None], str, Sequence[str | None]]]:
    """Pairs of attributes with values of each that exclude each other."""
    for rule in RULES:
        if rule.key in options and rule.other in options:
            yield rule.key, rule.values, rule.other, rule.excluded
    if None in options.get("granule_colour", ()):
        yield "granules", [value for value in options["granules"] if value != "absent"], "granule_colour", [None]


@torch.no_grad()
def consistent_tokens(captioner: Captioner, batch: Batch) -> list[list[Generated]]:
    """Generate each cell's best caption that does not contradict itself.

    Of the beams that the search has ended with, the best one without a contradiction; if there is none, a caption in
    the style of the first, written from the joint best values of the attributes that it states, as `answer` gives them.

    Args:
        captioner: in evaluation mode.
        batch: of B cells.

    Returns:
        As `Captioner.generate_tokens`; a caption that was written has the log-probabilities of its own tokens.
    """
    every = captioner.generate_beams(batch)
    texts = [captioner.texts(beams) for beams in every]
    good = [next((place for place, text in enumerate(some) if not contradicts(text)), None) for some in texts]
    chosen = [beams[place or 0] for beams, place in zip(every, good, strict=True)]
    bad = [cell for cell, place in enumerate(good) if place is None]
    if bad:
        some: Batch = {
            "images": batch["images"][bad],
            "captions": [""] * len(bad),
            "cell_ids": [batch["cell_ids"][cell] for cell in bad],
        }
        for cell, tokens in zip(bad, _written(captioner, some, [texts[cell][0] for cell in bad]), strict=True):
            chosen[cell] = tokens
    return chosen


def _written(captioner: Captioner, batch: Batch, captions: list[str]) -> list[list[Generated]]:
    """Write captions from the joint best values, and read them as if they had been generated."""
    stated = [extract_attributes(caption) for caption in captions]
    asked = [key for key in RULED if any(cell[key] is not None for cell in stated)]
    chances = {key: captioner.answer(batch, key, captions).numpy() for key in asked}
    texts = []
    for place, (caption, cell) in enumerate(zip(captions, stated, strict=True)):
        values = joint_best({key: found[place] for key, found in chances.items() if _is_stated(key, cell)})
        texts.append(describe({**cell, **values}, nearest_style(caption)))
    ids = captioner.answer_ids(texts)
    scores = captioner.answer_logits(batch, ids).float().log_softmax(-1).gather(2, ids[..., None])[..., 0]
    pad = captioner.tokenizer.pad_token_id
    return [
        [Generated(token, score) for token, score in zip(*row, strict=True) if token != pad]
        for row in zip(ids.tolist(), scores.tolist(), strict=True)
    ]


def _is_stated(key: str, cell: Mapping[str, str | None]) -> bool:
    """Colour is not read where granules are absent, but their presence may be what is wrong."""
    return cell[key] is not None or (key == "granule_colour" and cell["granules"] == "absent")
