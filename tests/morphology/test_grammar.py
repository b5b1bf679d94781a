"""The offline captions: exact, many, fluent, repeatable."""

import random
import re
import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from morphology.attributes import LEUKEMIC, WBCATT, cells

from hemblip.errors import ConfigError, DataError
from hemblip.morphology import complete, extract_attributes
from hemblip.morphology.grammar import captions, write
from hemblip.morphology.guard import deviations

SETTINGS = settings(max_examples=80, deadline=None)


@SETTINGS
@given(cells(), st.integers(0, 10_000))
@example(complete({}), 0)
def test_captions_state_exactly_the_attributes_and_differ(cell, seed):
    texts = captions(cell, 4, seed, "cell")
    assert len(set(texts)) == len(texts) == 4
    assert all(extract_attributes(text) == cell for text in texts)


@SETTINGS
@given(cells(), st.integers(0, 10_000))
def test_a_draw_seldom_needs_the_guard(cell, seed):
    texts = [write(cell, random.Random(f"{seed}/{attempt}")) for attempt in range(5)]
    assert sum(bool(deviations(text, cell)) for text in texts) <= 2


@SETTINGS
@given(cells(), st.integers(0, 10_000))
def test_captions_are_well_formed_sentences(cell, seed):
    for text in captions(cell, 3, seed):
        assert text[0].isupper() and text.endswith(".") and len(text) < 600
        assert not re.search(r"\s\s|\s[.,;]|[.,;]{2}|\(\)|None|\b(\w+) \1\b|\ban [^aeiouN]|\ba [aeiou]", text), text
        assert all(part[0].isupper() for part in re.split(r"\. ", text))
        assert not ("leukemia" in text and "colour" in text)


@pytest.mark.parametrize("cell", [WBCATT, LEUKEMIC], ids=["WBCAtt", "LeukemiaAttri"])
def test_a_typical_cell_has_thousands_of_captions(cell):
    texts = {write(cell, random.Random(draw)) for draw in range(3000)}
    assert len(texts) > 2900


def test_both_spellings_occur():
    texts = " ".join(captions(LEUKEMIC, 20))
    assert "leukemia" in texts and "leukaemia" in texts
    assert "Leucocyte" in " ".join(captions({}, 60))


def test_fewer_captions_are_the_first_of_more_and_cells_differ():
    assert captions(WBCATT, 3, 7, "a") == captions(WBCATT, 8, 7, "a")[:3]
    assert captions(WBCATT, 3, 7, "a") != captions(WBCATT, 3, 7, "b")
    assert captions(WBCATT, 3, 7, "a") != captions(WBCATT, 3, 8, "a")


def test_another_process_writes_the_same():
    code = "from hemblip.morphology.grammar import captions; print(captions({'cell_type': 'monocyte'}, 5, 3, 'x'))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == str(captions({"cell_type": "monocyte"}, 5, 3, "x"))


def test_a_cell_that_states_nothing_has_fewer_captions_rather_than_none():
    texts = captions({}, 500)
    assert 5 < len(texts) < 500 and len(set(texts)) == len(texts)


def test_bad_requests_are_refused():
    with pytest.raises(ConfigError, match="k is 0"):
        captions(WBCATT, 0)
    with pytest.raises(DataError, match="unknown cell_size 'huge'"):
        captions({"cell_size": "huge"}, 1)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "empty"),
        ("A large myeloblast.", "cell_size is stated as large, the cell's is small"),
        ("A myeloblast.", "cell_size is not stated, the cell's is small"),
        ("A small myeloblast with vacuoles.", "cytoplasm_vacuoles is stated as present"),
    ],
)
def test_the_guard_says_what_is_wrong(text, complaint):
    assert any(complaint in line for line in deviations(text, {"cell_type": "myeloblast", "cell_size": "small"}))
