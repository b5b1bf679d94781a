"""The items of one sentence, with what stands before and after each of them."""

from collections.abc import Iterator, Sequence
from itertools import islice

from hemblip.morphology.lexicon import DENIABLE
from hemblip.morphology.tokens import Item, word_set

EDGE = Item("edge", "")
"""What stands before the first item and after the last."""

_PEOPLE = word_set(
    "donor|individual|subject|person|volunteer|control|blood|peripheral|sample|specimen|patient|case|donors|individuals"
    "|subjects"
)
_BETWEEN = word_set("value|and|det|disease|thing")
_LISTED = word_set("comma|det|value|thing|disease")
_ENDS = word_set(".|;|!")

# What stands around the abbreviation ALL, but not around the word "all".
_AFTER_ALL = word_set("edge|comma|and|or|but|with|have|contrast|not|that|reject")
_WORDS_AFTER_ALL = word_set(".|;|!|case|patient|sample|subtype|leukemia|l|diagnosis|specimen|origin|type")
_BEFORE_ALL = word_set("prep|of|copula|det|comma|have|with|or|to|and|but|not|contrast|thing|disease")
_WORDS_BEFORE_ALL = word_set(
    "likely|suggestive of|consistent with|compatible with|probable|possible|suspected|favor|favors|favored"
    "|in keeping with|leukemia|as|confirmed|diagnosed|probably|typical|represent|suggest|indicate|suspect|favoring"
    "|support|supports|supporting|denote"
)
_IDIOMS_WITH_ALL = word_set("at|after|above|and|over|once|are|were")


class Sentence:
    """Items by place; places outside the sentence give `EDGE`."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = tuple(_with_alternatives(items))

    def __getitem__(self, place: int) -> Item:
        return self._items[place] if 0 <= place < len(self._items) else EDGE

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def between(self, first: int, last: int) -> tuple[Item, ...]:
        """The items after `first` and before `last`."""
        return self._items[first + 1 : last]

    def before_phrase(self, place: int) -> Item:
        """What stands before the noun at `place` and its modifiers."""
        first = place - 1
        while self[first].kind in ("value", "det"):
            first -= 1
        return self[first]

    def is_definite(self, place: int) -> bool:
        """Whether the noun at `place` is pointed at: "this healthy leukocyte"."""
        first = place - 1
        while self[first].kind in ("value", "atypical", "normal", "disease", "comma"):
            first -= 1
        return self[first].name == "this"

    def phrase_ends(self, place: int) -> bool:
        """Whether nothing of the phrase follows `place`."""
        return self[place + 1].kind in ("edge", "comma", "and") or self[place + 1].name in _ENDS

    def is_answer(self, place: int) -> bool:
        """Whether "no" at `place` answers alone: "vacuoles: no", "vacuoles (lacking)", "granules: no size: small"."""
        before = self[place - 1]
        if before.name in (":", "="):
            return self.phrase_ends(place) or any(
                self[following].name in (":", "=") for following in (place + 2, place + 3)
            )
        first = place - 1
        while self[first].kind in ("comma", "copula") or self[first].name.endswith("ly"):  # a dash is read as a comma
            first -= 1
        named = self[first]
        return named.kind == "thing" and named.name in DENIABLE and self.phrase_ends(place)

    def next_thing(self, place: int) -> Item:
        """The noun of the phrase that begins after `place`, the last one of a compound; `EDGE` if there is none."""
        for following in range(place + 1, place + 8):
            if self[following].kind in ("comma", "but", "copula"):
                return EDGE
            if self[following].kind == "thing":
                return self[following + 1] if self[following + 1].kind == "thing" else self[following]
        return EDGE

    def since_article(self, place: int, first: int) -> int | None:
        """The place of the article of the phrase that ends at `place`, if it comes after `first`."""
        return next((before for before in range(place - 1, first, -1) if self[before].kind == "det"), None)

    def thing_before(self, place: int | None = None) -> str | None:
        """The nearest part of a cell that is named before `place`, said of whichever cell."""
        things = [item.name for item in self._items[:place] if item.kind == "thing"]
        return next((thing for thing in reversed(things) if thing not in ("cell", "other")), None)

    def plural_before(self, place: int | None = None) -> str | None:
        """The granules, vacuoles or nucleoli that are named last before `place`."""
        named = [item.name for item in self._items[:place] if item.kind == "thing" and item.name in DENIABLE]
        return named[-1] if named else None

    def noun_after_parenthesis(self, place: int) -> bool:
        """Whether the parenthesis that opens at `place` stands within a noun phrase: "clumped (dark) chromatin"."""
        for following in range(place + 1, len(self._items)):
            if self[following].name == ")":
                return self[following + 1].kind in ("thing", "aspect", "value")
        return False

    def other_cell_follows(self, place: int) -> bool:
        """Whether a cell, another thing or a disease follows, as in "over a lymphocyte", "against AML"."""
        near = self.between(place, place + 5)
        return self.next_thing(place).name in ("cell", "other") or any(i.kind in ("disease", "self") for i in near)

    def denial_goes_on(self, place: int) -> bool:
        """Whether denial goes over to the next noun of a list: "no granules, vacuoles or inclusions"."""
        rest = (item for item in islice(self._items, place + 1, None) if item.kind not in ("det", "word"))
        noun, after = next(rest, EDGE), next(rest, EDGE)
        if noun.kind != "thing" or (noun.name not in DENIABLE and noun.name != "other"):
            return noun.kind == "or"
        whole = noun.plural and after.name in ("is", "was")  # "the absence of vacuoles and granules is ..."
        return whole or after.kind not in ("value", "copula", "have", "absent")

    def is_property_of_value(self, place: int) -> bool:
        """Whether the property noun at `place` follows its value: "large in size"."""
        near = self.between(place - 3, place)
        return any(item.kind == "prep" for item in near) and near[-1].kind in ("prep", "det")

    def is_first_part(self, place: int) -> bool:
        """Whether the noun at `place` belongs to the next one: "nucleus shape", "chromatin texture"."""
        item, after = self[place], self[place + 1]
        if after.kind == "aspect":
            return True
        if (
            after.kind != "thing"
            or item.name == "ratio"
            or after.name == "cell"
            or (item.plural and item.name in DENIABLE)
        ):
            return False
        return item.name != "cell" or not (item.plural or after.name == "other")

    def alternatives(self, first: int, second: int) -> bool:
        """Whether the words at two places are joined by "or", or are the ends of "from ... to"."""
        kinds = {item.kind for item in self.between(first, second)}
        if kinds and kinds <= _LISTED and "comma" in kinds:  # "a lymphocyte, a monocyte, or a blast"
            rest = (item.kind for item in self.between(second, second + 9) if item.kind not in _LISTED)
            return next(rest, "") == "or"
        ranged = "to" in kinds and any(i.name in ("from", "between") for i in self.between(first - 3, first))
        return ("or" in kinds or ranged) and kinds.isdisjoint(("copula", "have", "but", "with", "that"))

    def speaks_of_healthy(self, place: int) -> bool:
        """Whether "normal" at `place` is said of a cell or a person: "normal small lymphocyte", "normal donor"."""
        for item in self.between(place, place + 5):
            if (item.kind == "thing" and item.name == "cell") or (item.kind == "word" and item.name in _PEOPLE):
                return True
            if item.kind not in ("value", "word", "comma"):
                return False
        return False

    def is_called_atypical(self, place: int) -> bool:
        """Whether the noun at `place` is called atypical before it: "an abnormal, hypergranular promyelocyte"."""
        for before in range(place - 1, -1, -1):
            if self[before].kind == "atypical":
                return True
            if self[before].kind not in ("value", "comma", "word", "thing"):
                return False
        return False

    def abbreviates_leukemia(self, place: int) -> bool:
        """Whether "all" is ALL: it ends a phrase after a preposition, copula or article."""
        before, after = self[place - 1], self[place + 1]
        if place == 1 and before.name == "in" and after.kind == "comma":  # "in all, ..."
            return False
        if before.name in ("a", "an") or [item.name for item in self if item.name != "."] == ["all"]:
            return True
        ends = after.kind in _AFTER_ALL or after.name in _WORDS_AFTER_ALL
        ends = ends or (after.type is not None and not after.plural)
        ends = ends or (after.kind == "copula" and before.kind not in ("word", "thing"))
        begins = before.kind in _BEFORE_ALL or before.name in _WORDS_BEFORE_ALL or before.name.endswith(" of")
        return ends and begins and before.name not in _IDIOMS_WITH_ALL


def _with_alternatives(items: Sequence[Item]) -> Iterator[Item]:
    """Read "between round and indented" as "round or indented"."""
    between = 0
    for item in items:
        between = 5 if item.name == "between" else between - 1 if item.kind in _BETWEEN else 0
        yield Item("or", item.name) if between > 0 and item.kind == "and" else item
