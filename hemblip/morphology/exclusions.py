"""What a sentence does not say of the cell: comparisons, neighbours, what is undecided, unlikely or out of view."""

from hemblip.morphology.lexicon import OWNED
from hemblip.morphology.modifiers import Head
from hemblip.morphology.phrases import Phrases, Spoken
from hemblip.morphology.schema import SCHEMA
from hemblip.morphology.sentence import Sentence
from hemblip.morphology.tokens import Item, word_set

_OTHERS = word_set("other|others|another|several other|one other|a second|additional|bystander")
_CONCLUDING = word_set("fits|suggests|indicates|points|supports|argues|makes|favors|speaks|identifies")
AMONG = word_set("among|amongst|amid")
_EXAMPLES = word_set("as in|as seen in|as found in|as observed in")
_SIMILAR = word_set("looks like|look like|looked like")
_LOOSE_CONTRAST = word_set("over|like|against|relative to")


class Exclusions(Phrases):
    """Leaves out the parts of a sentence that are not said of the cell: one method for each kind of item."""

    def __init__(self, sentence: Sentence, before: Spoken) -> None:
        super().__init__(sentence, before)
        self._elsewhere = False
        self._undecided = False
        self._open = False

    def leave_out(self) -> None:
        """What follows is not said of the cell, until `resumes`."""
        self.flush()
        self.excluded = True

    def resumes(self, place: int, item: Item) -> bool:
        """Whether the cell is spoken of again: at a comma, at "but", where it is named."""
        verb_of_cell = item.kind in ("have", "copula") and self.sentence[place - 1].kind == "and"
        verb_of_cell = verb_of_cell or item.name in ("in having", "by having")
        verb_of_cell = verb_of_cell or (item.kind == "copula" and self.sentence[0].name in AMONG)
        relative = item.kind == "comma" and (
            self.sentence[place + 1].name == "where"
            or (self.sentence[place + 1].kind == "that" and self.sentence[place + 2].name not in _CONCLUDING)
        )
        verb_of_cell = verb_of_cell or self._part_is_subject(place)
        ends = item.kind in ("comma", "but", "self") or item.name in (".", ":", "this")
        ends = ends or (item.name == "its" and self.sentence[place - 1].name == "by")
        ends = ends or (self._undecided and item.kind in ("with", "have", "copula"))
        if self._open and item.kind != "but":
            return False
        if self._elsewhere or not (verb_of_cell or ends) or relative:
            return False
        self._open = False
        self.excluded = self._undecided = False
        return True

    def _part_is_subject(self, place: int) -> bool:
        """Whether a clause on a part of the cell begins: "... and the nucleus is round"."""
        conjunction, article, noun, verb = (self.sentence[place + offset] for offset in range(4))
        part = noun.kind == "thing" and noun.name not in ("cell", "other")
        return conjunction.kind == "and" and article.kind == "det" and part and verb.kind in ("copula", "have", "comma")

    def _contrast(self, place: int, item: Item) -> None:
        if item.name in _LOOSE_CONTRAST and not self.sentence.other_cell_follows(place):
            self.flush()
            self.predicate = False
            return
        if item.name in _SIMILAR and not any(other.kind == "but" for other in self.sentence.between(place, -1)):
            return
        if item.name in _EXAMPLES and self.sentence[place + 1].kind == "disease":
            return
        if item.name == "than":
            self.pending = self.pending[:-1]
        if self.pending and not self.takes_pending():
            self.give_to_next(place)
        self.leave_out()

    def _link(self, place: int, item: Item) -> None:
        """What links the lobes of a nucleus is no part of the description: "joined by a thin strand"."""
        self.leave_out()

    def _near(self, place: int, item: Item) -> None:
        subject = all(other.kind in ("det", "word", "value") for other in self.sentence.between(-1, place))
        noun = self.sentence.next_thing(place).name in ("cell", "other")
        if place == 0 and item.name.endswith((" it", " them", " cell")):  # "above it, a large monocyte"
            self.excluded = self._elsewhere = True
        elif item.name in _OTHERS and subject and noun and not any(other.kind == "self" for other in self.sentence):
            self.leave_out()  # "two other cells are visible: ..."
            self._elsewhere = True
        elif item.name.startswith(("in the", "elsewhere", "at the", "nearby")):
            self._where(place, item)
        elif self.topics and self.topics[-1].thing == "other":  # "a platelet lies next to the cell"
            self.topics = []
        elif self.sentence.next_thing(place).name in ("cell", "other") or item.name == "others":
            self.leave_out()
            self.topics = [Head("other", (), place)]

    def _where(self, place: int, item: Item) -> None:
        """What stands at a place of its own is another cell: "in the corner ...", "the cell on the right is ..."."""
        other_subject = not self.predicate and self.sentence[place + 1].kind in ("copula", "have")
        if other_subject and self.last is not None and self.last.thing == "cell":
            self.statements.withdraw(("cell_type", *OWNED["cell"]))
            self.excluded = self._elsewhere = True
        elif self.sentence.phrase_ends(place) and self._names_neighbor(place):
            self.statements.withdraw(SCHEMA)
        elif place == 0 or (place < 2 and self.sentence.next_thing(place).kind == "edge"):
            self.excluded = self._elsewhere = True

    def _names_neighbor(self, place: int) -> bool:
        """As in "small lymphocyte to the right": a cell, no verb, and nothing that points at it."""
        before = self.sentence.between(-1, place)
        pointed = any(i.kind in ("copula", "have", "self") or i.name in ("the", "this") for i in before)
        return place > 0 and not pointed and self.last is not None and self.last.thing == "cell"

    def _unsure(self, place: int, item: Item) -> None:
        if item.name in ("if", "whether"):
            self.flush()
            self._open = item.name == "whether" and self.sentence[place - 1].kind != "edge"
        elif item.name.endswith(" that"):
            self._elsewhere = True
        elif item.name.startswith("if "):  # "the granules, if present, are not visible"
            if not any(other.kind in ("not", "absent", "unsure") for other in self.sentence.between(place, place + 9)):
                return
            self._elsewhere = True
        else:
            unsure = self.topics or [head for head in [self.last] if head is not None]
            keys = {key for head in unsure for key in head.keys} | {"cell_type", "diagnosis"}
            self.statements.withdraw(keys, [head.place for head in unsure])
        self.pending = []
        self.excluded = True

    def _either(self, place: int, item: Item) -> None:
        """Nothing is decided: "either CLL or another disease"."""
        if any(other.kind == "or" for other in self.sentence.between(place, place + 9)):
            self.leave_out()
            self._undecided = True

    def _reject(self, place: int, item: Item) -> None:
        before = self.sentence[place - 1].kind
        earlier = range(place) if before in ("but", "and") else None  # "an eosinophil was considered but rejected"
        self.statements.withdraw(("cell_type", "diagnosis"), earlier)
