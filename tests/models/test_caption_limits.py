"""Captions that do not fit the model are counted and told."""

import pytest

from hemblip.models.caption_limits import caption_notes
from hemblip.models.compact_blip import compact_tokenizer


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
