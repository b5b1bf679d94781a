"""Scores against all captions of a cell."""

import pytest

from hemblip.metrics.multi_reference import multi_reference_scores
from hemblip.metrics.text import text_scores

REFERENCES = ["A large monocyte with open chromatin.", "A small lymphocyte, its chromatin dense.", "A neutrophil."]
OTHERS = ["Monocyte, large, chromatin open.", "The lymphocyte is small and has dense chromatin.", "Neutrophil seen."]
CAPTIONS = ["a monocyte , large , open chromatin", "the lymphocyte is small", ""]


def test_one_reference_gives_the_scores_of_one_reference():
    found = multi_reference_scores([[reference] for reference in REFERENCES], CAPTIONS)
    expected = text_scores(REFERENCES, CAPTIONS)
    assert found["references"] == 1
    for name in ("bleu", "rouge_l", "sacrebleu"):
        assert found[name] == pytest.approx(expected[name], abs=1e-9), name


def test_a_second_wording_is_accepted_and_never_lowers_rouge():
    several = [[first, second] for first, second in zip(REFERENCES, OTHERS, strict=True)]
    found, single = multi_reference_scores(several, CAPTIONS), text_scores(REFERENCES, CAPTIONS)
    assert found["rouge_l"] > single["rouge_l"] and found["bleu"] > single["bleu"]
    assert multi_reference_scores(several, OTHERS)["bleu"] == pytest.approx(1, abs=0.35)
    assert multi_reference_scores(several, OTHERS)["rouge_l"] == 1


def test_cells_may_have_different_numbers_of_references():
    found = multi_reference_scores([[REFERENCES[0], OTHERS[0]], [REFERENCES[1]]], CAPTIONS[:2])
    assert found["references"] == 1.5 and 0 < found["sacrebleu"] < 100
