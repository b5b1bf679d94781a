"""The first screen of a report."""

import base64
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from reporting.run_folders import make_run, manifests

from hemblip.metrics.abstention import abstain, fit_thresholds
from hemblip.metrics.attributes import error_counts
from hemblip.metrics.verdicts import Verdict
from hemblip.morphology import KEYS
from hemblip.morphology.schema import words
from hemblip.predictions import CONFIDENCE_KEYS, TRUE_PREFIX, UNLIKE, rows, write_predictions
from hemblip.reporting import in_short
from hemblip.reporting.comparison import Comparison
from hemblip.reporting.error_kinds import confusion
from hemblip.reporting.in_short import InShort, _sentences, look_first
from hemblip.run import Run


def table():
    captions = [
        "A large monocyte. No vacuoles.",
        "A small monocyte. Vacuoles are present.",
        "A metamyelocyte with a segmented-multilobed nucleus.",
        "A small lymphocyte.",
        "A large eosinophil.",
    ]
    truths = [
        {"cell_type": "monocyte", "cell_size": "large", "cytoplasm_vacuoles": "absent"},
        {"cell_type": "monocyte", "cell_size": "medium", "cytoplasm_vacuoles": "absent"},
        {"cell_type": "neutrophil", "nucleus_shape": "segmented-multilobed"},
        {"cell_type": "lymphocyte", "cell_size": "small"},
        {"cell_type": "eosinophil", "cell_size": "large"},
    ]
    sure = {"confidence_cell_type": [0.99, 0.9, 0.95, 0.4, 0.9], "confidence_cell_size": [0.9, 0.6, None, 0.9, 0.9]}
    return rows(captions, annotations=truths, cells=list("abcde")).assign(**sure, confidence_cytoplasm_vacuoles=0.97)


def test_sentences_count_what_is_there():
    told = " ".join(_sentences(table()))
    assert told.startswith("60\u00a0%") and "of the captions hold no error" in told
    assert "Most often wrong: cytoplasm vacuoles in 50\u00a0%" in told
    # A lobed nucleus excludes the metamyelocyte, so that only the size is nearly right.
    assert "1 of the 3 errors is biologically plausible, most of all small for medium (cell size) once" in told


def test_types_are_as_bad_as_the_share_wrong_of_their_own_statements():
    truths = [{"cell_type": "monocyte", "cell_size": "large"}] * 5 + [
        {"cell_type": "lymphocyte", "cell_size": "small"}
    ] * 5
    told = rows(
        ["A small monocyte."] * 4 + ["A large monocyte."] + ["A small lymphocyte."] * 4 + ["A monocyte."],
        annotations=truths,
    )
    (said,) = (line for line in _sentences(told) if line.startswith("Cells described worst"))
    assert said.endswith("monocyte in 40\u00a0%, lymphocyte in 10\u00a0% of the annotated statements.")


def test_a_promise_that_does_not_hold_is_said_in_the_summary(workplace):
    """Validation is nearly always right and sure; external cells are not, and some of them are unlike the others."""
    run = Run(make_run(Path("runs/a/version_0"), manifests(40, 32), 0.99, baselines=False))
    external = run.predictions("external")
    stated = external[list(KEYS)].notna().to_numpy()
    external = external.assign(**dict(zip(CONFIDENCE_KEYS, np.where(stated, 0.99999, np.nan).T, strict=True)))
    external[UNLIKE] = [1.0] * 3 + [0.5] * (len(external) - 3)
    write_predictions(external, run.rows_of("external"))
    shown = in_short.in_short(Comparison([Run(run.folder)], risk=0.2))
    told = {one.title.split(", ")[1]: one.sentences[-1] for one in shown}
    left = abstain(external, fit_thresholds(run.validation, 0.2))
    made = {}
    for key in KEYS:
        judged = left[left[key].notna() & left[TRUE_PREFIX + key].notna()]
        made[key] = judged[key] != judged[TRUE_PREFIX + key]
    wrong, worst = pd.concat(made).mean(), max(made, key=lambda key: made[key].mean() if len(made[key]) else 0)
    assert wrong > 0.2 and f"and {100 * wrong:.1f}\u00a0% of that is wrong; more" in told["external cells"]
    assert f"more than promised of {words(worst).lower()} {made[worst].mean():.0%}" in told["external cells"]
    assert told["external cells"].endswith("Of 3 cells that are unlike the training cells they state nothing.")
    assert "of that is wrong." in told["internal cells"] and "unlike" not in told["internal cells"]


@pytest.mark.parametrize(
    ("diagnoses", "said"),
    [
        (["healthy"] * 4, "every cell annotated with one is healthy"),
        (["CLL"] * 4, "every cell annotated with one is CLL"),
        ([None] * 4, "no cell has one that is scored"),
        (["healthy", "healthy", "ALL", None], None),
    ],
)
def test_missing_sensitivity_is_explained(diagnoses, said):
    truths = [{"cell_type": "lymphocyte", "diagnosis": diagnosis} for diagnosis in diagnoses]
    told = _sentences(rows(["A lymphocyte from a healthy donor."] * 4, annotations=truths, cells=list("abcd")))[-1]
    assert said in told if said else "told apart" not in told


def test_a_matrix_marks_what_is_plausible_of_its_cells():
    """Of three neutrophils called metamyelocyte the two with a lobed nucleus are no plausible error."""
    lobed = {"cell_type": "neutrophil", "nucleus_shape": "segmented-multilobed"}
    truths = [lobed, lobed, {"cell_type": "neutrophil", "nucleus_shape": "unsegmented-band"}]
    told = rows(["A metamyelocyte."] * 3, annotations=truths, cells=list("abc"))
    for part, mark, verdict in ((told, "≈1", "wrong"), (told[2:], "≈", "near"), (told[:2], "", "wrong")):
        matrix = confusion(part.reset_index(drop=True), "cell_type", "m")
        cell = matrix.rows[0].cells[matrix.columns.index("metamyelocyte")]
        assert (cell.count, cell.mark, cell.verdict) == (len(part), mark, verdict)
    assert error_counts(told, "cell_type")[Verdict.PLAUSIBLE] == 1  # as bars and sentences count


def test_what_to_look_at_first():
    first = look_first(table())
    assert first[["cell", "attribute"]].to_numpy().tolist() == [
        ["b", "Cytoplasm vacuoles"],
        ["c", "Cell type"],
        ["c", "Cell type"],
        ["b", "Cell size"],
        ["d", "Cell type"],
    ]
    assert first["why"].tolist()[0].startswith("wrong although sure") and first["why"].tolist()[-1] == "not sure"
    assert "contradicts itself" in first["why"].tolist()[2]
    text = base64.b64decode(InShort("a", [], first).link().split(",", 1)[1]).decode()
    assert text.splitlines()[0] == "cell,attribute,stated,annotated,confidence,why" and len(text.splitlines()) == 6


@pytest.mark.parametrize("empty", [True, False])
def test_nothing_to_look_at(empty):
    right = table().iloc[:1] if not empty else table().iloc[:0]
    assert look_first(right).empty


def test_the_list_ends_where_it_is_long_enough(monkeypatch):
    """Of equally urgent entries, the first by name stay."""
    several = pd.concat([table().assign(cell_id=[f"{cell}{copy}" for cell in "abcde"]) for copy in "321"])
    whole = look_first(several)
    assert whole["cell"].tolist()[:3] == ["b1", "b2", "b3"] and len(whole) == 15
    for length in (1, 4, 8):
        monkeypatch.setattr(in_short, "LISTED", length)
        assert look_first(several).equals(whole.head(length))
