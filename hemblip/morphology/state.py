"""The state of a sentence that is being read, which gives modifiers to nouns.

Those before a noun belong to that noun, those after a copula to the subject.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from hemblip.morphology.lexicon import DENIABLE, OWNED
from hemblip.morphology.modifiers import Head, Modifier, is_noun, key_of, overruled, separated, tells_kind
from hemblip.morphology.schema import NEGATIVE_VALUES
from hemblip.morphology.sentence import Sentence
from hemblip.morphology.statements import Statements
from hemblip.morphology.tokens import Item

_INVERSE = {"low": "high", "high": "low"}


class Spoken(NamedTuple):
    """What the next sentence can refer to.

    Attributes:
        subject: what "it" stands for.
        plural: the granules, vacuoles or nucleoli that "they" stands for.
        part: the part of a cell named last, of whichever cell, for "one".
        header: the thing whose shape and size a list gives, line by line.
        general: it was a text-book statement on cells of a type.
    """

    subject: str | None = None
    plural: str | None = None
    part: str | None = None
    header: str | None = None
    general: bool = False


NOTHING = Spoken()


class State:
    """The nouns of a sentence so far, and the modifiers that wait for one.

    Attributes:
        topics: the nouns that a predicate speaks of.
        last: the noun read last.
        interrupted: the noun before the last comma: "the cytoplasm, filled with granules, is ...".
        before: what the sentence before spoke of.
        subject: the first thing of this sentence.
        pending: modifiers that have no noun yet.
        predicate: modifiers belong to the topics.
        denied: modifiers and nouns are denied.
        excluded: what is read is not said of the cell.
        agent: the subject of the verb read last: "the nucleus lacks lobes and is indented".
        aside: the part of a cell that only the text left out names.
        elsewhere: what is excluded stays so to the end of the sentence.
        undecided: "either" has opened what is excluded.
        open: what is excluded goes on to "but".
        framed: what "with regard to the nucleus" speaks of.
        neither: "neither" or "nor" opens the sentence; denial goes over its verb.
    """

    def __init__(self, sentence: Sentence, before: Spoken = NOTHING, aside: str | None = None) -> None:
        self.sentence = sentence
        self.statements = Statements(sentence)
        self.topics: list[Head] = []
        self.last: Head | None = None
        self.interrupted: Head | None = None
        self.before = before
        self.subject: str | None = None
        self.pending: list[Modifier] = []
        self.predicate = False
        self.denied = False
        self.excluded = False
        self.after_preposition = False
        self.joined = ""
        self.agent: list[Head] = []
        self.aside = aside
        self.elsewhere = self.undecided = self.open = self.neither = False
        self.framed: str | None = None
        self._orphans: list[Modifier] = []

    def leave_out(self) -> None:
        """What follows is not said of the cell, until it is spoken of again."""
        self.flush()
        self.excluded = True

    def they(self, place: int) -> str | None:
        """The granules, vacuoles or nucleoli that "they" or "none" at `place` stands for."""
        aside = self.aside if self.aside in DENIABLE else None
        return self.sentence.plural_before(place) or aside or self.before.plural

    def add_modifier(self, place: int, item: Item) -> None:
        """Keep a value until its noun is known."""
        self.pending.append(Modifier(item, place, self.denied, self.joined))
        self.joined = ""

    def arrive(self, head: Head) -> None:
        """A noun is complete: give it its modifiers and make it the topic."""
        if (
            self.topics and not self.predicate and self.sentence[head.place - 1].name == ","
        ):  # "eosinophil, round, nucleus bilobed"
            self.flush()
        back, front = self._split_pending(head)
        self.attach_to_topics(back)
        rest = [] if head.thing == "other" else self.attach(front, head)
        if self.topics and (self.predicate or any(self._lists_cell(m) for m in front)):
            self.attach_to_topics(rest if self.predicate else separated(rest, front, ","))
            front = [modifier for modifier in front if modifier not in rest] if self.predicate else front
        elif self.topics:
            same = head.thing == self.topics[-1].thing  # "cytoplasm of moderate amount and blue color"
            self.attach_to_topics([modifier for modifier in rest if same or is_noun(modifier.item)])
        else:
            self._orphans += separated(rest, front, ",", "and")
        self._state_presence(head, front)
        self.pending = []
        self.subject = self.subject or head.thing
        if front:
            qualified = any(tells_kind(modifier.item) for modifier in front)
            head = head._replace(first=front[0].place, qualified=qualified)
        coordinated = self.joined in ("and", "or") and not front and not self.predicate
        contained = self.after_preposition and self.topics and self.topics[-1].thing == "other"  # "an image of a cell"
        if contained or not self.after_preposition:
            self.topics = [*self.topics, head] if coordinated else [head]
        self.last = head
        if self.sentence[head.place + 1].kind == "comma" and not self._within_interruption(head.place):
            self.interrupted = head
        self.predicate = self.after_preposition = False
        self.joined = ""

    def attach(self, modifiers: Sequence[Modifier], head: Head) -> list[Modifier]:
        """State the values that `head` can have; return the modifiers that it cannot."""
        rest = []
        for modifier in modifiers:
            if head.thing in DENIABLE and modifier.denied and not tells_kind(modifier.item):
                sizes = modifier.place > head.place and "cell_size" in modifier.item.values
                if head.thing == "nucleolus" or not sizes:  # "vacuoles are not large" leaves them there
                    self._deny(head)
                continue
            key = key_of(modifier.item, head)
            sizes_part = key is None and "cell_size" in modifier.item.values and head.names_part()
            if sizes_part and not self._lists_cell(modifier):  # "large nucleus"
                continue
            if key is None or overruled(modifier, key, modifiers, self._lists_cell(modifier)):
                rest.append(modifier)
                continue
            value = modifier.item.values[key]
            self.state(modifier.place, key, _INVERSE[value] if head.thing == "inverse ratio" else value, modifier)
        return rest

    def attach_to_topics(self, modifiers: Sequence[Modifier]) -> None:
        """Give modifiers to every topic that can have them, else to the last noun: "..., purple in color"."""
        taken: set[int] = set()
        for topic in self.topics:
            rest = self.attach(modifiers, topic)
            taken |= {modifier.place for modifier in modifiers if modifier not in rest}
        left = [modifier for modifier in modifiers if modifier.place not in taken]
        if self.last is not None and self.last not in self.topics:
            left = self.attach(left, self.last)
        for agent in self.agent if self.topics and self.topics[-1].thing == "other" else ():
            left = self.attach(left, agent)
        self._orphans += [modifier for modifier in left if not self.topics or is_noun(modifier.item)]

    def _within_interruption(self, place: int) -> bool:
        if self.interrupted is None:
            return False
        kinds = {item.kind for item in self.sentence.between(self.interrupted.place, place)}
        return not kinds.isdisjoint(("have", "with", "that", "prep"))

    def _lists_cell(self, modifier: Modifier) -> bool:
        """Whether a modifier is an entry of a list that begins with its cell: "monoblast, large, open chromatin"."""
        if not self.topics or not (
            self.sentence[modifier.place - 1].kind == "comma" or self.sentence[modifier.place - 1].name == ":"
        ):
            return False
        between = self.sentence.between(self.topics[-1].place, modifier.place)
        kinds = {item.kind for item in between if item.name != ":"}
        return kinds.isdisjoint(("copula", "have", "with", "that", "but"))

    def flush(self) -> None:
        """End of a phrase: modifiers without a noun of their own belong to the topics."""
        if self.pending and self.topics:
            self.attach_to_topics(self.pending)
        elif self.pending:
            self._orphans += self.pending
        elif self.predicate and self.denied:
            self.deny_topics()
        self.pending = []

    def takes_pending(self) -> bool:
        """Whether the predicate speaks of a noun that can have the modifiers that wait."""
        return self.predicate and any(key_of(m.item, topic) is not None for m in self.pending for topic in self.topics)

    def give_to_next(self, place: int) -> None:
        """Modifiers set against others of one noun belong to it: "coarse rather than fine chromatin"."""
        noun = self.sentence.next_thing(place) if self.sentence[place + 1].kind == "value" else self.sentence[-1]
        if noun.name in OWNED and noun.name not in ("cell", "other"):
            self.pending = self.attach(self.pending, Head.of(noun.name, place))
        self.flush()

    def end_clause(self, place: int) -> None:
        """Nothing of the clause reaches beyond `place`."""
        self.flush()
        self.topics = []
        self.interrupted = None
        self.predicate = self.denied = self.after_preposition = False
        self.joined = ""
        self.statements.new_clause(place)

    def end_sentence(self) -> None:
        """Modifiers that found no noun speak of the cell, or of the subject of the sentence before."""
        self.flush()
        if self.before.header is not None:
            self._orphans = self.attach(self._orphans, Head.of(self.before.header, 0))
        lobes = [modifier for modifier in self._orphans if is_noun(modifier.item)]
        if self.last is not None:
            self.attach(self._orphans, Head.of("cell", 0))
        elif self.before.subject is not None:
            self.attach(self._orphans, Head.of(self.before.subject, 0))
        elif lobes:  # "more than three lobes are seen"
            self.attach(lobes, Head.of("nucleus", 0))

    def spoken(self) -> Spoken:
        """What the next sentence can refer to, `aside` if only what was left out names it."""
        aside = self.aside
        named = [item for item in self.sentence if item.name not in (".", ":")]
        header = self.before.header if named and named[0].kind not in ("det", "self") else None
        if len(named) == 1 and named[0].name in OWNED:
            header = named[0].name
        plural = self.sentence.plural_before() or (aside if aside in DENIABLE else None)
        part = self.sentence.thing_before() or aside or self.before.part
        return Spoken(self.subject or self.before.subject, plural or self.before.plural, part, header)

    def leave_open(self) -> None:
        """Nothing is known of the topics; of what may not be there, nor by what follows: "nucleoli n/a, large"."""
        unsure = self.topics or [head for head in [self.last] if head is not None]
        keys = {key for head in unsure for key in head.keys} | {"cell_type", "diagnosis"}
        self.statements.withdraw(keys, [head.place for head in unsure])
        if self.topics and all(head.thing in DENIABLE for head in unsure):
            self.topics = [head._replace(keys=()) for head in unsure]
            self.last = self.topics[-1]

    def deny_topics(self) -> None:
        """The topics are said not to be there."""
        for topic in self.topics:
            if topic.thing in DENIABLE:
                self._deny(topic)

    def state(self, place: int, key: str, value: str, modifier: Modifier | None = None) -> None:
        """Add a statement, unless it is denied or not said of the cell."""
        if not self.excluded and not (self.denied if modifier is None else modifier.denied):
            self.statements.add(place, key, value)

    def _deny(self, head: Head) -> None:
        """The thing is not there; if one kind of it is meant, nothing is known of the others."""
        first = head.place if head.first is None else head.first
        key = DENIABLE[head.thing]
        if head.qualified:
            self.statements.withdraw(head.keys, range(first, head.place + 1))
        elif not self.excluded:
            self.statements.replace(first, key, NEGATIVE_VALUES[key])

    def _split_pending(self, head: Head) -> tuple[list[Modifier], list[Modifier]]:
        """Modifiers that belong to the topics, and those that belong to the noun at hand."""
        if self.predicate and self.topics and self.pending:
            if self.sentence[head.place + 1].name in (":", "="):  # "size: small shape: round"
                return self.pending, []
            unnamed = self.sentence[self.pending[0].place - 1].type is None
            if (
                unnamed and self.sentence[head.place + 1].kind == "value" and not self.joined
            ):  # "size small nucleus regular"
                owned = [m for m in self.pending if key_of(m.item, self.topics[-1]) is not None]
                return owned, [m for m in self.pending if m not in owned]
            cut = self.sentence.since_article(head.place, self.pending[0].place)
            if cut is not None:  # "its chromatin is loose, and its frosted, blue cytoplasm"
                back = [modifier for modifier in self.pending if modifier.place < cut]
                return back, self.pending[len(back) :]
            cut = max((index for index, modifier in enumerate(self.pending) if modifier.joined), default=0)
            cut = len(self.pending) if self.joined else cut
            while cut and self._fits_better(self.pending[cut - 1], head):
                cut -= 1
            return self.pending[:cut], self.pending[cut:]
        if self.pending and self.topics and self._new_phrase(self.pending[-1].place, head.place):
            return self.pending, []
        if self.topics:  # "basophil, small and round, coarse granules"
            closed = False
            for index, modifier in enumerate(self.pending):
                if closed and modifier.joined == ",":
                    return self.pending[:index], self.pending[index:]
                closed = closed or (index > 0 and modifier.joined == "and")
        return [], self.pending

    def _fits_better(self, modifier: Modifier, head: Head) -> bool:
        """Whether a modifier is left to `head`, as its topic has one: "a round basophil: round, red granules"."""
        key = key_of(modifier.item, self.topics[-1])
        return key is not None and self.statements.states(key) and key_of(modifier.item, head) is not None

    def _new_phrase(self, modifier: int, head: int) -> bool:
        """A separator and an article stand between a modifier and the noun: they are not one phrase."""
        kinds = [item.kind for item in self.sentence.between(modifier, head)]
        return len(kinds) > 1 and kinds[0] in ("comma", "and") and "det" in kinds

    def _state_presence(self, head: Head, modifiers: Sequence[Modifier]) -> None:
        """A thing that is denied is absent; vacuoles that are named are there."""
        if head.thing not in DENIABLE or self.excluded:
            return
        if self.denied and not any(tells_kind(modifier.item) for modifier in modifiers):
            self.statements.add(head.place, DENIABLE[head.thing], NEGATIVE_VALUES[DENIABLE[head.thing]])
        elif head.thing == "vacuole" and not self.denied:
            self.statements.add(head.place, "cytoplasm_vacuoles", "present")


Rule = Callable[[State, int, Item], None]
"""Reads the word at a place."""
