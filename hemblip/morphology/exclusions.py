"""What a sentence does not say of the cell: comparisons, neighbours, what is undecided, unlikely or out of view."""

from collections.abc import Mapping

from hemblip.morphology.lexicon import DENIABLE, OWNED
from hemblip.morphology.modifiers import Head
from hemblip.morphology.schema import SCHEMA
from hemblip.morphology.state import Rule, State
from hemblip.morphology.tokens import Item, word_set

_OTHERS = word_set("other|others|another|several other|one other|a second|additional|bystander")
_CONCLUDING = word_set("fits|suggests|indicates|points|supports|argues|makes|favors|speaks|identifies")
AMONG = word_set("among|amongst|amid")
_EXAMPLES = word_set("as in|as seen in|as found in|as observed in")
_SIMILAR = word_set("looks like|look like|looked like")
_LOOSE_CONTRAST = word_set("over|like|against|relative to")


def resumes(state: State, place: int, item: Item) -> bool:
    """Whether the cell is spoken of again: at a comma, at "but", where it is named."""
    verb_of_cell = item.kind in ("have", "copula") and state.sentence[place - 1].kind == "and"
    verb_of_cell = verb_of_cell or item.name in ("in having", "by having")
    verb_of_cell = verb_of_cell or (item.kind == "copula" and state.sentence[0].name in AMONG)
    relative = item.kind == "comma" and (
        state.sentence[place + 1].name == "where"
        or (state.sentence[place + 1].kind == "that" and state.sentence[place + 2].name not in _CONCLUDING)
    )
    verb_of_cell = verb_of_cell or _part_is_subject(state, place)
    ends = item.kind in ("comma", "but", "self") or item.name in (".", ":", "this")
    ends = ends or (item.name == "its" and state.sentence[place - 1].name == "by")
    ends = ends or (state.undecided and item.kind in ("with", "have", "copula"))
    if state.open and item.kind != "but":
        return False
    if state.elsewhere or not (verb_of_cell or ends) or relative:
        return False
    state.open = False
    state.excluded = state.undecided = False
    return True


def _part_is_subject(state: State, place: int) -> bool:
    """Whether a clause on a part of the cell begins: "... and the nucleus is round"."""
    conjunction, article, noun, verb = (state.sentence[place + offset] for offset in range(4))
    part = noun.kind == "thing" and noun.name not in ("cell", "other")
    return conjunction.kind == "and" and article.kind == "det" and part and verb.kind in ("copula", "have", "comma")


def _contrast(state: State, place: int, item: Item) -> None:
    if item.name in _LOOSE_CONTRAST and not state.sentence.other_cell_follows(place):
        state.flush()
        state.predicate = False
        return
    if item.name in _SIMILAR and not any(other.kind == "but" for other in state.sentence.between(place, -1)):
        return
    if item.name in _EXAMPLES and state.sentence[place + 1].kind == "disease":
        return
    if item.name == "than":
        state.pending = state.pending[:-1]
    if state.pending and not state.takes_pending():
        state.give_to_next(place)
    state.leave_out()


def _link(state: State, place: int, item: Item) -> None:
    """What links the lobes of a nucleus is no part of the description: "joined by a thin strand"."""
    state.leave_out()


def _near(state: State, place: int, item: Item) -> None:
    subject = all(other.kind in ("det", "word", "value") for other in state.sentence.between(-1, place))
    noun = state.sentence.next_thing(place).name in ("cell", "other")
    if place == 0 and item.name.endswith((" it", " them", " cell")):  # "above it, a large monocyte"
        state.excluded = state.elsewhere = True
    elif item.name in _OTHERS and subject and noun and not any(other.kind == "self" for other in state.sentence):
        state.leave_out()  # "two other cells are visible: ..."
        state.elsewhere = True
    elif item.name.startswith(("in the", "elsewhere", "at the", "nearby")):
        _where(state, place, item)
    elif state.topics and state.topics[-1].thing == "other":  # "a platelet lies next to the cell"
        state.topics = []
    elif state.sentence.next_thing(place).name in ("cell", "other") or item.name == "others":
        state.leave_out()
        state.topics = [Head("other", (), place)]


def _where(state: State, place: int, item: Item) -> None:
    """What stands at a place of its own is another cell: "in the corner ...", "the cell on the right is ..."."""
    other_subject = not state.predicate and state.sentence[place + 1].kind in ("copula", "have")
    if other_subject and state.last is not None and state.last.thing == "cell":
        state.statements.withdraw(("cell_type", *OWNED["cell"]))
        state.excluded = state.elsewhere = True
    elif state.sentence.phrase_ends(place) and _names_neighbor(state, place):
        state.statements.withdraw(SCHEMA)
    elif place == 0 or (place < 2 and state.sentence.next_thing(place).kind == "edge"):
        state.excluded = state.elsewhere = True


def _names_neighbor(state: State, place: int) -> bool:
    """As in "small lymphocyte to the right": a cell, no verb, and nothing that points at it."""
    before = state.sentence.between(-1, place)
    pointed = any(i.kind in ("copula", "have", "self") or i.name in ("the", "this") for i in before)
    return place > 0 and not pointed and state.last is not None and state.last.thing == "cell"


def _unsure(state: State, place: int, item: Item) -> None:
    if item.name in ("if", "whether"):
        state.flush()
        state.open = item.name == "whether" and state.sentence[place - 1].kind != "edge"
    elif item.name.endswith(" that"):
        state.elsewhere = True
    elif item.name.startswith("if "):  # "the granules, if present, are not visible"
        if not any(other.kind in ("not", "absent", "unsure") for other in state.sentence.between(place, place + 9)):
            return
        state.elsewhere = True
    else:
        state.leave_open()
    state.pending = []
    state.excluded = True


def _either(state: State, place: int, item: Item) -> None:
    """Nothing is decided: "either CLL or another disease"."""
    if any(other.kind == "or" for other in state.sentence.between(place, place + 9)):
        state.leave_out()
        state.undecided = True


def _reject(state: State, place: int, item: Item) -> None:
    if item.name.endswith(("excluded", "ruled out")) and state.topics and state.topics[0].thing in DENIABLE:
        first = state.topics[0].place if state.topics[0].first is None else state.topics[0].first
        opening = state.sentence[first - 2 if state.sentence[first - 1].kind == "det" else first - 1]
        if opening.kind in ("edge", "comma", "and"):  # "granules are ruled out", not "a blast with granules is"
            state.deny_topics()
            return
    before = state.sentence[place - 1].kind
    earlier = range(place) if before in ("but", "and") else None  # "an eosinophil was considered but rejected"
    state.statements.withdraw(("cell_type", "diagnosis"), earlier)


RULES: Mapping[str, Rule] = {
    "contrast": _contrast,
    "link": _link,
    "near": _near,
    "where": _where,
    "unsure": _unsure,
    "either": _either,
    "reject": _reject,
}
"""Kind of word -> how it is read."""
