"""Corpus BLEU from sums is the library's own, resampled or not."""

import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU

from hemblip.metrics.corpus_bleu import corpus_bleu_sums, signature
from hemblip.metrics.pairs import normalise
from hemblip.metrics.text import text_scores

REFERENCES = ["A large neutrophil, with pink granules.", "Açaí-coloured monocyte", "small lymphocyte " * 40, "basophil"]
CAPTIONS = ["a large neutrophil with red granules .", "", "small lymphocyte and so on", "basophil"]


def test_all_cells_together_score_as_the_library_has_it():
    sums = corpus_bleu_sums(REFERENCES, CAPTIONS)
    expected = text_scores(REFERENCES, CAPTIONS)
    assert sums.score(sums.cells.sum(0))[0] == pytest.approx(expected["sacrebleu"], abs=1e-9)
    assert signature() == expected["sacrebleu_signature"]


def test_a_resample_scores_as_if_its_cells_had_been_given():
    sums = corpus_bleu_sums(REFERENCES, CAPTIONS)
    weights = np.array([[2, 0, 1, 1], [0, 4, 0, 0], [0, 0, 0, 4]], dtype=float)
    for score, counts in zip(sums.score(weights @ sums.cells)[:, 0], weights.astype(int), strict=True):
        drawn = np.repeat(np.arange(4), counts)
        texts = [[normalise(texts[index]) for index in drawn] for texts in (CAPTIONS, REFERENCES)]
        assert score == pytest.approx(BLEU(force=True).corpus_score(texts[0], [texts[1]]).score, abs=1e-9)
