"""The vocabulary of `lexicon.yaml`: how each value is read and written, and the words around it."""

import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

_LEXICON: Mapping[str, Any] = yaml.load(
    Path(__file__).with_name("lexicon.yaml").read_text(encoding="utf-8"),
    Loader=yaml.BaseLoader,  # every word is a text, "no" and "yes" too
)


def wordings(text: str) -> tuple[str, ...]:
    """Split "a | b" into its wordings, and expand "acute {myeloid,monocytic} leukemia"."""
    return tuple(" ".join(wording.split()) for part in text.split("|") for wording in _expanded(part))


def _expanded(wording: str) -> Iterator[str]:
    parts = re.split(r"\{([^}]*)\}", wording)
    choices = [part.split(",") if index % 2 else [part] for index, part in enumerate(parts)]
    yield from ("".join(choice) for choice in itertools.product(*choices))


Values = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Key -> value -> wordings."""


def _of_values(form: str) -> Values:
    return {
        key: {value: wordings(entry[form]) for value, entry in values.items() if form in entry}
        for key, values in _LEXICON["values"].items()
    }


READ = _of_values("read")
"""What states a value of its noun; for cell types and diagnoses their names."""

ALONE = _of_values("alone")
"""What states a value whatever the noun."""

WRITE = _of_values("write")
"""What is written: adjectives that stand before a noun, names of cells and diseases, healthy people."""

AFTER: Values = {key: {**WRITE[key], **values} for key, values in _of_values("after").items()}
"""What is written after "is", where that differs."""

PHRASES = _of_values("phrase")
"""Noun phrases of their own."""

AMOUNTS = _of_values("amount")["cytoplasm_amount"]
"""What is written before "cytoplasm"."""

OUTSIDE: Mapping[str, tuple[str, ...]] = {kind: wordings(names) for kind, names in _LEXICON["outside"].items()}
"""Cell types and diseases outside the schema."""

ATYPICAL: Mapping[str, str] = _LEXICON["atypical"]
"""Type -> what it is called where the text calls it atypical, however far from its name."""

OWNED: Mapping[str, tuple[str, ...]] = {thing: tuple(e["owns"].split()) for thing, e in _LEXICON["things"].items()}
"""Thing -> the attributes that it can have; "other" are things that own none."""

DENIABLE: Mapping[str, str] = {thing: e["deny"] for thing, e in _LEXICON["things"].items() if "deny" in e}
"""Things whose absence is a value of an attribute."""

NOUNS = {thing: wordings(entry.get("nouns", "")) for thing, entry in _LEXICON["things"].items()}
ADJECTIVES = {thing: wordings(e["adjectives"]) for thing, e in _LEXICON["things"].items() if "adjectives" in e}
"""Adjectives that only lead to the noun of a thing."""

ANY_CELL = wordings(_LEXICON["things"]["cell"]["write"])
RATIOS = wordings(_LEXICON["things"]["ratio"]["write"])

ASPECTS: Mapping[str, tuple[str, ...]] = {name: tuple(e["keys"].split()) for name, e in _LEXICON["properties"].items()}
"""Property -> the attributes that it narrows its owner to."""

ASPECT_NOUNS = {name: wordings(entry["nouns"]) for name, entry in _LEXICON["properties"].items()}

ROLES = {role: wordings(words) for role, words in _LEXICON["roles"].items()}
"""Words that hold a sentence together."""

NOTHING = wordings(_LEXICON["nothing"])
"""Wordings that state nothing, though a part of them would."""

SLIPS: tuple[str, ...] = tuple(_LEXICON["slips"].split())
"""Words that a slip of the pen can be meant for, beside the names of cells."""


class Same(NamedTuple):
    """What is said at length, and what it is read as; tried where a text has one of `parts`."""

    parts: tuple[str, ...]
    pattern: re.Pattern[str]
    read: str


SAME = tuple(
    Same(wordings(e["tried"]), re.compile(e["pattern"].replace(" ", r"(?:[^\S\n]|-)+")), e["read"])
    for e in _LEXICON["same"]
)
