"""How well captions by others are read, by source of difficulty."""

import pytest
from morphology.scoring import load, micro_f1

CORPUS = load("corpus.yaml")


def test_micro_f1_over_the_whole_corpus():
    captions = [caption for part in CORPUS.values() for caption in part]
    assert len(captions) >= 400
    assert micro_f1(captions) >= 0.98


@pytest.mark.parametrize("difficulty", sorted(CORPUS))
def test_micro_f1_by_source_of_difficulty(difficulty):
    assert micro_f1(CORPUS[difficulty]) >= 0.95
