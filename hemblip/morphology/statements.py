"""What a sentence states, as it is read: values can be taken back, denied or left undecided."""

from collections.abc import Collection
from typing import NamedTuple

from hemblip.morphology.sentence import Sentence


class Statement(NamedTuple):
    """One value stated for one key, at item `place` of its sentence."""

    place: int
    key: str
    value: str


class Statements:
    """The statements of one sentence."""

    def __init__(self, sentence: Sentence) -> None:
        self._sentence = sentence
        self._stated: list[Statement] = []
        self._undecided: dict[str, int] = {}
        self._clause_start = 0

    def in_order(self) -> list[Statement]:
        """All statements with a value of the schema, in order of place."""
        return sorted(s for s in self._stated if s.value)

    def new_clause(self, place: int) -> None:
        """Alternatives before `place` do not concern what comes after it."""
        self._clause_start = place
        self._undecided = {}

    def add(self, place: int, key: str, value: str) -> None:
        """State `value`, "" if it is outside the schema; of several alternatives of this clause, none is stated."""
        earlier = [s for s in self._stated if s.key == key and s.place >= self._clause_start]
        if earlier and earlier[-1].value != value and self._sentence.alternatives(earlier[-1].place, place):
            self._undecided[key] = place
            self._stated = [s for s in self._stated if s not in earlier]
        elif key in self._undecided and self._sentence.alternatives(self._undecided[key], place):
            self._undecided[key] = place
        elif key not in self._undecided or not self._sentence.alternatives(self._clause_start, place):
            self._stated.append(Statement(place, key, value))

    def replace(self, place: int, key: str, value: str) -> None:
        """State `value` instead of what was stated for `key` from `place` on."""
        self._stated = [s for s in self._stated if s.key != key or s.place < place]
        self._stated.append(Statement(place, key, value))

    def states(self, key: str, value: str | None = None) -> bool:
        """Whether this sentence states `value`, or any value, for `key` so far."""
        return any(s.key == key and value in (None, s.value) for s in self._stated)

    def leaves_open(self, key: str, place: int) -> bool:
        """Whether what is stated for `key` at `place` is one of several alternatives."""
        return self._undecided.get(key) == place

    def withdraw(self, keys: Collection[str], places: Collection[int] | None = None) -> None:
        """Take back what this clause states for `keys`, or what is stated for them at `places`."""
        self._stated = [
            s
            for s in self._stated
            if s.key not in keys or (s.place < self._clause_start if places is None else s.place not in places)
        ]
