"""Questions in words, and the attributes that they are about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hemblip.morphology import SCHEMA
from hemblip.morphology.questions import understood

LEUKEMIAS = {"ALL", "AML", "APML", "CLL", "CML"}


@pytest.mark.parametrize(
    ("question", "key", "values"),
    [
        ("Is the nucleus lobed?", "nucleus_shape", {"segmented-bilobed", "segmented-multilobed"}),
        ("What colour are the granules?", "granule_colour", None),
        ("what color is the cytoplasm", "cytoplasm_colour", None),
        ("Is it leukemic?", "diagnosis", LEUKEMIAS),
        ("Is the cell from a healthy donor?", "diagnosis", {"healthy"}),
        ("Are there vacuoles?", "cytoplasm_vacuoles", {"present"}),
        ("Is this a monocyte?", "cell_type", {"monocyte"}),
        ("Is it a blast?", "cell_type", {"myeloblast", "lymphoblast", "monoblast"}),
        ("How big is the cell?", "cell_size", None),
        ("What is the shape of the nucleus?", "nucleus_shape", None),
        ("What is the shape of the cell?", "cell_shape", None),
        ("Is the chromatin open?", "chromatin", {"open"}),
        ("Does the cytoplasm contain granules?", "granules", {"small", "round", "coarse"}),
        ("are the granules pink", "granule_colour", {"pink"}),
        ("Is the N/C ratio high?", "nuclear_cytoplasmic_ratio", {"high"}),
        ("Does the cell have prominent nucleoli?", "nucleoli", {"prominent"}),
        ("what type of cell is it", "cell_type", None),
        ("what disease is it?", "diagnosis", None),
        ("How much cytoplasm is there?", "cytoplasm_amount", None),
    ],
)
def test_questions_are_understood(question, key, values):
    asked = understood(question)
    assert asked.key == key and (asked.values if values is None else set(asked.values)) == values


@pytest.mark.parametrize(
    "question",
    ["", "?", "What is the weather today?", "Who won?", "How old is the mother of the person?", "Is it late?"],
)
def test_what_is_about_no_attribute(question):
    assert understood(question) is None


@given(st.text(max_size=60))
def test_any_text_is_a_question(text):
    asked = understood(text)
    assert asked is None or (asked.key in SCHEMA and (asked.values is None or asked.values <= set(SCHEMA[asked.key])))
