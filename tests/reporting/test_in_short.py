"""The first screen of a report."""

import base64

import pandas as pd
import pytest

from hemblip.predictions import rows
from hemblip.reporting import in_short
from hemblip.reporting.in_short import InShort, _sentences, look_first


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
    assert "1 of the 3 errors are biologically plausible, most of all small for medium (cell size) 1 times" in told


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
