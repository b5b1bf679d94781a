"""Size, shape, colour, texture and amount as nouns: whose they are, and which attribute they narrow a value to."""

from collections.abc import Mapping

from hemblip.morphology.lexicon import ASPECTS, OWNED
from hemblip.morphology.modifiers import Head
from hemblip.morphology.state import Rule, State
from hemblip.morphology.tokens import Item


def _frame(state: State, place: int, item: Item) -> None:
    """What "with regard to the nucleus" speaks of owns the properties that follow."""
    thing = state.sentence.next_thing(place)
    state.framed = thing.name if thing.name in OWNED else None


def _aspect(state: State, place: int, item: Item) -> None:
    owner = _owner(state, place, item.name)
    in_list = owner is None and any(other.kind in ("have", "with") for other in state.sentence.between(-1, place))
    if state.subject and (in_list or (owner is not None and not _has(owner, item.name))):
        owner = state.subject if _has(state.subject, item.name) else owner
    if owner is not None:
        owned = OWNED[owner]
    else:
        owned = OWNED["cell"] if item.name in ("size", "shape") else ASPECTS[item.name]
    head = Head(owner or "cell", tuple(key for key in ASPECTS[item.name] if key in owned), place)
    if state.predicate and state.pending and state.sentence.is_property_of_value(place):
        state.attach_to_topics(state.attach(state.pending, head))
        state.pending = []
        state.joined = ""
    else:
        state.arrive(head)


def _owner(state: State, place: int, aspect: str) -> str | None:
    """Whose size, shape or colour: the noun before it, the noun after "of", or the subject."""
    before = state.sentence[place - (2 if state.sentence[place - 1].name == "(" else 1)]
    if before.kind == "thing":
        return before.name
    if state.sentence[place + 1].kind == "of":
        for item in state.sentence.between(place + 1, place + 5):
            if item.kind == "thing":
                return item.name
    if state.sentence.before_phrase(place).kind == "of" and state.last is not None and _has(state.last.thing, aspect):
        return state.last.thing  # "granules of round shape"
    if not state.topics and state.sentence[place - 1].name == "its" and state.before.subject is not None:
        return state.before.subject if _has(state.before.subject, aspect) else None
    if state.topics and (state.predicate or _subject_has(state, place)):
        return state.topics[-1].thing
    return state.framed or state.before.header


def _subject_has(state: State, place: int) -> bool:
    """The subject of "has" or "with" owns the property: "the nucleus has an irregular contour"."""
    between = state.sentence.between(state.topics[-1].place, place)
    return state.topics[-1].thing != "other" and any(i.kind in ("have", "with", "prep", "of") for i in between)


def _has(thing: str, aspect: str) -> bool:
    return not set(OWNED[thing]).isdisjoint(ASPECTS[aspect])


RULES: Mapping[str, Rule] = {
    "frame": _frame,
    "aspect": _aspect,
}
"""Kind of word -> how it is read."""
