"""Size, shape, colour, texture and amount as nouns: whose they are, and which attribute they narrow a value to."""

from hemblip.morphology.exclusions import Exclusions
from hemblip.morphology.lexicon import ASPECTS, OWNED
from hemblip.morphology.modifiers import Head
from hemblip.morphology.phrases import Spoken
from hemblip.morphology.sentence import Sentence
from hemblip.morphology.tokens import Item


class Properties(Exclusions):
    """Finds the owner of each property noun."""

    def __init__(self, sentence: Sentence, before: Spoken) -> None:
        super().__init__(sentence, before)
        self._framed: str | None = None

    def _frame(self, place: int, item: Item) -> None:
        """What "with regard to the nucleus" speaks of owns the properties that follow."""
        thing = self.sentence.next_thing(place)
        self._framed = thing.name if thing.name in OWNED else None

    def _aspect(self, place: int, item: Item) -> None:
        owner = self._owner(place, item.name)
        in_list = owner is None and any(other.kind in ("have", "with") for other in self.sentence.between(-1, place))
        if self.subject and (in_list or (owner is not None and not _has(owner, item.name))):
            owner = self.subject if _has(self.subject, item.name) else owner
        if owner is not None:
            owned = OWNED[owner]
        else:
            owned = OWNED["cell"] if item.name in ("size", "shape") else ASPECTS[item.name]
        head = Head(owner or "cell", tuple(key for key in ASPECTS[item.name] if key in owned), place)
        if self.predicate and self.pending and self.sentence.is_property_of_value(place):
            self.attach_to_topics(self.attach(self.pending, head))
            self.pending = []
            self.joined = ""
        else:
            self.arrive(head)

    def _owner(self, place: int, aspect: str) -> str | None:
        """Whose size, shape or colour: the noun before it, the noun after "of", or the subject."""
        before = self.sentence[place - (2 if self.sentence[place - 1].name == "(" else 1)]
        if before.kind == "thing":
            return before.name
        if self.sentence[place + 1].kind == "of":
            for item in self.sentence.between(place + 1, place + 5):
                if item.kind == "thing":
                    return item.name
        if self.sentence.before_phrase(place).kind == "of" and self.last is not None and _has(self.last.thing, aspect):
            return self.last.thing  # "granules of round shape"
        if not self.topics and self.sentence[place - 1].name == "its" and self.before.subject is not None:
            return self.before.subject if _has(self.before.subject, aspect) else None
        if self.topics and (self.predicate or self._subject_has(place)):
            return self.topics[-1].thing
        return self._framed or self.before.header

    def _subject_has(self, place: int) -> bool:
        """The subject of "has" or "with" owns the property: "the nucleus has an irregular contour"."""
        between = self.sentence.between(self.topics[-1].place, place)
        return self.topics[-1].thing != "other" and any(i.kind in ("have", "with", "prep", "of") for i in between)


def _has(thing: str, aspect: str) -> bool:
    return not set(OWNED[thing]).isdisjoint(ASPECTS[aspect])
