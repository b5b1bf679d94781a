"""The located words decide: with those of another value the text states another value, with other words it does not."""

import random
import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from morphology.attributes import cells

from hemblip.morphology import NEGATIVE_VALUES, SCHEMA, STYLES, describe, extract_attributes
from hemblip.morphology.grammar import write
from hemblip.morphology.locate import locate_statements

FIELDS = {
    "cell_type": "Cell type",
    "diagnosis": "Diagnosis",
    "cell_size": "Cell size",
    "cell_shape": "Cell shape",
    "nucleus_shape": "Nuclear shape",
    "nuclear_cytoplasmic_ratio": "N/C ratio",
    "chromatin": "Chromatin",
    "nucleoli": "Nucleoli",
    "cytoplasm_amount": "Cytoplasm amount",
    "cytoplasm_texture": "Cytoplasmic texture",
    "cytoplasm_colour": "Cytoplasmic colour",
    "cytoplasm_basophilia": "Cytoplasmic basophilia",
    "cytoplasm_vacuoles": "Cytoplasmic vacuoles",
    "granules": "Granules",
    "granule_colour": "Granule colour",
}
FORMS = (
    "{}: {}.",
    "{}: {};",
    "- {}: {}",
    "* **{}:** {}",
    "**{}**: {}",
    "{}: **{}**",
    "| {} | {} |",
    "{} ({})",
    "{} = {}",
    "{} – {}",
    "{}? {}.",
    '"{}": "{}",',
    "<b>{}</b>: {}<br>",
)
"""Each on a line of its own."""

DENIALS = ("no", "none", "absent", "not seen", "none seen", "not present", "negative", "none visible", "nil")
AFFIRMATIONS = ("yes", "present", "seen", "visible", "positive", "observed")


def words_of(text, key):
    """The value of a key, and the characters of its words; None where it is not stated."""
    return next(((one.value, one.words) for one in locate_statements(text) if one.key == key), None)


def exchanges(text, words, other, others):
    """Put words of another text, which are none of these, in the place of these words, or beside them.

    Of these words, those that are none of the others go, or one, or none: "vacuoles are observed" is denied by one
    word more.
    """
    said = [text[start:end].lower() for start, end in words]
    instead = [other[start:end].lower() for start, end in others]
    leaving = [place for place, word in zip(words, said, strict=True) if word not in instead]
    new = " ".join(["", *(word for word in instead if word not in said), ""])
    places = [leaving[0][0]] if leaving else []
    for place in [*places, words[0][0], *(end for _, end in words)]:
        for gone in (leaving, leaving[:1], []):
            pieces = sorted([(place, place, new), *((start, end, "") for start, end in gone)], reverse=True)
            changed = text
            for start, end, piece in pieces:
                changed = changed[:start] + piece + changed[end:]
            yield changed


def check(text, key, others):
    """Exchange the words of the statement on `key` for those of a text with another value of it."""
    told = {key: value for key, value in extract_attributes(text).items() if value is not None}
    located = {one.key: one for one in locate_statements(text)}
    assert {key: one.value for key, one in located.items()} == told
    one, found = located[key], words_of(others, key)
    if found is None or found[0] == one.value or {found[0], one.value} == {"AML", "APML"}:  # named more exactly
        return
    # A hyphen that lost both of its words is an answer of its own: "texture -".
    texts = [new for new in exchanges(text, one.words, others, found[1]) if not re.search(r" -(?!\w)", new)]
    changed = next((new for new in texts if extract_attributes(new)[key] != one.value), None)
    assert changed is not None, (key, one.value, text, texts)
    if NEGATIVE_VALUES.get(key) in (found[0], one.value):  # a denial goes over to what comes after it
        return
    rest = extract_attributes(changed)
    for other in located.values():
        if other.key != key and set(other.words).isdisjoint(one.words):
            assert rest[other.key] == other.value, (key, other.key, text, changed)


@st.composite
def pairs(draw):
    """A cell, a key of it, the cell with another value of that key, and a seed."""
    cell = draw(cells().filter(lambda cell: any(cell.values())))
    key = draw(st.sampled_from([key for key, value in cell.items() if value is not None]))
    other = {**cell, key: draw(st.sampled_from([value for value in SCHEMA[key] if value != cell[key]]))}
    if other["granules"] == "absent":
        other["granule_colour"] = None
    return cell, key, other, draw(st.integers(0, 10**6))


@pytest.mark.parametrize("style", range(STYLES))
@settings(max_examples=10, deadline=None)
@given(pair=pairs())
def test_words_of_each_style_decide(style, pair):
    cell, key, other, _ = pair
    check(describe(cell, style), key, describe(other, style))


@settings(max_examples=25, deadline=None)
@given(pair=pairs())
def test_words_of_the_grammar_decide(pair):
    cell, key, other, seed = pair
    text = write(cell, random.Random(seed))
    assume(extract_attributes(text) == cell)
    check(text, key, write(other, random.Random(seed)))


def card(cell, form, draw):
    """A card of fields; whether something is there is answered in many words."""

    def answer(key, value):
        if key == "cytoplasm_vacuoles" or value == "absent" or (key, value) == ("nucleoli", "inconspicuous"):
            return draw.choice(AFFIRMATIONS if value == "present" else DENIALS)
        return value

    return "\n".join(form.format(FIELDS[key], answer(key, value)) for key, value in cell.items() if value is not None)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=8, deadline=None)
@given(pair=pairs())
def test_words_of_fields_decide(form, pair):
    cell, key, other, seed = pair
    text = card(cell, form, random.Random(seed))
    assert extract_attributes(text) == cell
    check(text, key, card(other, form, random.Random(seed + 1)))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["Vacuoles", "Cytoplasmic vacuoles", "Nucleoli", "Granules"])
def test_an_answer_of_any_form_is_among_the_words(form, name):
    answers = (*DENIALS, *AFFIRMATIONS) if "acuoles" in name else DENIALS
    for answer in answers:
        text = form.format(name, answer)
        (place,) = locate_statements(text)
        words = {text[start:end] for start, end in place.words}
        assert answer.split()[0] in words, text
        assert place.value == ("present" if answer in AFFIRMATIONS else NEGATIVE_VALUES[place.key])
