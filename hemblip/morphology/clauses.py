"""Reads one sentence: which modifier belongs to which noun, and what is denied, compared or left undecided.

A modifier before a noun belongs to that noun ("small pink granules"), one after a copula to the subject ("the
chromatin is dense"). Denial reaches to the end of its noun phrase, comparison to the next comma.
"""

from hemblip.morphology.denials import Denials
from hemblip.morphology.exclusions import AMONG
from hemblip.morphology.lexicon import ATYPICAL, OWNED
from hemblip.morphology.modifiers import Head, is_noun
from hemblip.morphology.schema import SCHEMA
from hemblip.morphology.statements import Statement
from hemblip.morphology.tokens import Item, word_set

_SHARING = word_set("shares|shared|share|sharing|common")
_GOES_ON = word_set("thing|value|aspect|word|and|comma|or|direct|disease")


class Reader(Denials):
    """Walks over the items of one sentence: one method for each kind of item."""

    def read(self) -> list[Statement]:
        """Return the statements of the sentence, in order of place."""
        for place, item in enumerate(self.sentence):
            if self.excluded and not self.resumes(place, item):
                continue
            getattr(self, f"_{item.kind}")(place, item)
        self.end_sentence()
        return self.statements.in_order()

    # --- words that hold the sentence together

    def _word(self, place: int, item: Item) -> None:
        if item.name in (".", "!"):
            self.end_clause(place)
            self.neither = False
            return
        after = self.sentence[place + 1].kind
        set_off = self.interrupted in self.topics or after == "prep"
        if self.pending and set_off and self.sentence[place - 1].kind == "comma":
            self.flush()  # "the nucleus, dark and round, lies ...", "large, drawn from a donor"
        self.denied = self.denied and not (
            self.sentence[place - 1].kind == "thing" and after == "det"
        )  # "no x rims the y"
        self.after_preposition = self.after_preposition and after != "det"  # "in this case the nucleus"
        if not self.predicate and not item.name.endswith(("ly", "ed", "ing")) and after not in _GOES_ON:
            self.pending = [modifier for modifier in self.pending if is_noun(modifier.item)]

    def _comma(self, place: int, item: Item) -> None:
        self.denied = self.denied and self.sentence.denial_goes_on(place)
        self.joined = ","
        self.after_preposition = self.after_preposition and bool(self.pending)  # "of this round, small cell"
        if item.name == "(" and self.pending and not self.predicate and self.sentence.noun_after_parenthesis(place):
            self.excluded = True
        elif item.name == ")" and self.sentence[place + 1].kind in ("thing", "aspect", "value"):
            self.joined = ""
        elif item.name in "()" and self.pending:
            self.flush()

    def _and(self, place: int, item: Item) -> None:
        self.denied = self.denied and self.sentence.denial_goes_on(place)
        self.joined = "and"

    def _or(self, place: int, item: Item) -> None:
        self.joined = "or"

    _to = _or

    def _but(self, place: int, item: Item) -> None:
        predicate, topics = self.predicate, self.topics
        self.end_clause(place)
        self.predicate, self.topics = predicate, topics

    def _det(self, place: int, item: Item) -> None:
        pass

    def _one(self, place: int, item: Item) -> None:
        """Stands for a noun before it: "unlike the coarse granules of basophils, it has round ones"."""
        if self.pending and not self.predicate and not item.values:
            thing = self.sentence.thing_before(self.pending[0].place) or self.aside or self.before.part
            self.arrive(Head.of(thing or "cell", place))

    def _copula(self, place: int, item: Item) -> None:
        before = self.sentence[place - 1]
        if item.name in ("as", "described as", "being") and self.predicate:
            return
        if item.name == ":" and not self.topics:
            self.denied = False
            return
        if self.sentence[0].name in AMONG:  # "among the cells of this smear is a lymphocyte"
            self.topics = []
        if place == 0:  # "seems to be small"
            self.before = self.before._replace(subject=self.before.subject or "cell")
        if self.pending:
            self.flush()
        self._speak_of_last(before)
        called = item.name == "as" and before.kind == "thing" and before.name == "cell"  # "cannot call this cell round"
        self.denied = self.denied and (called or self.neither or (before.kind == "not" and item.name not in (":", "=")))
        self.predicate = True
        self.after_preposition = False
        self.joined = ""

    def _have(self, place: int, item: Item) -> None:
        before = self.sentence[place - 1]
        self.flush()
        self._speak_of_last(before)
        self.denied = self.denied and (self.neither or before.kind == "not")
        self.predicate = self.after_preposition = False
        self.joined = ""

    def _with(self, place: int, item: Item) -> None:
        self.flush()
        before = self.sentence[place - 1]
        shared = not _SHARING.isdisjoint(i.name for i in self.sentence.between(place - 6, place))
        if (shared and self.sentence.other_cell_follows(place)) or (
            item.name == "with" and before.name == "other" and before.plural
        ):  # "shares its chromatin with a blast"
            self.leave_out()
        self.denied = self.predicate = self.after_preposition = False

    def _of(self, place: int, item: Item) -> None:
        if self.pending and self.predicate and self.sentence.next_thing(place).kind == "edge":
            self.flush()
            self.predicate = False
        self.after_preposition = True

    def _prep(self, place: int, item: Item) -> None:
        noun = self.sentence[place + (2 if self.sentence[place + 1].kind == "det" else 1)]
        if item.name in ("in", "for") and noun.kind == "aspect" and self.pending:
            self.predicate = True
            return
        if item.name == "in" and self._belongs_to_next(place):  # "dense in chromatin"
            self.pending, last = self.pending[:-1], self.pending[-1]
            self.flush()
            self.pending = [last]
            self.predicate = False
            self.after_preposition = True
            return
        self.flush()
        ends = self.sentence[place - 1].kind == "thing" or (self.predicate and self.sentence[place - 1].kind != "not")
        self.denied = self.denied and not ends
        self.predicate = False
        self.after_preposition = True

    def _belongs_to_next(self, place: int) -> bool:
        """Whether the noun after a preposition takes the last modifier, which the subject cannot have."""
        owned = OWNED.get(self.sentence[place + 1].name, ())
        values = self.pending[-1].item.values if self.pending else {}
        taken = {key for topic in self.topics for key in topic.keys}
        return any(key in values for key in owned) and taken.isdisjoint(values)

    def _that(self, place: int, item: Item) -> None:
        self.flush()
        self.predicate = False
        self._speak_of_last(item)

    def _speak_of_last(self, before: Item) -> None:
        """After "which" the noun before it is the subject, after a comma the noun that the comma interrupted."""
        subject = {"that": self.last, "comma": self.interrupted}.get(before.kind)
        if before.kind == "and" and self.agent:  # "the nucleus lacks lobes and is indented"
            self.topics = self.agent
        self.topics = self.topics if subject is None else [subject]
        self.agent = self.topics

    # --- words that state something

    def _value(self, place: int, item: Item) -> None:
        degree = self.sentence[place - 1].name
        if degree == "less" or (degree == "more" and any(other.kind == "contrast" for other in self.sentence)):
            return  # "more open than", "less dense"
        after_noun = self.sentence[place - 1].kind in ("thing", "aspect")
        if after_noun and self.topics and not self.pending and not self.denied:
            self.predicate = True
            self.joined = ""
        self.add_modifier(place, item)

    def _direct(self, place: int, item: Item) -> None:
        for key, value in item.values.items():
            of_nucleus = any(topic.thing == "nucleus" for topic in self.topics)
            of_other = self.topics and self.topics[-1].thing == "other" and self.predicate
            if of_other or (key == "nuclear_cytoplasmic_ratio" and not of_nucleus):
                continue
            if item.name.endswith("cell"):
                self.last = Head.of("cell", place)
            if not self.denied:
                self.state(place, key, value)
            elif key == "cytoplasm_vacuoles" and not self.excluded:
                self.statements.add(place, key, "absent" if value == "present" else "present")

    def _disease(self, place: int, item: Item) -> None:
        self.denied = self.denied and self.sentence[place - 1].kind != "thing"  # "no granules healthy"
        if (
            item.name == "APML" and self.statements.states("diagnosis", "AML") and not self.denied and not self.excluded
        ):  # "AML (M3)": named more exactly
            self.statements.withdraw(("diagnosis",))
        self.state(place, "diagnosis", item.name)
        self.last = Head("diagnosis", (), place)

    def _normal(self, place: int, item: Item) -> None:
        subject = "diagnosis" if self.predicate else "cell"
        of_subject = self.sentence.phrase_ends(place) and any(topic.thing == subject for topic in self.topics)
        if of_subject or self.sentence.speaks_of_healthy(place):
            self.state(place, "diagnosis", "healthy")

    def _all(self, place: int, item: Item) -> None:
        if self.sentence.abbreviates_leukemia(place):
            self.state(place, "diagnosis", "ALL")

    def _atypical(self, place: int, item: Item) -> None:
        """A lymphocyte that "is reactive" is an atypical lymphocyte."""
        named = self.sentence[self.topics[-1].place].type if self.topics else None
        said = self.predicate or self.sentence[place - 1].name == "("
        if named is not None and said and named in ATYPICAL and not self.denied and not self.excluded:
            self.statements.replace(self.topics[-1].place, "cell_type", ATYPICAL[named])

    def _indentation(self, place: int, item: Item) -> None:
        self.pending = [] if not self.predicate else self.pending
        self.state(place, "nucleus_shape", "unsegmented-indented")

    def _self(self, place: int, item: Item) -> None:
        if item.name == "here":
            self.before = self.before._replace(subject=self.before.subject or "cell")
        else:
            meant = {"it": self.subject or self.before.subject, "they": self.they(place)}.get(item.name)
            verb = self.sentence[place + 1].kind in ("copula", "have")
            self.after_preposition = self.after_preposition and not (verb and item.name in ("it", "they"))
            if item.name not in ("it", "they") and not self.after_preposition:
                self.subject = "cell"
            self.arrive(Head.of("cell" if meant in (None, "other", "diagnosis") else meant, place))

    def _thing(self, place: int, item: Item) -> None:
        of_other = self.topics and self.topics[-1].thing == "other" and self.predicate
        cell_type = item.type or ""
        if self.sentence.is_called_atypical(place):
            cell_type = ATYPICAL.get(cell_type, cell_type)
        definite = self.sentence.is_definite(place)
        if definite and not self.after_preposition and item.name == "cell":
            self.subject = "cell"
        if cell_type and not of_other:
            denied, self.denied = self.denied, self.denied and not definite
            self.state(place, "cell_type", cell_type if cell_type in SCHEMA["cell_type"] else "")
            self.denied = denied
        if item.name == "cell" and not of_other:
            if not cell_type and any(i.kind == "or" for i in self.sentence.between(max(place - 6, -1), place + 4)):
                self.state(place, "cell_type", "")  # "a small blast or a lymphocyte"
            if self.statements.leaves_open("cell_type", place):  # "a lymphocyte or a small blast"
                self.pending = []
                if self.sentence.since_article(place, place - 4) is not None:
                    self.statements.withdraw(OWNED["cell"])
        if not item.adjective and not self.sentence.is_first_part(place):
            self.arrive(Head.of(item.name, place))
