"""The characters that state an attribute."""

import re

import pytest
from morphology.scoring import load

from hemblip.morphology import SCHEMA, STYLES, describe, extract_attributes
from hemblip.morphology.locate import cut, locate_statements

ONE_CELL = {key: values[-1] for key, values in SCHEMA.items()}


@pytest.mark.parametrize("style", range(STYLES))
@pytest.mark.parametrize("spoken", [str, str.upper, lambda text: text.lower().replace("-", " - ")])
def test_what_is_located_is_what_is_extracted(style, spoken):
    text = spoken(describe(ONE_CELL, style))
    located = locate_statements(text)
    assert {statement.key: statement.value for statement in located} == extract_attributes(text)
    assert all(0 <= statement.start < statement.end <= len(text) for statement in located)


def test_the_words_of_each_statement_are_found_in_the_text_as_written():
    text = (
        "The CELL is medium‑sized.\nAn n/c ratio that's *high*; no vacuoles, pale blue cytoplasm: haematologically AML."
    )
    words = {statement.key: text[statement.start : statement.end] for statement in locate_statements(text)}
    assert words["cell_size"] == "medium‑sized"
    assert words["cytoplasm_vacuoles"] == "no vacuoles"
    assert words["cytoplasm_colour"] == "pale blue"
    assert words["diagnosis"] == "AML"


@pytest.mark.parametrize("text", ["", "   ", "…", "Is it a neutrophil?", "Lymphocytes are a type of white blood cell."])
def test_nothing_is_located_where_nothing_is_stated(text):
    assert locate_statements(text) == ()


@pytest.mark.parametrize("difficulty", sorted(load("corpus.yaml")))
def test_free_text_is_located_as_it_is_extracted(difficulty):
    for text, _ in load("corpus.yaml")[difficulty]:
        located = locate_statements(text)
        stated = {key: value for key, value in extract_attributes(text).items() if value is not None}
        assert {statement.key: statement.value for statement in located} == stated
        assert all(0 <= statement.start < statement.end <= len(text) for statement in located)


@pytest.mark.parametrize(
    ("text", "deciding"),
    [
        ("vacuoles absent", ["vacuoles", "absent"]),
        ("A monocyte. Vacuoles are not observed.", ["Vacuoles", "not"]),
        ("The granules are absent.", ["granules", "absent"]),
        ("Vacuoles: none.", ["Vacuoles", "none"]),
        ("A monocyte without vacuoles.", ["without", "vacuoles"]),
        ("Neither granules nor vacuoles are present.", ["Neither", "granules"]),
        ("vacuoles present", ["vacuoles", "present"]),
        ("A monocyte with vacuoles.", ["with", "vacuoles"]),
        ("Vacuoles are observed.", ["Vacuoles", "are", "observed"]),
        ("agranular cytoplasm", ["agranular"]),
    ],
)
def test_the_words_that_decide_whether_something_is_there(text, deciding):
    place = next(one for one in locate_statements(text) if one.key in ("cytoplasm_vacuoles", "granules"))
    assert [text[start:end] for start, end in place.words] == deciding


@pytest.mark.parametrize("style", range(STYLES))
@pytest.mark.parametrize("there", [True, False])
def test_in_each_style_the_first_word_that_could_be_another_one_decides(style, there):
    """Up to it, the caption of a cell with vacuoles and that of one without are the same."""
    told = [
        describe({"cell_type": "monocyte", "cytoplasm_vacuoles": value}, style)
        for value in (("present", "absent") if there else ("absent", "present"))
    ]
    place = next(one for one in locate_statements(told[0]) if one.key == "cytoplasm_vacuoles")
    words, others = (re.findall(r"[\w]+|[^\w\s]", text) for text in told)
    same = next(number for number, pair in enumerate(zip(words, others, strict=False)) if pair[0] != pair[1])
    assert words[same] in {told[0][start:end] for start, end in place.words}


def test_a_value_of_two_words_is_located_whole():
    text = "Its nucleus is unsegmented-band."
    assert [text[place.start : place.end] for place in locate_statements(text)] == ["unsegmented-band"]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("A cell with no granules and no vacuoles.", ["no granules", "no vacuoles"]),
        ("A cell with no vacuoles or granules.", ["no vacuoles", "or granules"]),
        ("Neither granules nor vacuoles are present.", ["Neither granules", "nor vacuoles"]),
        ("It contains vacuoles and no granules.", ["contains vacuoles", "no granules"]),
    ],
)
def test_what_is_denied_is_not_cut_off_from_its_denial(text, pieces):
    """Alone, "granules" would be read as saying that there are some."""
    assert [
        part for part, keys in cut(text, locate_statements(text)) if {"granules", "cytoplasm_vacuoles"} & {*keys}
    ] == pieces
