"""`extract_attributes` takes any text, and reads through case, spacing and the artefacts of tokenizers."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from morphology.artefacts import ARTEFACTS
from morphology.cells import cells
from morphology.scoring import load

from hemblip.morphology import KEYS, SCHEMA, STYLES, describe, extract_attributes
from hemblip.morphology.lexicon import ROLES
from hemblip.morphology.reader import RULES
from hemblip.morphology.tokens import measured_items

# Words that mean something to the reader, so that random texts reach all of its rules.
WORDS = sorted({word for part in load("corpus.yaml").values() for text, _ in part for word in text.split(" ")})


def assert_of_schema(found):
    assert tuple(found) == KEYS
    assert all(value is None or value in SCHEMA[key] for key, value in found.items())
    assert found["granules"] != "absent" or found["granule_colour"] is None


@settings(max_examples=500, deadline=None)
@given(text=st.text())
def test_any_text_gives_the_15_keys(text):
    assert_of_schema(extract_attributes(text))


@settings(max_examples=1500, deadline=None)
@given(words=st.lists(st.sampled_from(WORDS), max_size=25))
def test_any_order_of_words_gives_the_15_keys(words):
    assert_of_schema(extract_attributes(" ".join(words)))


@pytest.mark.parametrize("artefact", ARTEFACTS)
@settings(max_examples=120, deadline=None)
@given(cell=cells, style=st.integers(0, STYLES - 1))
def test_artefacts_are_read_through(artefact, cell, style):
    assert extract_attributes(ARTEFACTS[artefact](describe(cell, style))) == cell


def test_first_statement_wins():
    assert extract_attributes("A small cell. The cell is large.")["cell_size"] == "small"


@pytest.mark.parametrize("count", [1, 40])
def test_repetition_states_no_more(count):
    found = extract_attributes("the cell has small pink granules . " * count)
    assert {key: value for key, value in found.items() if value} == {"granules": "small", "granule_colour": "pink"}


def test_thousands_of_captions_take_seconds():
    texts = [text for part in load("corpus.yaml").values() for text, _ in part]
    start = time.process_time()
    for number in range(3000):
        extract_attributes(f"{texts[number % len(texts)]} Cell {number}.")
    assert time.process_time() - start < 10


def test_long_text_is_read_in_linear_time():
    start = time.process_time()
    extract_attributes("small round pink , granules and or no not with " * 1000)
    assert time.process_time() - start < 10


def test_longest_wording_wins():
    (item, length), *_ = measured_items(("light", "blue", "cytoplasm"))
    assert (item.values["cytoplasm_colour"], length) == ("light blue", 2)


def test_every_kind_of_word_has_its_rule():
    assert set(RULES) == {*ROLES, "thing", "aspect", "value", "direct", "disease", "word"}


@pytest.mark.parametrize("answer", ["no", "none", "none seen", "not identified", "absent", "0", "-"])
@pytest.mark.parametrize(
    "form", ["Vacuoles: {}", "- Vacuoles: {}", "| Vacuoles | {} |", "Vacuoles = {}.", '{{"vacuoles": "{}"}}']
)
def test_a_field_that_denies(form, answer):
    text = form.format(answer)
    assert extract_attributes(text)["cytoplasm_vacuoles"] == "absent", text


@pytest.mark.parametrize("heading", ["### Vacuoles\n", "**Vacuoles**\n\n", "Vacuoles:\n- ", "Vacuoles; "])
@pytest.mark.parametrize(
    ("answer", "value"), [("none seen", "absent"), ("no", "absent"), ("present", "present"), ("not assessed", None)]
)
def test_an_answer_below_what_is_asked(heading, answer, value):
    found = extract_attributes(f"{heading}{answer}.\n\n**Size**\n\nlarge")
    assert (found["cytoplasm_vacuoles"], found["cell_size"]) == (value, "large")


@pytest.mark.parametrize("text", ["Vacuoles (no)", "Vacuoles - no", "Vacuoles – no, size – large", "Vacuoles: false"])
def test_a_dash_or_parenthesis_before_no(text):
    assert extract_attributes(text)["cytoplasm_vacuoles"] == "absent"


def test_a_number_is_no_answer():
    assert extract_attributes("Vacuoles: 0.5 to 1 um wide")["cytoplasm_vacuoles"] == "present"


def test_no_wording_goes_over_a_line_break():
    found = extract_attributes("N/C ratio = low\nCytoplasmic basophilia = slight")
    assert (found["nuclear_cytoplasmic_ratio"], found["cytoplasm_basophilia"]) == ("low", "slight")
