"""Questions in words: the attribute that one is about ("is the nucleus lobed?"), and the value that answers it."""

import re
from typing import NamedTuple

from hemblip.morphology.extract import extract_attributes
from hemblip.morphology.schema import HEALTHY, SCHEMA


class Asked(NamedTuple):
    """What a question asks.

    Attributes:
        key: attribute.
        values: of a yes-or-no question those for which the answer is yes; None if any value is asked for.
    """

    key: str
    values: frozenset[str] | None = None


_SEVERAL = {
    r"lobed|lobulated|segmented|lobes": Asked(
        "nucleus_shape", frozenset(value for value in SCHEMA["nucleus_shape"] if value.startswith("segmented"))
    ),
    r"leuk\w+ic|leuk\w+mia|malignant|diseased": Asked(
        "diagnosis", frozenset(value for value in SCHEMA["diagnosis"] if value != HEALTHY)
    ),
    r"granul(es|ar|ated|ation)": Asked("granules", frozenset(SCHEMA["granules"]) - {"absent"}),
    r"blast": Asked("cell_type", frozenset(value for value in SCHEMA["cell_type"] if value.endswith("blast"))),
}
"""Words of yes-or-no questions that mean several values."""

_WORDS = (
    (r"granul.*(colou?r|stain)|(colou?r|stain).*granul", "granule_colour"),
    (r"granul", "granules"),
    (r"vacuol", "cytoplasm_vacuoles"),
    (r"nucleol", "nucleoli"),
    (r"chromatin", "chromatin"),
    (r"n ?[/:] ?c\b|ratio", "nuclear_cytoplasmic_ratio"),
    (r"basophilia|basophilic", "cytoplasm_basophilia"),
    (r"cytoplasm.*textur|textur", "cytoplasm_texture"),
    (r"cytoplasm.*(colou?r|stain)|(colou?r|stain).*cytoplasm", "cytoplasm_colour"),
    (r"(much|amount|abundan|scant).*cytoplasm|cytoplasm.*(much|amount)", "cytoplasm_amount"),
    (r"nucle\w*.*(shape|form|lobe|segment)|(shape|form|lobe|segment).*nucle|lobes?\b", "nucleus_shape"),
    (r"diagnos|disease|leuk|healthy|malign|sub-?type", "diagnosis"),
    (r"\bsize|how (big|large|small)|diameter", "cell_size"),
    (r"shape|outline|contour", "cell_shape"),
    (r"\b(type|kind|lineage|class|name)\b|(what|which) cell|what is (this|it)", "cell_type"),
)
"""Words of open questions, the more particular first."""

_OPENS = re.compile(r"^(what|which|how|describe|name|tell|give)\b")
_ASKS = re.compile(r"^(is|are|does|do|has|have|can|could|was|were)\b")


def understood(question: str) -> Asked | None:
    """Find what a question asks; None if it is about no attribute of the schema."""
    text = " ".join(re.sub(r"[?.!]+$", "", question.strip().lower()).split())
    if _ASKS.match(text):
        if (stated := _stated(text)) is not None:
            return stated
        found = [asked for words, asked in _SEVERAL.items() if re.search(rf"\b({words})\b", text)]
        if found and not re.search(r"colou?r", text):
            return found[0]
    if not _OPENS.match(text) and not _ASKS.match(text) and len(text.split()) > 4:
        return None
    return next((Asked(key) for words, key in _WORDS if re.search(words, text)), None)


def read_answer(key: str, answer: str) -> str | None:
    """Read the value of an attribute that a question about it is answered with; None if it is none."""
    text = " ".join(answer.lower().split()).rstrip(".!")
    named = {value.lower(): value for value in SCHEMA[key]}
    return named.get(text) or extract_attributes(answer)[key]


def _stated(text: str) -> Asked | None:
    """Read a yes-or-no question as the statement that it asks for, wherever its verb then stands."""
    verb, _, rest = text.partition(" ")
    words = rest.split()
    for place in range(len(words), 0, -1):
        said = extract_attributes(" ".join([*words[:place], verb, *words[place:]]) + ".")
        values = {key: value for key, value in said.items() if value is not None}
        if len(values) == 1:
            (key, value), *_ = values.items()
            return Asked(key, frozenset((value,)))
    return None
