"""What a sentence denies: "no vacuoles", "granules are absent", "neither vacuoles nor granules", "it has none"."""

from collections.abc import Mapping

from hemblip.morphology.lexicon import DENIABLE
from hemblip.morphology.modifiers import Head
from hemblip.morphology.schema import NEGATIVE_VALUES
from hemblip.morphology.state import Rule, State
from hemblip.morphology.tokens import Item, word_set

_WITHOUT = word_set(
    "without|lacking|devoid of|free of|free from|void of|without any|in the absence of|deficient in|deficient of"
    "|depleted of"
)
_ANSWERS = word_set("no|lacking|lacked|zero")
_ADJECTIVES = word_set(
    "absent|missing|invisible|unseen|undetectable|undetected|imperceptible|indiscernible|unapparent|inapparent"
)
_LACKS = word_set("lacks|lack|lacked|fails to show|does not|do not")


def _not(state: State, place: int, item: Item) -> None:
    before = state.sentence[place - 1]
    if item.name in _ANSWERS and state.sentence.is_answer(place):
        _absent(state, place, item)
        return
    state.neither = state.neither or (item.name in ("neither", "nor") and not state.topics)
    if item.name == "not" and before.kind == "and" and state.sentence.other_cell_follows(place):
        state.leave_out()  # "a basophil and not an eosinophil"
        return
    if item.name in _LACKS and state.topics:
        state.agent = state.topics
    if item.name == "not" and before.kind == "thing" and state.sentence[place + 1].kind in ("value", "word"):
        state.predicate = True
    if (
        before.kind == "copula" and state.sentence.phrase_ends(place) and not state.pending
    ):  # "a lymphocyte this is not"
        state.statements.withdraw(("cell_type", "diagnosis"))
    if item.name in _WITHOUT and state.pending:
        state.flush()
    state.denied = not (state.denied and before.kind == "not")
    if state.pending and not state.takes_pending():
        state.give_to_next(place)


def _likewise(state: State, place: int, item: Item) -> None:
    """Denies what follows if what stands before is denied: "nucleoli are absent and so are vacuoles"."""
    said = state.statements.in_order()
    state.denied = bool(said) and NEGATIVE_VALUES.get(said[-1].key) == said[-1].value
    state.predicate = False


def _absent(state: State, place: int, item: Item) -> None:
    adjective = item.name in _ADJECTIVES and not state.predicate
    before_noun = state.sentence[place + 1].kind in ("thing", "value")
    if adjective and before_noun and state.sentence.next_thing(place).name in DENIABLE:
        state.denied = True
        return
    before, they = state.sentence[place - 1], state.they(place)
    refers = before.kind == "have" or (before.kind in ("edge", "and", "but", "comma") and not state.topics)
    if item.name == "none" and refers and they is not None:
        state.topics = [Head.of(they, place)]  # "the cell has none", "and none are present"
    if not state.denied:
        state.deny_topics()
    state.denied = False


RULES: Mapping[str, Rule] = {
    "not": _not,
    "likewise": _likewise,
    "absent": _absent,
}
"""Kind of word -> how it is read."""
