"""Reads one sentence: which modifier belongs to which noun, and what is denied, compared or left undecided.

A modifier before a noun belongs to that noun ("small pink granules"), one after a copula to the subject ("the
chromatin is dense"). Denial reaches to the end of its noun phrase, comparison to the next comma.
"""

from collections.abc import Sequence
from typing import NamedTuple

from hemblip.morphology.nouns import ASPECTS, OWNED
from hemblip.morphology.schema import NEGATIVE_VALUES
from hemblip.morphology.tokens import Item, word_set

_DENIABLE = {"vacuole": "cytoplasm_vacuoles", "granule": "granules", "nucleolus": "nucleoli"}
_INVERSE = {"low": "high", "high": "low"}
_NUCLEAR_OF_CELL = frozenset(("segmented-bilobed", "segmented-multilobed", "unsegmented-band", "unsegmented-indented"))
_VISIBLE = word_set(
    "present|visible|seen|evident|identified|observed|noted|apparent|detected|found|discernible|conspicuous|prominent|distinct"
    "|obvious|noticeable|recognizable|distinguishable|appreciated|clearly visible|clearly seen|well defined|easily seen"
    "|readily visible"
)
_PEOPLE = word_set(
    "donor|individual|subject|person|volunteer|control|blood|peripheral|sample|specimen|patient|case|donors|individuals|subjects"
)

# What stands around the abbreviation ALL, but not around the word "all".
_CLOSING = word_set("comma|and|or|but|with|have|contrast|not|that|reject")
_CLOSING_WORDS = word_set(".|;|!|case|patient|sample|subtype|leukemia|l|diagnosis|specimen|origin|type")
_OPENING = word_set("prep|of|copula|det|comma|have|with|or|to|and|not|contrast|thing|disease")
_OPENING_WORDS = word_set(
    "likely|suggestive of|consistent with|compatible with|probable|possible|suspected|favor|favors|favored"
    "|in keeping with|leukemia|as"
    "|confirmed|diagnosed|probably|typical|represent|suggest|indicate|suspect|favoring|support|supports|supporting|denote"
)


class Statement(NamedTuple):
    """One value stated for one key, at item `place` of its sentence."""

    place: int
    key: str
    value: str


class _Head(NamedTuple):
    thing: str
    keys: tuple[str, ...]
    place: int


class _Modifier(NamedTuple):
    item: Item
    place: int
    denied: bool
    joined: str


class Reader:
    """Walks over the items of one sentence and collects statements."""

    def __init__(self, found: Sequence[Item]) -> None:
        self.found = found
        self.statements: list[Statement] = []
        self.topics: list[_Head] = []
        self.last: _Head | None = None
        self.pending: list[_Modifier] = []
        self.orphans: list[_Modifier] = []
        self.predicate = False
        self.denied = False
        self.after_preposition = False
        self.excluded = False
        self.elsewhere = False
        self.joined = ""
        self.clause_start = 0
        self.undecided: set[str] = set()

    def read(self) -> list[Statement]:
        """Return the statements of the sentence, in order of place."""
        for place, item in enumerate(self.found):
            if self.excluded and not self._scope_ends(place, item):
                continue
            getattr(self, f"_{item.kind}")(place, item)
        self._flush()
        if self.orphans and self.last is not None:
            self._attach(self.orphans, _Head("cell", OWNED["cell"], 0))
        return sorted(self.statements)

    # --- scope

    def _scope_ends(self, place: int, item: Item) -> bool:
        """Comparisons and neighbours end at a comma, at "but" or where the cell itself is named again."""
        if self.elsewhere:
            return False
        if item.kind in ("have", "copula") and self.found[place - 1].kind == "and":
            self.excluded = False
            return True
        if (
            item.kind in ("comma", "but", "self")
            or (item.kind == "word" and item.name in ".;")
            or item.name in (";", "this")
        ):
            self.excluded = False
            return True
        return False

    def _contrast(self, place: int, item: Item) -> None:
        if item.name in ("over", "like", "against", "relative to") and not self._cell_or_disease_follows(place):
            return
        if item.name == "than":
            self.pending = self.pending[:-1]
        self._flush()
        self.excluded = True

    def _near(self, place: int, item: Item) -> None:
        following = self._next_thing(place)
        if item.name.startswith(("in the", "elsewhere", "at the", "to the")):
            if place == 0 or (following is None and place < 2):
                self.excluded = self.elsewhere = True
            return
        if following is not None and following.name in ("cell", "other"):
            self._flush()
            self.topics = [_Head("other", (), place)]
            self.excluded = True

    def _cell_or_disease_follows(self, place: int) -> bool:
        following = self._next_thing(place)
        return (following is not None and following.name in ("cell", "other")) or any(
            other.kind in ("disease", "self") for other in self.found[place + 1 : place + 5]
        )

    def _next_thing(self, place: int) -> Item | None:
        for other in self.found[place + 1 : place + 8]:
            if other.kind in ("comma", "but", "copula"):
                return None
            if other.kind == "thing":
                following = self.found.index(other, place + 1) + 1
                compound = self.found[following] if following < len(self.found) else None
                return compound if compound is not None and compound.kind == "thing" else other
        return None

    # --- words that hold the sentence together

    def _word(self, place: int, item: Item) -> None:
        if item.name in ".;!":
            self._end_clause(place)
            return
        if self.pending and not self.predicate and not item.name.endswith(("ly", "ed", "ing")):
            following = self.found[place + 1] if place + 1 < len(self.found) else None
            if following is None or following.kind not in (
                "thing",
                "value",
                "aspect",
                "word",
                "and",
                "comma",
                "or",
                "direct",
                "disease",
            ):
                self.pending = []

    def _comma(self, place: int, item: Item) -> None:
        if self.denied:
            self.denied = self._list_goes_on(place)
        self.joined = ","
        self.after_preposition = False
        if item.name in "()" and self.pending:
            self._flush()

    def _and(self, place: int, item: Item) -> None:
        if self.denied:
            self.denied = self._list_goes_on(place)
        self.joined = "and"

    def _or(self, place: int, item: Item) -> None:
        self.joined = "or"

    def _to(self, place: int, item: Item) -> None:
        self.joined = "or"

    def _list_goes_on(self, place: int) -> bool:
        """Denial goes over to the next noun of a list: "no granules, vacuoles or inclusions"."""
        rest = [item for item in self.found[place + 1 :] if item.kind not in ("det", "word")]
        if not rest or rest[0].kind != "thing" or (rest[0].name not in _DENIABLE and rest[0].name != "other"):
            return bool(rest) and rest[0].kind == "or"
        return not (len(rest) > 1 and rest[1].kind in ("value", "copula", "have", "absent"))

    def _but(self, place: int, item: Item) -> None:
        predicate, topics = self.predicate, self.topics
        self._end_clause(place)
        self.predicate, self.topics = predicate, topics

    def _det(self, place: int, item: Item) -> None:
        pass

    def _normal(self, place: int, item: Item) -> None:
        for other in self.found[place + 1 : place + 5]:
            if (other.kind == "thing" and other.name == "cell") or (other.kind == "word" and other.name in _PEOPLE):
                self._state(place, "diagnosis", "healthy", self.denied)
                return
            if other.kind not in ("value", "word", "comma"):
                break
        if self.predicate and any(topic.thing == "diagnosis" for topic in self.topics):
            self._state(place, "diagnosis", "healthy", self.denied)

    def _all(self, place: int, item: Item) -> None:
        """The abbreviation stands at the end of a phrase after a preposition, copula or article."""
        before = self.found[place - 1] if place else None
        after = self.found[place + 1] if place + 1 < len(self.found) else None
        closed = after is None or after.kind in _CLOSING or after.name in _CLOSING_WORDS
        closed = closed or (after is not None and after.type is not None and not after.plural)
        closed = closed or (after is not None and after.kind == "copula" and (before is None or before.kind != "word"))
        opened = before is None or before.kind in _OPENING or before.name in _OPENING_WORDS
        idiom = before is not None and before.name in ("at", "after", "above", "and", "over", "once")
        alone = len([other for other in self.found if other.name not in (".", "all")]) == 0
        if (closed and opened and not idiom and before is not None) or alone:
            self._state(place, "diagnosis", "ALL", self.denied)

    def _self(self, place: int, item: Item) -> None:
        if item.name != "here":
            self._thing(place, Item("thing", "cell"))

    def _not(self, place: int, item: Item) -> None:
        self.denied = not (self.denied and place and self.found[place - 1].kind == "not")
        if self.pending and not self.predicate:
            self._flush()

    def _absent(self, place: int, item: Item) -> None:
        following = self._next_thing(place)
        directly = self.found[place + 1] if place + 1 < len(self.found) else None
        if (
            item.name in ("absent", "missing")
            and not self.predicate
            and following
            and directly
            and directly.kind in ("thing", "value")
            and following.name in _DENIABLE
        ):
            self.denied = True
            return
        self._deny_topics(place, double=self.denied)
        self.denied = False

    def _unsure(self, place: int, item: Item) -> None:
        if item.name == "if" or item.name == "whether":
            self._flush()
        else:
            heads = {topic.place for topic in self.topics}
            keys = {key for topic in self.topics for key in topic.keys}
            self.statements = [s for s in self.statements if not (s.place in heads and s.key in keys)]
        self.pending = []
        self.excluded = True

    def _reject(self, place: int, item: Item) -> None:
        self.statements = [
            s for s in self.statements if not (s.place >= self.clause_start and s.key in ("cell_type", "diagnosis"))
        ]

    def _copula(self, place: int, item: Item) -> None:
        if item.name in ("as", "described as", "being") and self.predicate:
            return
        if item.name == ":" and not self.topics:
            return
        if self.pending and not self.predicate:
            self._flush()
        if self.found[place - 1].kind == "that" and self.last is not None:
            self.topics = [self.last]
        self.denied = False
        self.predicate = True
        self.after_preposition = False
        self.joined = ""

    def _have(self, place: int, item: Item) -> None:
        self._flush()
        if place and self.found[place - 1].kind == "that" and self.last is not None:
            self.topics = [self.last]
        self.denied = self.denied and self.found[place - 1].kind == "not"
        self.predicate = False
        self.after_preposition = False
        self.joined = ""

    def _with(self, place: int, item: Item) -> None:
        self._flush()
        self.denied = False
        self.predicate = False
        self.after_preposition = False

    def _of(self, place: int, item: Item) -> None:
        if self.pending and self.predicate:
            following = self._next_thing(place)
            if following is None:
                self._flush()
                self.predicate = False
        self.after_preposition = True

    def _prep(self, place: int, item: Item) -> None:
        after = self.found[place + 1] if place + 1 < len(self.found) else None
        if item.name in ("in", "for") and after is not None and after.kind in ("aspect", "det"):
            property_noun = (
                after if after.kind == "aspect" else self.found[place + 2] if place + 2 < len(self.found) else after
            )
            if property_noun.kind == "aspect" and self.pending:
                self.predicate = True
                return
        self._flush()
        self.predicate = False
        self.after_preposition = True

    def _that(self, place: int, item: Item) -> None:
        self._flush()
        self.predicate = False
        if self.last is not None:
            self.topics = [self.last]

    # --- words that state something

    def _value(self, place: int, item: Item) -> None:
        before = self.found[place - 1] if place else None
        if (
            before is not None
            and before.kind in ("thing", "aspect")
            and not self.pending
            and not self.denied
            and self.topics
        ):
            self.predicate = True
            self.joined = ""
        self.pending.append(_Modifier(item, place, self.denied, self.joined))
        self.joined = ""

    def _direct(self, place: int, item: Item) -> None:
        for key, value in item.values.items():
            if self.topics and self.topics[-1].thing == "other" and self.predicate:
                continue
            if self.denied:
                if key == "cytoplasm_vacuoles":
                    self._state(place, key, "absent" if value == "present" else "present", False)
                continue
            self._state(place, key, value, False)

    def _disease(self, place: int, item: Item) -> None:
        self._state(place, "diagnosis", item.name, self.denied)
        self.last = _Head("diagnosis", (), place)

    def _aspect(self, place: int, item: Item) -> None:
        before = self.found[place - 1] if place else None
        keys = ASPECTS[item.name]
        owner = self._owner(place, before)
        if owner is not None:
            owned = OWNED[owner]
        elif item.name in ("size", "shape"):
            owned = OWNED["cell"]
        else:
            owned = keys
        head = _Head(owner or "cell", tuple(key for key in keys if key in owned), place)
        if self.predicate and self.pending and self._is_property(place):
            self._attach_topics(self._attach(self.pending, head))
            self.pending = []
            self.joined = ""
            return
        self._arrive(head)

    def _is_property(self, place: int) -> bool:
        """Whether the property follows its value: "... in size"."""
        before = self.found[max(0, place - 2) : place]
        return any(other.kind == "prep" for other in before) and before[-1].kind in ("prep", "det")

    def _owner(self, place: int, before: Item | None) -> str | None:
        """Whose size, shape or colour: the noun before it, the noun after "of", or the subject."""
        if before is not None and before.kind == "thing":
            return before.name
        after = self.found[place + 1 : place + 5]
        if after and after[0].kind == "of":
            thing = next((other for other in after if other.kind == "thing"), None)
            if thing is not None:
                return thing.name
        if self.topics and (self.predicate or self._subject_has(place)):
            return self.topics[-1].thing
        return None

    def _subject_has(self, place: int) -> bool:
        """The subject of "has" or "with" owns the property: "the nucleus has an irregular contour"."""
        if not self.topics or self.topics[-1].thing == "other":
            return False
        for other in reversed(self.found[self.topics[-1].place + 1 : place]):
            if other.kind in ("have", "with", "prep", "of") or other.name == "with":
                return True
        return False

    def _thing(self, place: int, item: Item) -> None:
        after = self.found[place + 1] if place + 1 < len(self.found) else None
        if item.type is not None and not (self.topics and self.topics[-1].thing == "other" and self.predicate):
            self._state(place, "cell_type", item.type, self.denied)
        if after is None or not self._compound(item, after):
            self._arrive(_Head(item.name, OWNED[item.name], place))

    @staticmethod
    def _compound(item: Item, after: Item) -> bool:
        """Whether `after` is the noun and `item` only its first part: "nucleus shape", "chromatin texture"."""
        if after.kind == "aspect":
            return True
        if after.kind != "thing" or after.name == "cell":
            return False
        return item.name != "cell" or not (item.plural or after.name == "other")

    # --- attaching modifiers to nouns

    def _arrive(self, head: _Head) -> None:
        """A noun is complete: give it its modifiers and make it the topic."""
        back: list[_Modifier] = []
        front = self.pending
        if self.predicate and self.topics and front:
            cut = max((index for index, modifier in enumerate(front) if modifier.joined), default=0)
            if self.joined:
                cut = len(front)
            back, front = front[:cut], front[cut:]
        elif front and self.topics and self._new_phrase(front[-1].place, head.place):
            back, front = front, []
        if back:
            self._attach_topics(back)
        rest = self._attach(front, head)
        if rest and self.topics:
            separated = [m for m in rest if any(o.joined == "," and o.place > m.place for o in front)]
            self._attach_topics(separated)
        elif rest:
            self.orphans += [m for m in rest if any(o.joined in (",", "and") and o.place > m.place for o in front)]
        deniable = _DENIABLE.get(head.thing)
        if deniable and self.denied and not [m for m in front if m.item.name not in _VISIBLE]:
            self._state(head.place, deniable, NEGATIVE_VALUES[deniable], False)
        elif head.thing == "vacuole" and not self.denied and not self.excluded:
            self._state(head.place, deniable or "", "present", False)
        self.pending = []
        coordinated = self.joined in ("and", "or") and not front and not self.predicate and self.topics
        if not self.after_preposition:
            self.topics = [*self.topics, head] if coordinated else [head]
        self.last = head
        self.predicate = False
        self.after_preposition = False
        self.joined = ""

    def _new_phrase(self, modifier: int, head: int) -> bool:
        """A separator and an article stand between a modifier and the noun: they are not one phrase."""
        between = [item.kind for item in self.found[modifier + 1 : head]]
        return len(between) > 1 and between[0] in ("comma", "and") and "det" in between

    def _attach(self, modifiers: Sequence[_Modifier], head: _Head) -> list[_Modifier]:
        """State the values that `head` can have; return the modifiers that it cannot."""
        rest = []
        for modifier in modifiers:
            keys = [key for key in head.keys if key in modifier.item.values]
            if head.thing == "cell" and modifier.item.values.get("nucleus_shape") in _NUCLEAR_OF_CELL and not keys:
                keys = ["nucleus_shape"]
            if not keys:
                rest.append(modifier)
            for key in keys[:1]:
                value = modifier.item.values[key]
                if head.thing == "inverse ratio":
                    value = _INVERSE[value]
                if modifier.denied and key in NEGATIVE_VALUES and modifier.item.name in _VISIBLE:
                    self._state(modifier.place, key, NEGATIVE_VALUES[key], False)
                else:
                    self._state(modifier.place, key, value, modifier.denied)
                if key == "cytoplasm_vacuoles" and modifier.denied:
                    self._replace(head.place, key, "absent")
            if head.thing == "granule" and modifier.denied and modifier.item.name in _VISIBLE:
                self._state(modifier.place, "granules", "absent", False)
        return rest

    def _attach_topics(self, modifiers: Sequence[_Modifier]) -> None:
        for topic in self.topics:
            self._attach(modifiers, topic)

    def _flush(self) -> None:
        """End of a phrase: modifiers without a noun of their own belong to the topic."""
        if self.pending:
            if self.topics:
                self._attach_topics(self.pending)
            else:
                self.orphans += self.pending
        elif self.predicate and self.denied:
            self._deny_topics(self.topics[-1].place if self.topics else 0, double=False)
        self.pending = []

    def _end_clause(self, place: int) -> None:
        self._flush()
        self.topics = []
        self.predicate = self.denied = self.after_preposition = False
        self.joined = ""
        self.clause_start = place
        self.undecided = set()

    def _deny_topics(self, place: int, double: bool) -> None:
        for topic in self.topics:
            key = _DENIABLE.get(topic.thing)
            if key is None:
                continue
            if double:
                continue
            self._replace(topic.place, key, NEGATIVE_VALUES[key])

    def _replace(self, place: int, key: str, value: str) -> None:
        self.statements = [s for s in self.statements if not (s.key == key and s.place >= place)]
        self.statements.append(Statement(place, key, value))

    def _state(self, place: int, key: str, value: str, denied: bool) -> None:
        """Add a statement, unless it is denied or one of several alternatives."""
        if denied or self.excluded:
            return
        earlier = [s for s in self.statements if s.key == key and s.place >= self.clause_start]
        if earlier and earlier[-1].value != value and self._alternative(earlier[-1].place, place):
            self.undecided.add(key)
            self.statements = [s for s in self.statements if s not in earlier]
            return
        if key in self.undecided and self._alternative(self.clause_start, place):
            return
        self.statements.append(Statement(place, key, value))

    def _alternative(self, first: int, second: int) -> bool:
        """Only "or", "versus", "to" and fillers stand between the two places."""
        between = self.found[first + 1 : second]
        return any(item.kind in ("or", "to") for item in between) and not any(
            item.kind in ("copula", "have", "but", "with", "that") for item in between
        )
