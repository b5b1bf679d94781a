"""Reads one sentence: which modifier belongs to which noun, and what is denied, compared or left undecided.

A modifier before a noun belongs to that noun ("small pink granules"), one after a copula to the subject ("the
chromatin is dense"). Denial reaches to the end of its noun phrase, comparison to the next comma.
"""

from collections.abc import Mapping

from hemblip.morphology import denials, exclusions, properties
from hemblip.morphology.exclusions import AMONG, resumes
from hemblip.morphology.lexicon import ATYPICAL, DENIABLE, OWNED
from hemblip.morphology.modifiers import Head, is_noun
from hemblip.morphology.schema import SCHEMA
from hemblip.morphology.state import Rule, State
from hemblip.morphology.statements import Statement
from hemblip.morphology.tokens import Item, word_set

_SHARING = word_set("shares|shared|share|sharing|common")
_GOES_ON = word_set("thing|value|aspect|word|and|comma|or|direct|disease")


# --- words that hold the sentence together


def _word(state: State, place: int, item: Item) -> None:
    if item.name in (".", "!"):
        state.end_clause(place)
        state.neither = False
        return
    about = [topic.thing for topic in state.topics]
    if state.denied and state.predicate and not state.pending and not DENIABLE.keys().isdisjoint(about):
        state.leave_open()  # "the granules are not evenly spread"
        state.denied = state.predicate = False
    after = state.sentence[place + 1].kind
    set_off = state.interrupted in state.topics or after == "prep"
    if state.pending and set_off and state.sentence[place - 1].kind == "comma":
        state.flush()  # "the nucleus, dark and round, lies ...", "large, drawn from a donor"
    state.denied = state.denied and not (
        state.sentence[place - 1].kind == "thing" and after == "det"
    )  # "no x rims the y"
    state.after_preposition = state.after_preposition and after != "det"  # "in this case the nucleus"
    if not state.predicate and not item.name.endswith(("ly", "ed", "ing")) and after not in _GOES_ON:
        state.pending = [modifier for modifier in state.pending if is_noun(modifier.item)]


def _comma(state: State, place: int, item: Item) -> None:
    state.denied = state.denied and state.sentence.denial_goes_on(place)
    state.joined = ","
    state.after_preposition = state.after_preposition and bool(state.pending)  # "of this round, small cell"
    if item.name == "(" and state.pending and not state.predicate and state.sentence.noun_after_parenthesis(place):
        state.excluded = True
    elif item.name == ")" and state.sentence[place + 1].kind in ("thing", "aspect", "value"):
        state.joined = ""
    elif item.name in "()" and state.pending:
        state.flush()


def _and(state: State, place: int, item: Item) -> None:
    state.denied = state.denied and state.sentence.denial_goes_on(place)
    state.joined = "and"


def _or(state: State, place: int, item: Item) -> None:
    state.joined = "or"


def _but(state: State, place: int, item: Item) -> None:
    predicate, topics = state.predicate, state.topics
    state.end_clause(place)
    state.predicate, state.topics = predicate, topics


def _det(state: State, place: int, item: Item) -> None:
    pass


def _one(state: State, place: int, item: Item) -> None:
    """Stands for a noun before it: "unlike the coarse granules of basophils, it has round ones"."""
    if state.pending and not state.predicate and not item.values:
        thing = state.sentence.thing_before(state.pending[0].place) or state.aside or state.before.part
        state.arrive(Head.of(thing or "cell", place))


def _copula(state: State, place: int, item: Item) -> None:
    before = state.sentence[place - 1]
    if item.name in ("as", "described as", "being") and state.predicate:
        return
    if item.name == ":" and not state.topics:
        state.denied = False
        return
    if state.sentence[0].name in AMONG:  # "among the cells of this smear is a lymphocyte"
        state.topics = []
    if place == 0:  # "seems to be small"
        state.before = state.before._replace(subject=state.before.subject or "cell")
    if state.pending:
        state.flush()
    _speak_of_last(state, before)
    called = item.name == "as" and before.kind == "thing" and before.name == "cell"  # "cannot call this cell round"
    state.denied = state.denied and (called or state.neither or (before.kind == "not" and item.name not in (":", "=")))
    state.predicate = True
    state.after_preposition = False
    state.joined = ""


def _have(state: State, place: int, item: Item) -> None:
    before = state.sentence[place - 1]
    state.flush()
    _speak_of_last(state, before)
    state.denied = state.denied and (state.neither or before.kind == "not")
    state.predicate = state.after_preposition = False
    state.joined = ""


def _with(state: State, place: int, item: Item) -> None:
    state.flush()
    before = state.sentence[place - 1]
    shared = not _SHARING.isdisjoint(i.name for i in state.sentence.between(place - 6, place))
    if (shared and state.sentence.other_cell_follows(place)) or (
        item.name == "with" and before.name == "other" and before.plural
    ):  # "shares its chromatin with a blast"
        state.leave_out()
    state.denied = state.predicate = state.after_preposition = False


def _of(state: State, place: int, item: Item) -> None:
    if state.pending and state.predicate and state.sentence.next_thing(place).kind == "edge":
        state.flush()
        state.predicate = False
    state.after_preposition = True


def _prep(state: State, place: int, item: Item) -> None:
    noun = state.sentence[place + (2 if state.sentence[place + 1].kind == "det" else 1)]
    if item.name in ("in", "for") and noun.kind == "aspect" and state.pending:
        state.predicate = True
        return
    if item.name == "in" and _belongs_to_next(state, place):  # "dense in chromatin"
        state.pending, last = state.pending[:-1], state.pending[-1]
        state.flush()
        state.pending = [last]
        state.predicate = False
        state.after_preposition = True
        return
    state.flush()
    ends = state.sentence[place - 1].kind == "thing" or (state.predicate and state.sentence[place - 1].kind != "not")
    state.denied = state.denied and not ends
    state.predicate = False
    state.after_preposition = True


def _belongs_to_next(state: State, place: int) -> bool:
    """Whether the noun after a preposition takes the last modifier, which the subject cannot have."""
    owned = OWNED.get(state.sentence[place + 1].name, ())
    values = state.pending[-1].item.values if state.pending else {}
    taken = {key for topic in state.topics for key in topic.keys}
    return any(key in values for key in owned) and taken.isdisjoint(values)


def _that(state: State, place: int, item: Item) -> None:
    state.flush()
    state.predicate = False
    _speak_of_last(state, item)


def _speak_of_last(state: State, before: Item) -> None:
    """After "which" the noun before it is the subject, after a comma the noun that the comma interrupted."""
    subject = {"that": state.last, "comma": state.interrupted}.get(before.kind)
    if before.kind == "and" and state.agent:  # "the nucleus lacks lobes and is indented"
        state.topics = state.agent
    state.topics = state.topics if subject is None else [subject]
    state.agent = state.topics


# --- words that state something


def _value(state: State, place: int, item: Item) -> None:
    degree = state.sentence[place - 1].name
    if degree == "less" or (degree == "more" and any(other.kind == "contrast" for other in state.sentence)):
        return  # "more open than", "less dense"
    after_noun = state.sentence[place - 1].kind in ("thing", "aspect")
    if after_noun and state.topics and not state.pending and not state.denied:
        state.predicate = True
        state.joined = ""
    state.add_modifier(place, item)


def _direct(state: State, place: int, item: Item) -> None:
    for key, value in item.values.items():
        of_nucleus = any(topic.thing == "nucleus" for topic in state.topics)
        of_other = state.topics and state.topics[-1].thing == "other" and state.predicate
        if of_other or (key == "nuclear_cytoplasmic_ratio" and not of_nucleus):
            continue
        if item.name.endswith("cell"):
            state.last = Head.of("cell", place)
        if not state.denied:
            state.state(place, key, value)
        elif key == "cytoplasm_vacuoles" and not state.excluded:
            state.statements.add(place, key, "absent" if value == "present" else "present")


def _disease(state: State, place: int, item: Item) -> None:
    state.denied = state.denied and state.sentence[place - 1].kind != "thing"  # "no granules healthy"
    if (
        item.name == "APML" and state.statements.states("diagnosis", "AML") and not state.denied and not state.excluded
    ):  # "AML (M3)": named more exactly
        state.statements.withdraw(("diagnosis",))
    state.state(place, "diagnosis", item.name)
    state.last = Head("diagnosis", (), place)


def _normal(state: State, place: int, item: Item) -> None:
    subject = "diagnosis" if state.predicate else "cell"
    of_subject = state.sentence.phrase_ends(place) and any(topic.thing == subject for topic in state.topics)
    if of_subject or state.sentence.speaks_of_healthy(place):
        state.state(place, "diagnosis", "healthy")


def _all(state: State, place: int, item: Item) -> None:
    if state.sentence.abbreviates_leukemia(place):
        state.state(place, "diagnosis", "ALL")


def _atypical(state: State, place: int, item: Item) -> None:
    """A lymphocyte that "is reactive" is an atypical lymphocyte."""
    named = state.sentence[state.topics[-1].place].type if state.topics else None
    said = state.predicate or state.sentence[place - 1].name == "("
    if named is not None and said and named in ATYPICAL and not state.denied and not state.excluded:
        state.statements.replace(state.topics[-1].place, "cell_type", ATYPICAL[named])


def _indentation(state: State, place: int, item: Item) -> None:
    state.pending = [] if not state.predicate else state.pending
    state.state(place, "nucleus_shape", "unsegmented-indented")


def _self(state: State, place: int, item: Item) -> None:
    if item.name == "here":
        state.before = state.before._replace(subject=state.before.subject or "cell")
    else:
        meant = {"it": state.subject or state.before.subject, "they": state.they(place)}.get(item.name)
        verb = state.sentence[place + 1].kind in ("copula", "have")
        state.after_preposition = state.after_preposition and not (verb and item.name in ("it", "they"))
        if item.name not in ("it", "they") and not state.after_preposition:
            state.subject = "cell"
        state.arrive(Head.of("cell" if meant in (None, "other", "diagnosis") else meant, place))


def _thing(state: State, place: int, item: Item) -> None:
    of_other = state.topics and state.topics[-1].thing == "other" and state.predicate
    cell_type = item.type or ""
    if state.sentence.is_called_atypical(place):
        cell_type = ATYPICAL.get(cell_type, cell_type)
    definite = state.sentence.is_definite(place)
    if definite and not state.after_preposition and item.name == "cell":
        state.subject = "cell"
    if cell_type and not of_other:
        denied, state.denied = state.denied, state.denied and not definite
        state.state(place, "cell_type", cell_type if cell_type in SCHEMA["cell_type"] else "")
        state.denied = denied
    if item.name == "cell" and not of_other:
        if not cell_type and any(i.kind == "or" for i in state.sentence.between(max(place - 6, -1), place + 4)):
            state.state(place, "cell_type", "")  # "a small blast or a lymphocyte"
        if state.statements.leaves_open("cell_type", place):  # "a lymphocyte or a small blast"
            state.pending = []
            if state.sentence.since_article(place, place - 4) is not None:
                state.statements.withdraw(OWNED["cell"])
    if not item.adjective and not state.sentence.is_first_part(place):
        state.arrive(Head.of(item.name, place))


RULES: Mapping[str, Rule] = {
    **denials.RULES,
    **exclusions.RULES,
    **properties.RULES,
    "all": _all,
    "and": _and,
    "atypical": _atypical,
    "but": _but,
    "comma": _comma,
    "copula": _copula,
    "det": _det,
    "direct": _direct,
    "disease": _disease,
    "have": _have,
    "indentation": _indentation,
    "normal": _normal,
    "of": _of,
    "one": _one,
    "or": _or,
    "prep": _prep,
    "self": _self,
    "that": _that,
    "thing": _thing,
    "to": _or,
    "value": _value,
    "with": _with,
    "word": _word,
}
"""Kind of word -> how it is read."""


def read(state: State) -> list[Statement]:
    """Return the statements of a sentence, in order of place."""
    for place, item in enumerate(state.sentence):
        if not state.excluded or resumes(state, place, item):
            RULES[item.kind](state, place, item)
    state.end_sentence()
    return state.statements.in_order()
