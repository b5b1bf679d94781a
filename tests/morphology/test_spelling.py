"""What is mended before it is read, and how captions of uncased models are printed."""

import pytest
from hypothesis import given
from morphology.artefacts import spaced
from morphology.cells import cells

from hemblip.morphology import STYLES, describe
from hemblip.morphology.lexicon import SLIPS
from hemblip.morphology.slips import Slips
from hemblip.morphology.spelling import printed


@pytest.mark.parametrize(
    ("decoded", "shown"),
    [
        ("a nucleus of unsegmented - band shape .", "A nucleus of unsegmented-band shape."),
        ("light - blue ; n / c ratio : low .", "Light-blue; N/C ratio: low."),
        ("the n : c ratio is high . a patient with aml .", "The N:C ratio is high. A patient with AML."),
        ("acute lymphoblastic leukemia ( all ) .", "Acute lymphoblastic leukemia (ALL)."),
        ("they are all round .", "They are all round."),
        ("Nucleus - round", "Nucleus - round"),
        ("", ""),
    ],
)
def test_captions_without_capitals_are_printed(decoded, shown):
    assert printed(decoded) == shown


@given(cell=cells)
def test_only_blanks_and_case_change(cell):
    for style in range(STYLES):
        decoded = spaced(describe(cell, style))
        assert "".join(printed(decoded).lower().split()) == "".join(decoded.split())


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("lymphocite", "lymphocyte"),
        ("monoctye", "monocyte"),
        ("vacuols", "vacuoles"),
        ("irregulr", "irregular"),
        ("granulles", "granules"),
        ("nuclei", "nuclei"),
        ("nucleoi", "nucleoi"),  # nuclei or nucleoli
        ("lobs", "lobs"),  # too short
        ("marrow", "marrow"),
        ("lymphcite", "lymphcite"),  # two letters
    ],
)
def test_one_slip_in_a_long_word_with_one_neighbour_is_mended(written, meant):
    assert Slips(["marrow", "nuclei"], [*SLIPS, "lymphocyte", "monocyte", "monocytes"]).mend(written) == meant
