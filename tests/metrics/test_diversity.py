import pytest
from metrics.drawn import row as drawn

from hemblip.metrics import score
from hemblip.metrics.diversity import diversity_of
from hemblip.predictions import prediction_table


def test_texts_are_counted_once_however_they_are_spaced():
    found = diversity_of(["A large cell.", "a large cell .", "a small cell.", "a round cell."])
    assert (found.distinct, found.commonest, found.repeated) == (3, 0.5, 0)
    assert diversity_of([]) is None


def test_repeated_runs_of_words_are_a_share_of_each_text():
    # a b c d | b c d a | c d a b | d a b c | a b c d: one run of five has been there before
    found = diversity_of(["a b c d a b c d", "one two three"])
    assert found.repeated == pytest.approx(0.2 / 2)


def test_a_collapsed_captioner_is_seen_beside_its_references():
    rows = prediction_table(
        drawn(f"c{number}", {"cell_type": "neutrophil"}, "A neutrophil.") | {"reference": f"Cell {number}."}
        for number in range(4)
    )
    found = score(rows)["diversity"]
    assert (found["distinct_captions"], found["commonest_caption"]) == (1, 1.0)
    assert (found["distinct_references"], found["commonest_reference"]) == (4, 0.25)
    assert score(rows.assign(reference=""))["diversity"]["distinct_references"] is None
