"""What a sentence denies: "no vacuoles", "granules are absent", "neither vacuoles nor granules", "it has none"."""

from collections.abc import Sequence

from hemblip.morphology.lexicon import DENIABLE
from hemblip.morphology.modifiers import Head
from hemblip.morphology.phrases import NOTHING, Spoken
from hemblip.morphology.properties import Properties
from hemblip.morphology.schema import NEGATIVE_VALUES
from hemblip.morphology.sentence import Sentence
from hemblip.morphology.tokens import Item, word_set

_WITHOUT = word_set("without|lacking|devoid of|free of|free from|void of|without any|in the absence of")
_LACKS = word_set("lacks|lack|lacked|fails to show|does not|do not")


class Denials(Properties):
    """Denies what follows or what stands before: one method for each kind of item.

    Attributes:
        aside: the part of a cell that only the text left out names.
        neither: "neither" or "nor" opens the sentence; denial goes over its verb.
    """

    def __init__(self, found: Sequence[Item], before: Spoken = NOTHING, aside: str | None = None) -> None:
        super().__init__(Sentence(found), before)
        self.aside = aside
        self.neither = False

    def they(self, place: int) -> str | None:
        """The granules, vacuoles or nucleoli that "they" or "none" at `place` stands for."""
        aside = self.aside if self.aside in DENIABLE else None
        return self.sentence.plural_before(place) or aside or self.before.plural

    def _not(self, place: int, item: Item) -> None:
        before = self.sentence[place - 1]
        if item.name == "no" and before.name in (":", "=") and self.sentence.is_answer(place):
            self._absent(place, item)
            return
        self.neither = self.neither or (item.name in ("neither", "nor") and not self.topics)
        if item.name == "not" and before.kind == "and" and self.sentence.other_cell_follows(place):
            self.leave_out()  # "a basophil and not an eosinophil"
            return
        if item.name in _LACKS and self.topics:
            self.agent = self.topics
        if item.name == "not" and before.kind == "thing" and self.sentence[place + 1].kind == "value":
            self.predicate = True
        if (
            before.kind == "copula" and self.sentence.phrase_ends(place) and not self.pending
        ):  # "a lymphocyte this is not"
            self.statements.withdraw(("cell_type", "diagnosis"))
        if item.name in _WITHOUT and self.pending:
            self.flush()
        self.denied = not (self.denied and before.kind == "not")
        if self.pending and not self.takes_pending():
            self.give_to_next(place)

    def _likewise(self, place: int, item: Item) -> None:
        """Denies what follows if what stands before is denied: "nucleoli are absent and so are vacuoles"."""
        said = self.statements.in_order()
        self.denied = bool(said) and NEGATIVE_VALUES.get(said[-1].key) == said[-1].value
        self.predicate = False

    def _absent(self, place: int, item: Item) -> None:
        adjective = item.name in ("absent", "missing") and not self.predicate
        before_noun = self.sentence[place + 1].kind in ("thing", "value")
        if adjective and before_noun and self.sentence.next_thing(place).name in DENIABLE:
            self.denied = True
            return
        before, they = self.sentence[place - 1], self.they(place)
        refers = before.kind == "have" or (before.kind in ("edge", "and", "but", "comma") and not self.topics)
        if item.name == "none" and refers and they is not None:
            self.topics = [Head.of(they, place)]  # "the cell has none", "and none are present"
        if not self.denied:
            self.deny_topics()
        self.denied = False
