"""How sure a captioner is of each attribute that it states, from the probabilities of the tokens that state it.

The confidence of a statement is the probability of the least sure token in the words that decide it
(`hemblip.morphology.locate`), given what was written before: a value is decided at one token, and the rest of its words
follow. In "vacuoles are not observed" that is no token of "vacuoles", which comes whatever follows. A product would
punish long values, above all after label smoothing, and a mean would hide the token that decides;
experiments/benchmarks/scoring.md compares the three on real cells. Words around a statement ("there is a ...") count in
the confidence of the caption alone.
"""

import itertools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from difflib import SequenceMatcher
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


def token_scores(caption: str, pieces: Sequence[str], log_probabilities: Sequence[float]) -> list[TokenScore]:
    """Place generated tokens in their caption.

    Args:
        caption: decoded text of all tokens, without white space around it.
        pieces: what each token writes, in any white space; nothing for special ones.
        log_probabilities: of as many tokens, each given those before it.

    Returns:
        A place for each token, white space at its ends left out; tokens that write nothing have an empty one.

    Raises:
        DataError: the numbers of pieces and log-probabilities differ.
    """
    if len(pieces) != len(log_probabilities):
        raise DataError(f"{len(pieces)} pieces of text but {len(log_probabilities)} log-probabilities")
    # Decoding several tokens together changes the white space between them (a full stop follows its word).
    places = [place for place, character in enumerate(caption) if not character.isspace()]
    written = ["".join(piece.split()) for piece in pieces]
    ends = _ends(written, "".join(caption.split()))
    scores, before = [], 0
    for end, value in zip(ends, log_probabilities, strict=True):
        last = places[end - 1] + 1 if end else 0
        scores.append(TokenScore(places[before] if end > before else last, last, value))
        before = max(before, end)
    return scores


def _ends(written: Sequence[str], text: str) -> list[int]:
    """How many characters of `text` each piece and those before it have written."""
    ends = list(itertools.accumulate(len(piece) for piece in written))
    joined = "".join(written)
    if joined.casefold() == text.casefold() and len(joined) == len(text):  # capitals are given afterwards
        return ends
    # Characters of several tokens (bytes) became one, or a contraction was written.
    reached = [0] * (len(joined) + 1)
    for _, i1, i2, j1, j2 in SequenceMatcher(None, joined, text, autojunk=False).get_opcodes():
        for place in range(i1, i2):
            reached[place + 1] = min(j1 + place + 1 - i1, j2) if place + 1 < i2 else j2
    return [reached[end] for end in ends]


def caption_confidence(tokens: Sequence[TokenScore]) -> float | None:
    """Geometric mean of the tokens' probabilities, in (0, 1]; None without tokens."""
    values = [token.log_probability for token in tokens]
    return math.exp(math.fsum(values) / len(values)) if values else None


def attribute_confidences(caption: str, tokens: Sequence[TokenScore]) -> dict[str, float | None]:
    """Give the confidence of each attribute that a caption states.

    Args:
        caption: as it was generated, without white space around it.
        tokens: its tokens in order, from `token_scores`.

    Returns:
        All 15 keys: the least probability of the tokens that overlap the words
        which decide the attribute, in (0, 1]; None where it is not stated.
    """
    found: dict[str, float | None] = dict.fromkeys(KEYS)
    written = [token for token in tokens if token.end > token.start]
    starts, ends = [token.start for token in written], [token.end for token in written]  # both rise
    for place in locate_statements(caption):
        values = [
            token.log_probability
            for start, end in place.words
            for token in written[bisect_right(ends, start) : bisect_left(starts, end)]
        ]
        found[place.key] = min(1.0, math.exp(min(values))) if values else None
    return found


def confidences(caption: str, tokens: Sequence[TokenScore]) -> dict[str, float | None]:
    """Give a caption's columns `confidence` and `confidence_<key>`; see the functions above."""
    sure = attribute_confidences(caption, tokens)
    return {"confidence": caption_confidence(tokens), **{CONFIDENCE_PREFIX + key: sure[key] for key in KEYS}}
