"""Where a caption states what `extract_attributes` reads from it, in characters of the text as it was written."""

import re
from collections.abc import Iterable
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from hemblip.morphology.extract import read_sentences
from hemblip.morphology.schema import KEYS
from hemblip.morphology.tokens import normalise

_JOINT = re.compile(r"[,;]?\s+(?P<word>(?:and|or|but)\s+)?|[,;]")
"""What joins two statements without being part of them, unless one goes on behind it: "no vacuoles or granules"."""
_WORD = re.compile(r"[^\W_]+|[^\w\s]|\n")


class Located(NamedTuple):
    """One attribute that a text states, with the characters [start, end) that state it.

    Attributes:
        start: of the first word.
        end: of the last word.
        key: of the schema.
        value: of the key.
        words: characters [start, end) of each word that decides it, within the above: "vacuoles", "not", "observed".
    """

    start: int
    end: int
    key: str
    value: str
    words: tuple[tuple[int, int], ...]


@lru_cache(maxsize=16384)  # captions repeat
def locate_statements(text: str) -> tuple[Located, ...]:
    """Find the words that state each attribute of `text`.

    Args:
        text: any text.

    Returns:
        One entry for each attribute that `extract_attributes(text)` gives, in order of place. Two attributes can be
        stated by the same words ("agranular", "basophil").
    """
    tokens: list[str] = []
    found: dict[str, tuple[str, list[int]]] = {}
    for sentence in read_sentences(text):
        for statement in sentence.stated:
            if statement.key not in found:
                deciding = [place + len(tokens) for place in sentence.deciding(statement)]
                found[statement.key] = statement.value, deciding
        tokens += sentence.tokens
    if found.get("granules", ("",))[0] == "absent":
        found.pop("granule_colour", None)
    places, located = _places(text, tokens), []
    for key, (value, deciding) in found.items():
        words = tuple(sorted({places[place] for place in deciding}))
        located.append(Located(words[0][0], max(end for _, end in words), key, value, words))
    return tuple(sorted(located, key=lambda statement: (statement.start, KEYS.index(statement.key))))


def cut(text: str, statements: Iterable[Located]) -> list[tuple[str, tuple[str, ...]]]:
    """Cut a text where statements begin and end.

    Args:
        text: any text.
        statements: of it.

    Returns:
        Its stretches, each with the keys that it states; none where nothing is, as in "and" between two statements.
    """
    at: list[tuple[str, ...]] = [()] * len(text)
    for place in statements:
        for index in range(place.start, place.end):
            at[index] = (*at[index], place.key)
    for joint in _JOINT.finditer(text):
        start, end = joint.span()
        before, after = at[max(0, start - 1)], at[min(end, len(text) - 1)]
        if before != after:
            goes_on = joint["word"] and set(before) & set(after)
            apart = joint.start("word") if goes_on else end
            at[start:apart] = [()] * (apart - start)
            at[apart:end] = [after] * (end - apart)
    edges = [0, *(index for index in range(1, len(text)) if at[index] != at[index - 1]), len(text)]
    return [(text[start:end], at[start]) for start, end in pairwise(edges) if start < end]


def _places(text: str, tokens: list[str]) -> list[tuple[int, int]]:
    """Characters of each normalised token: both texts hold the same words but for spelling and marks."""
    words = list(_WORD.finditer(text))
    raw = ["".join(normalise(word.group()).split()) or word.group() for word in words]
    places: list[tuple[int, int] | None] = [None] * len(tokens)
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, raw, tokens, autojunk=False).get_opcodes():
        if tag == "equal":
            places[j1:j2] = [words[i].span() for i in range(i1, i2)]
        elif tag == "replace":  # one word became several tokens or the other way round
            spoken = [word for word in words[i1:i2] if word.group().isalnum()] or words[i1:i2]  # no marks around them
            places[j1:j2] = [(spoken[0].start(), spoken[-1].end())] * (j2 - j1)
    last = (0, 0)
    filled = []
    for place in places:
        last = last if place is None else place
        filled.append(last)
    return filled
