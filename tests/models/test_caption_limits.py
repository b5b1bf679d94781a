"""Captions that do not fit the model are counted and told."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from hemblip.data import InternalCells
from hemblip.data.sources import CombinedCSV
from hemblip.models.caption_limits import CaptionLimits, caption_notes
from hemblip.models.compact_blip import compact_tokenizer
from hemblip.models.decoding import Decoding


@pytest.fixture(scope="module")
def tokenizer():
    return compact_tokenizer()


def test_captions_that_fit_are_not_mentioned(tokenizer):
    assert caption_notes(["A basophil.", "A monocyte."], tokenizer, 256, 100) == []
    assert caption_notes([], tokenizer, 256, 100) == []


def test_long_captions_are_counted_against_either_limit(tokenizer):
    short, long, longer = "The nucleus is round.", "The nucleus is round. " * 4, "The nucleus is round. " * 8
    told = caption_notes([short, short, long, longer], tokenizer, 30, 15)
    assert told[0].startswith("1 of 3 captions are longer than the 28 tokens that the model takes, the longest has 40;")
    assert told[1].startswith("2 of 3 captions are longer than what is generated, the longest has 41 tokens and")
    assert "max_new_tokens is 15" in told[1] and len(told) == 2
    assert caption_notes([longer], tokenizer, 42, 41) == []
    assert len(caption_notes([longer], tokenizer, 41, 41)) == len(caption_notes([longer], tokenizer, 42, 40)) == 1
    assert caption_notes([longer], tokenizer, None, 41) == []


def test_captions_in_another_language_are_counted(tokenizer):
    (told,) = caption_notes(["A basophil.", "Базофильный гранулоцит.", "嗜碱性粒细胞"], tokenizer, 256, 100)
    assert told.startswith("2 of 3 captions are mostly tokens that the model does not know, first: 'Базофильный")


def test_they_are_told_before_training(workplace, tokenizer, capsys):
    Image.effect_noise((16, 16), 60).convert("RGB").save("a.png")
    Path("t.csv").write_text(f"image,caption,split\na.png,{'The nucleus is round. ' * 80},train\n")
    cells = InternalCells([CombinedCSV("t.csv")], image_size=16)
    cells.setup()
    model = SimpleNamespace(caption_positions=256, decoding=Decoding(max_new_tokens=100), tokenizer=tokenizer)
    CaptionLimits().on_fit_start(SimpleNamespace(datamodule=cells), model)
    said = capsys.readouterr().out
    assert said.count("note: 1 of 1 captions are longer than") == 2
