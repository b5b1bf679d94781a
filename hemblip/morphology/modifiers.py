"""Nouns and the values that modify them: which attribute of which thing a value states."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from hemblip.morphology.lexicon import OWNED
from hemblip.morphology.tokens import Item, word_set

_ONLY_NUCLEAR = frozenset(("segmented-bilobed", "segmented-multilobed", "unsegmented-band", "unsegmented-indented"))
_NOUNS = word_set("lobes|segments|lobules|rim|ring")
_SIZED = word_set("nucleus|nucleolus|vacuole|granule")
_VISIBLE = word_set(
    "present|visible|seen|evident|identified|observed|noted|apparent|detected|found|discernible|conspicuous|prominent"
    "|distinct|obvious|noticeable|recognizable|distinguishable|appreciated|clearly visible|clearly seen|well defined"
    "|made out|picked out|easily seen|readily visible|readily apparent|perceptible|appreciable|identifiable"
    "|demonstrated|clearly evident"
)


class Head(NamedTuple):
    """A noun that modifiers can belong to.

    Attributes:
        thing: what it names.
        keys: the attributes that it can have.
        place: its place in the sentence.
        first: where its modifiers begin, if it has any.
        qualified: its modifiers tell which kind of the thing is meant ("coarse granules", not "visible granules").
    """

    thing: str
    keys: tuple[str, ...]
    place: int
    first: int | None = None
    qualified: bool = False

    @classmethod
    def of(cls, thing: str, place: int) -> "Head":
        """The head for a thing with all attributes that it owns."""
        return cls(thing, OWNED[thing], place)

    def names_part(self) -> bool:
        """Whether a size said of it is that of a part of the cell, not that of the cell: "large nucleus"."""
        return self.thing in _SIZED and self.keys == OWNED[self.thing]


class Modifier(NamedTuple):
    """A value that waits for its noun; `joined` is the comma or conjunction before it."""

    item: Item
    place: int
    denied: bool
    joined: str


def is_noun(item: Item) -> bool:
    """Whether a value is a noun phrase of its own: "two lobes", "a thin rim"."""
    return item.name.rpartition(" ")[2] in _NOUNS


def tells_kind(item: Item) -> bool:
    """Whether a modifier tells one kind of the thing from others, rather than that it is there to be seen."""
    return item.name not in _VISIBLE and item.values.get("nucleoli") != "prominent"


def key_of(item: Item, head: Head) -> str | None:
    """The attribute of `head` that a value states; shapes that only nuclei have are the nucleus of a cell."""
    for key in head.keys:
        if key in item.values:
            return key
    if head.thing == "cell" and "cytoplasm_amount" in item.values and is_noun(item):
        return "cytoplasm_amount"  # "has a thin rim"
    shape = item.values.get("nucleus_shape") if head.thing == "cell" else None
    return "nucleus_shape" if shape in _ONLY_NUCLEAR or (shape and "segmented" in item.name) else None


def overruled(modifier: Modifier, key: str, phrase: Sequence[Modifier], lists_cell: bool) -> bool:
    """Whether a later modifier of a list fits better: "small, round, high ratio", "round, bilobed nucleus"."""
    later = [other.item.values for other in phrase if other.place > modifier.place and other.joined == ","]
    if key == "nucleus_shape" and lists_cell:
        return any(values.get(key) in _ONLY_NUCLEAR for values in later)
    return key == "nuclear_cytoplasmic_ratio" and any(key in values for values in later)


def separated(rest: Collection[Modifier], phrase: Sequence[Modifier], *marks: str) -> list[Modifier]:
    """Those of `rest` that a mark separates from what follows in the phrase."""
    return [m for m in rest if any(other.joined in marks and other.place > m.place for other in phrase)]
