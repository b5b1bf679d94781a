"""Sensitivity and specificity, counted by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta

from hemblip.metrics.diagnosis import by_cell, by_patient, tasks
from hemblip.predictions import rows


def table(*cells):
    """Rows of (patient, annotated, stated, confidence)."""
    sentences = {"healthy": "A cell from a healthy donor.", "": ""}
    captions = [sentences.get(said, f"A cell of a patient with {said}.") for _, _, said, _ in cells]
    made = rows(
        captions,
        annotations=[{"diagnosis": truth} for _, truth, _, _ in cells],
        groups=[patient for patient, *_ in cells],
        cells=[f"{number:03d}" for number in range(len(cells))],
    )
    return made.assign(confidence_diagnosis=[sure for *_, sure in cells])


CELLS = [
    ("a", "AML", "AML", 0.9),
    ("a", "AML", "healthy", 0.6),
    ("a", "AML", "healthy", 0.2),
    ("b", "ALL", "AML", 0.8),
    ("b", "ALL", "ALL", 0.9),
    ("c", "healthy", "healthy", 0.9),
    ("c", "healthy", "", None),
    ("d", "healthy", "AML", 0.9),
]


def test_what_can_be_told_apart():
    assert tasks(table(*CELLS)) == ["leukemic", "ALL", "AML"]
    assert tasks(table(("a", "AML", "AML", 1.0), ("b", "healthy", "healthy", 1.0))) == ["leukemic"]
    assert tasks(table(("a", "AML", "AML", 1.0))) == []


def test_by_cell():
    leukemic = by_cell(table(*CELLS), "leukemic")
    assert leukemic.sensitivity.value == pytest.approx(3 / 5) and leukemic.specificity.value == pytest.approx(1 / 3)
    aml = by_cell(table(*CELLS), "AML")
    assert aml.sensitivity.value == pytest.approx(1 / 3) and aml.sensitivity.groups == 1
    assert aml.specificity.value == pytest.approx(2 / 5)  # ALL as ALL, a healthy one as healthy; silence is wrong


def test_by_patient():
    most = by_patient(table(*CELLS), "leukemic")
    assert most.sensitivity.value == 1 / 2 and most.sensitivity.groups == 2  # b; two of three cells of a are "healthy"
    assert most.specificity.value == 1 / 2
    assert most.sensitivity.low == pytest.approx(beta.ppf(0.025, 1, 2))
    assert most.sensitivity.high == pytest.approx(beta.ppf(0.975, 2, 1))
    mean = by_patient(table(*CELLS), "leukemic", mean=True)
    assert mean.sensitivity.value == 1.0  # 0.9 against 0.6 + 0.2


def test_a_tie_and_a_group_of_two_diagnoses_are_nobodys():
    tie = table(("a", "AML", "AML", 0.5), ("a", "AML", "healthy", 0.5), ("b", "healthy", "healthy", 1.0))
    assert by_patient(tie, "leukemic").sensitivity.value == 0
    tie = table(("a", "healthy", "AML", 0.5), ("a", "healthy", "healthy", 0.5), ("b", "AML", "AML", 1.0))
    assert by_patient(tie, "leukemic").specificity.value == 0
    mixed = table(("a", "AML", "AML", 1.0), ("a", "healthy", "healthy", 1.0))
    assert by_patient(mixed, "leukemic").sensitivity.value is None
    assert isinstance(mixed, pd.DataFrame) and np.isfinite(by_cell(mixed, "leukemic").sensitivity.value)
