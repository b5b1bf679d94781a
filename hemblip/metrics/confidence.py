"""How sure a captioner is of each attribute that it states, from the probabilities of the tokens that state it.

The confidence of a statement is the probability of the least sure token in the words that state it
(`hemblip.morphology.locate`), given what was written before: a value is decided at one token, and the rest of its words
follow. A product would punish long values, above all after label smoothing, and a mean would hide the token that
decides; experiments/benchmarks/scoring.md compares the three on real cells. Words around a statement ("there is
a ...") count in the confidence of the caption alone.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from hemblip.errors import DataError
from hemblip.morphology import KEYS
from hemblip.morphology.locate import locate_statements
from hemblip.predictions import CONFIDENCE_PREFIX


class TokenScore(NamedTuple):
    """One generated token: the characters [start, end) of the caption that it wrote, and its log-probability."""

    start: int
    end: int
    log_probability: float


def token_scores(prefixes: Sequence[str], log_probabilities: Sequence[float]) -> list[TokenScore]:
    """Place generated tokens in their caption.

    Args:
        prefixes: decoded text of the first 1, 2, ... tokens, as the tokenizer gives it; the last one is the caption.
        log_probabilities: of as many tokens, each given those before it.

    Returns:
        A place for each token; tokens that write nothing (special ones) have an empty one. A token that changes what
        was written before it (white space cleaned up before a full stop) begins where the text begins to differ.

    Raises:
        DataError: the numbers of prefixes and log-probabilities differ.
    """
    if len(prefixes) != len(log_probabilities):
        raise DataError(f"{len(prefixes)} decoded prefixes but {len(log_probabilities)} log-probabilities")
    caption = prefixes[-1] if prefixes else ""
    lead = len(caption) - len(caption.lstrip())
    scores, before = [], ""
    for text, value in zip(prefixes, log_probabilities, strict=True):
        start = _common(before, text)
        while start < len(text) and text[start].isspace():
            start += 1
        scores.append(TokenScore(max(0, start - lead), max(0, len(text) - lead), value))
        before = text
    return scores


def _common(one: str, other: str) -> int:
    """Length of the beginning that two texts share."""
    if other.startswith(one):
        return len(one)
    return next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(other))


def caption_confidence(tokens: Sequence[TokenScore]) -> float | None:
    """Geometric mean of the tokens' probabilities, in (0, 1]; None without tokens."""
    values = [token.log_probability for token in tokens]
    return math.exp(math.fsum(values) / len(values)) if values else None


def attribute_confidences(caption: str, tokens: Sequence[TokenScore]) -> dict[str, float | None]:
    """Give the confidence of each attribute that a caption states.

    Args:
        caption: as it was generated, without white space around it.
        tokens: its tokens, from `token_scores`.

    Returns:
        All 15 keys: the least probability of the tokens that overlap the words
        which state the attribute, in (0, 1]; None where it is not stated.
    """
    found: dict[str, float | None] = dict.fromkeys(KEYS)
    for place in locate_statements(caption):
        values = [
            token.log_probability
            for token in tokens
            if token.start < place.end and token.end > max(place.start, token.start)
        ]
        found[place.key] = min(1.0, math.exp(min(values))) if values else None
    return found


def confidences(caption: str, tokens: Sequence[TokenScore]) -> dict[str, float | None]:
    """Give a caption's columns `confidence` and `confidence_<key>`; see the functions above."""
    sure = attribute_confidences(caption, tokens)
    return {"confidence": caption_confidence(tokens), **{CONFIDENCE_PREFIX + key: sure[key] for key in KEYS}}
