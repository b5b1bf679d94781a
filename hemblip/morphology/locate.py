"""Where a caption states what `extract_attributes` reads from it, in characters of the text as it was written."""

import re
from difflib import SequenceMatcher
from typing import NamedTuple

from hemblip.morphology.extract import Stated, read_sentences
from hemblip.morphology.schema import KEYS
from hemblip.morphology.tokens import normalise

_WORD = re.compile(r"[^\W_]+|[^\w\s]|\n")


class Located(NamedTuple):
    """One attribute that a text states, with the characters [start, end) that state it."""

    start: int
    end: int
    key: str
    value: str


def locate_statements(text: str) -> list[Located]:
    """Find the words that state each attribute of `text`.

    Args:
        text: any text.

    Returns:
        One entry for each attribute that `extract_attributes(text)` gives, in order of place. Two attributes can be
        stated by the same words ("agranular", "basophil").
    """
    tokens: list[str] = []
    found: dict[str, Stated] = {}
    for sentence, stated in read_sentences(text):
        for first, last, key, value in stated:
            found.setdefault(key, Stated(first + len(tokens), last + len(tokens), key, value))
        tokens += sentence
    if "granules" in found and found["granules"].value == "absent":
        found.pop("granule_colour", None)
    places = _places(text, tokens)
    located = [Located(places[span.first][0], places[span.last][1], span.key, span.value) for span in found.values()]
    return sorted(located, key=lambda statement: (statement.start, KEYS.index(statement.key)))


def _places(text: str, tokens: list[str]) -> list[tuple[int, int]]:
    """Characters of each normalised token: both texts hold the same words but for spelling and marks."""
    words = list(_WORD.finditer(text))
    raw = ["".join(normalise(word.group()).split()) or word.group() for word in words]
    places: list[tuple[int, int] | None] = [None] * len(tokens)
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, raw, tokens, autojunk=False).get_opcodes():
        if tag == "equal":
            places[j1:j2] = [words[i].span() for i in range(i1, i2)]
        elif tag == "replace":  # one word became several tokens or the other way round
            places[j1:j2] = [(words[i1].start(), words[i2 - 1].end())] * (j2 - j1)
    last = (0, 0)
    filled = []
    for place in places:
        last = last if place is None else place
        filled.append(last)
    return filled
