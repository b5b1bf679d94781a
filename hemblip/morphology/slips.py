"""Slips of the pen: one letter off in a long word that resembles one word of the vocabulary only."""

from collections.abc import Iterable
from functools import lru_cache

SHORTEST = 6
"""Letters of the shortest word that is mended; shorter ones have too many neighbours."""


class Slips:
    """Mends words.

    Args:
        known: words that are no slips.
        meant: words that a slip can be meant for.
    """

    def __init__(self, known: Iterable[str], meant: Iterable[str]) -> None:
        self._known = frozenset(known)
        self._neighbours: dict[str, set[str]] = {}
        for word in meant:
            if len(word) >= SHORTEST:
                for form in _shortened(word):
                    self._neighbours.setdefault(form, set()).add(word)
        self.mend = lru_cache(maxsize=16384)(self._mend)

    def _mend(self, word: str) -> str:
        """Return the word that `word` is a slip of, or itself."""
        if len(word) < SHORTEST or word in self._known or word.endswith("er"):
            return word
        near = {other for form in _shortened(word) for other in self._neighbours.get(form, ())}
        near = {other for other in near if _one_slip(word, other)}
        best = max(sorted(near), key=len, default=word)  # of a noun and its plural, the plural
        return best if near <= {best, best.removesuffix("s")} else word


def _shortened(word: str) -> set[str]:
    """The word, and what is left of it without one letter; words one slip apart share one of these."""
    return {word, *(word[:place] + word[place + 1 :] for place in range(len(word)))}


def _one_slip(one: str, other: str) -> bool:
    """Whether a letter is missing, too many or another, or two neighbours are swapped."""
    if len(one) != len(other):
        longer, shorter = sorted((one, other), key=len, reverse=True)
        return len(longer) - len(shorter) == 1 and shorter in _shortened(longer)
    places = [place for place, letters in enumerate(zip(one, other, strict=True)) if letters[0] != letters[1]]
    swapped = len(places) == 2 and places[1] - places[0] == 1 and sorted(one) == sorted(other)
    return len(places) == 1 or swapped
