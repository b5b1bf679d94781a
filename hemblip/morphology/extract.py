"""Caption -> attributes: reads what free text states of the cell described.

The text is split into sentences, what is not about the cell is left out, and in the rest every modifier is given to its
noun. The first statement of a key wins.
"""

import hashlib
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from hemblip.morphology.foreign import is_foreign
from hemblip.morphology.lexicon import DENIABLE
from hemblip.morphology.plural_subjects import is_plural_cell
from hemblip.morphology.reader import read
from hemblip.morphology.schema import KEYS, NEGATIVE_VALUES
from hemblip.morphology.scope import about_the_cell
from hemblip.morphology.sections import Sections
from hemblip.morphology.sentence import Sentence
from hemblip.morphology.state import NOTHING, Spoken, State
from hemblip.morphology.tokens import HEADING, items, measured_items, normalise, sentences

DENIALS = ("absent", "not", "without")
"""Words that deny, of which one fits into any sentence that names what is there."""


NEAR = 5
"""Tokens between what is stated and a word that decides it, at most: "neither vacuoles nor pink granules"."""


class Stated(NamedTuple):
    """One value stated for one key, by tokens `first` to `last` of its sentence; whether a denial leads."""

    first: int
    last: int
    key: str
    value: str
    denied: bool


def extract_attributes(text: str) -> dict[str, str | None]:
    """Read the attributes that `text` states.

    Args:
        text: any text; letter case does not matter.

    Returns:
        Exactly the 15 schema keys; `None` where the text states nothing, or does not decide.
    """
    return dict(zip(KEYS, _values(text), strict=True))


@lru_cache(maxsize=2**16)  # captions repeat
def _values(text: str) -> tuple[str | None, ...]:
    """What a text states of each key, in the order of the schema."""
    found: dict[str, str] = {}
    for sentence in read_sentences(text):
        for statement in sentence.stated:
            found.setdefault(statement.key, statement.value)
    if found.get("granules") == "absent":
        found.pop("granule_colour", None)
    return tuple(found.get(key) for key in KEYS)


class ReadSentence(NamedTuple):
    """The normalised tokens of a sentence, what the one before spoke of, and what it states."""

    tokens: tuple[str, ...]
    before: Spoken
    stated: tuple[Stated, ...]

    def deciding(self, statement: Stated) -> tuple[int, ...]:
        """Give the tokens that decide a statement, in order.

        Those are the words that state it, and where the value is whether something is there ("vacuoles are not
        observed") every word near them without which another value, or none, would be read. What is there is stated
        by being named: there the neighbours in whose place a denial could stand ("vacuoles present") decide.
        """
        first, last, key, value, denied = statement
        words = set(range(first, last + 1))
        if key in DENIABLE.values() and not denied:  # else the denial is among the words already: "no vacuoles"
            near = range(max(0, first - NEAR), min(last + 1 + NEAR, len(self.tokens)))
            words |= {place for place in near if place not in words and self._without(place, key) != value}
        if value == "present":
            beside = {first - 1, last + 1, last + 2} & set(range(len(self.tokens)))
            words |= {
                place
                for place in beside
                if self.tokens[place].isalpha()
                and any(self._without(place, key, denial) == NEGATIVE_VALUES[key] for denial in DENIALS)
            }
        return tuple(sorted(words))

    def _without(self, place: int, key: str, *instead: str) -> str | None:
        """Read `key` from the sentence without the token at `place`, or with others in its place."""
        rest = (*self.tokens[:place], *instead, *self.tokens[place + 1 :])
        stated = _read.__wrapped__(rest, self.before)[0] if rest else ()  # it would crowd out sentences of captions
        return next((statement.value for statement in stated if statement.key == key), None)


def read_sentences(text: str) -> Iterator[ReadSentence]:
    """Read each sentence, in order."""
    before = NOTHING
    sections = Sections()
    found = sentences(normalise(text))
    foreign = is_foreign(found)
    for tokens in found:
        left_out = foreign or sections.leaves_out(tokens)
        if tokens[0] == HEADING:
            tokens = tokens[1:]
        if left_out or not tokens:
            yield ReadSentence(tokens, before, ())
            continue
        stated, spoken = _read(tokens, before)
        yield ReadSentence(tokens, before, stated)
        before = spoken


@lru_cache(maxsize=16384)
def _read(tokens: tuple[str, ...], before: Spoken) -> tuple[tuple[Stated, ...], Spoken]:
    """The statements of one sentence and what it spoke of; captions repeat sentences, so they are remembered."""
    if before.general and tokens[0] in ("they", "their"):
        return (), before
    kept = about_the_cell(tokens)
    general = not kept and any(is_plural_cell(item) for item in items(tokens))
    measured = measured_items(tuple(tokens[place] for place in kept))
    found = [item for item, _ in measured]
    ends = list(accumulate(length for _, length in measured))
    left_out = items(tuple(token for place, token in enumerate(tokens) if place not in set(kept)))
    aside = Sentence(left_out).thing_before()
    state = State(Sentence(found), before, aside)
    stated = []
    for place, key, value in read(state):
        denied = place > 0 and found[place - 1].kind == "not"  # "no vacuoles"
        first = place - denied
        stated.append(Stated(kept[ends[first] - measured[first][1]], kept[ends[place] - 1], key, value, denied))
    return tuple(stated), state.spoken()._replace(general=general)


@cache
def extractor_version() -> str:
    """Digest the vocabulary and all reading rules, in 12 hexadecimal digits: other rules read other attributes."""
    files = sorted(path for path in Path(__file__).parent.iterdir() if path.suffix in (".py", ".yaml"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]
