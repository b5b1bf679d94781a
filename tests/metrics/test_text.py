import subprocess
import sys

import nltk.translate.bleu_score as nltk_bleu
import pytest
import sacrebleu
from nltk.translate.bleu_score import sentence_bleu
from rouge_score.rouge_scorer import RougeScorer

from hemblip.errors import DataError
from hemblip.metrics import text
from hemblip.metrics.pairs import normalise
from hemblip.metrics.text import sentence_scores, text_scores

EDGES = [
    ("a large neutrophil with a segmented nucleus .", "a large neutrophil with a segmented nucleus ."),
    ("a large neutrophil with a segmented nucleus .", "neutrophil"),
    ("neutrophil", "neutrophil"),
    ("neutrophil", "basophil"),
    ("a large neutrophil with pink granules", "granules pink with neutrophil large a"),
    ("größe α 中性粒细胞 µm", "größe α 中性粒细胞 nm 😀"),
    ("a small lymphocyte", "the cell is round and " * 140),
    ("the nuclei are dense", "the nucleus is denser"),
]


@pytest.mark.parametrize(("reference", "caption"), EDGES)
@pytest.mark.filterwarnings("ignore:.*counts of.*overlaps")
def test_scores_are_the_libraries_own(reference, caption):
    (score,) = sentence_scores([reference], [caption])
    one, two = normalise(reference), normalise(caption)
    smooth = nltk_bleu.SmoothingFunction().method4
    bleu = nltk_bleu.sentence_bleu([one.split()], two.split(), smoothing_function=smooth)
    rouge = RougeScorer(["rougeL"], use_stemmer=True).score(one, two)["rougeL"].fmeasure
    assert score["bleu"] == pytest.approx(bleu, abs=1e-6)
    assert score["rouge_l"] == pytest.approx(rouge, abs=1e-6)
    assert 0 <= score["bleu"] <= 1


def test_corpus_bleu_is_sacrebleus_with_its_signature():
    references, captions = map(list, zip(*EDGES, strict=True))
    scores = text_scores(references, captions)
    normal = [[normalise(text) for text in texts] for texts in (references, captions)]
    assert scores["sacrebleu"] == pytest.approx(sacrebleu.corpus_bleu(normal[1], [normal[0]]).score, abs=1e-6)
    assert "tok:13a" in scores["sacrebleu_signature"]
    assert "lower case" in scores["text_normalisation"]


def test_an_empty_caption_scores_0_and_stays_in_the_mean():
    assert sentence_scores(["a neutrophil"], [""]) == [{"bleu_raw": 0.0, "bleu": 0.0, "rouge_l": 0.0}]
    assert text_scores(["a b c d", "a b c d"], ["a b c d", ""])["bleu"] == pytest.approx(0.5)


def test_case_and_spacing_of_a_tokenizer_do_not_count():
    apart = sentence_scores(["Light-blue cytoplasm, N/C ratio low."], ["light - blue cytoplasm , n / c ratio low ."])
    assert apart[0]["bleu"] == pytest.approx(1)


def test_repeated_pairs_are_scored_once(monkeypatch):
    calls = []
    genuine = text.sentence_bleu
    monkeypatch.setattr(text, "sentence_bleu", lambda *a, **k: calls.append(1) or genuine(*a, **k))
    scores = sentence_scores(["a b c d", "a b c d", "A B c  d"], ["a b c", "a b c", "a b c"])
    assert len(calls) == 2  # the third reference as it is; normalised it is the first
    assert scores[0] == scores[1] and scores[0]["bleu"] == scores[2]["bleu"] > scores[2]["bleu_raw"]


def test_raw_bleu_is_that_of_the_papers_script():
    references = ["Light-blue cytoplasm, N/C ratio low.", "A large monocyte."]
    captions = ["light - blue cytoplasm , n / c ratio low .", "A large monocyte with vacuoles."]
    smooth = nltk_bleu.SmoothingFunction().method4
    pairs = zip(references, captions, strict=True)
    script = [sentence_bleu([one.split()], two.split(), smoothing_function=smooth) for one, two in pairs]
    assert [score["bleu_raw"] for score in sentence_scores(references, captions)] == pytest.approx(script)
    assert text_scores(references, captions)["bleu_raw"] == pytest.approx(sum(script) / 2)


def test_no_captions_are_said_to_be_none():
    with pytest.raises(DataError, match="no captions"):
        text_scores([], [])


def test_the_libraries_are_imported_where_texts_are_scored():
    code = "import sys, hemblip.metrics; print(sorted({'nltk', 'rouge_score'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
