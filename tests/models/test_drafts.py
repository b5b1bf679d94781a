"""Captions by drafts are the greedy ones, in fewer passes; training captions are kept with the run for it."""

import random

import pytest
import torch
from decoding_cases import END, START, ours, random_decoder, transformers
from tiny_blip import CAPTIONS, tiny

from hemblip.models.decoding import BlipDecoder, Decoding, Drafts, drafted
from hemblip.models.decoding.drafts import LENGTH


class Counting(BlipDecoder):
    """Counts passes, and tokens read."""

    passes = cells_read = 0

    def read_ahead(self, tokens, places):
        self.passes, self.cells_read = self.passes + 1, self.cells_read + len(tokens)
        return super().read_ahead(tokens, places)


def case(seed):
    drawn = random.Random(seed)
    torch.manual_seed(seed)
    decoder, settings = random_decoder(drawn).double(), Decoding(max_new_tokens=drawn.choice([1, 7, 20]))
    size = (drawn.choice([1, 2, 6]), drawn.choice([1, 4, 9]), decoder.config.encoder_hidden_size)
    return drawn, decoder, settings, torch.randn(*size).double() * 2


def by_drafts(decoder, patches, settings, drafts):
    state = Counting(decoder, patches, 1, settings.max_new_tokens + LENGTH, static=False)
    starts = torch.full((len(patches),), START)
    with torch.no_grad():
        return [beams[0] for beams in drafted(state, starts, END, settings.max_new_tokens, drafts)], state


@pytest.mark.parametrize("known", ["none", "wrong", "some", "all"])
def test_tokens_and_probabilities_are_those_of_greedy_decoding(known):
    for seed in range(25):
        drawn, decoder, settings, patches = case(seed)
        expected = ours(decoder, patches, settings)
        captions = [[START, *(token for token, _ in caption)] for caption in expected]
        words = decoder.config.vocab_size
        changed = [[token if drawn.random() < 0.8 else drawn.randrange(words) for token in row] for row in captions]
        random_ones = [[START, *(drawn.randrange(words) for _ in range(15))] for _ in range(9)]
        drafts = Drafts({"none": [], "wrong": random_ones, "some": changed, "all": captions}[known])
        found, state = by_drafts(decoder, patches, settings, drafts)
        assert [[token for token, _ in row] for row in found] == [row[1:] for row in captions], seed
        assert [[token for token, _ in row] for row in found] == transformers(decoder, patches, settings)
        for row, other in zip(found, expected, strict=True):
            assert [value for _, value in row] == pytest.approx([value for _, value in other], abs=1e-9)
        if known == "none":
            assert state.passes == max(map(len, found)) and state.cells_read == sum(map(len, found))
        if known == "all" and len(patches) == 1:
            assert state.passes == -(-len(found[0]) // LENGTH) or len(set(captions[0])) < len(captions[0])


def test_a_draft_goes_on_the_longest_end_with_what_follows_most_often():
    drafts = Drafts([[1, 5, 6, 7, 2], [1, 5, 6, 8, 2], [1, 5, 6, 8, 2], [1, 9, 6, 7, 2]])
    assert drafts.after([1], 9) == [5, 6, 8, 2]
    assert drafts.after([1, 9, 6], 9) == [7, 2] and drafts.after([1, 5, 6], 1) == [8]
    assert drafts.after([4, 9, 6], 9) == [7, 2] and drafts.after([4], 9) == [] and drafts.after([1, 5], 0) == []


def batch_of(captioner):
    images = torch.randint(0, 256, (5, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return {"images": images, "captions": [""] * 5, "cell_ids": list("abcde")}


def test_a_captioner_says_the_same_with_drafts(monkeypatch):
    captioner = tiny(decoding=Decoding(max_new_tokens=12)).eval()
    batch = batch_of(captioner)
    plain = captioner.describe_batch(batch)
    captioner.usual_captions = [*CAPTIONS, *(one.caption for one in plain)]
    passes = []
    monkeypatch.setattr("hemblip.models.blip.BlipDecoder", Counting)
    read = Counting.read_ahead
    monkeypatch.setattr(Counting, "read_ahead", lambda *given: passes.append(1) or read(*given))
    found = captioner.describe_batch(batch)
    assert [one.caption for one in found] == [one.caption for one in plain] and 0 < len(passes) <= 12
    for one, other in zip(found, plain, strict=True):
        assert [token.log_probability for token in one.tokens] == pytest.approx(
            [token.log_probability for token in other.tokens], abs=1e-4
        )


@pytest.mark.parametrize("ruled", [{"repetition_penalty": 1.2}, {"no_repeat_ngram_size": 2}, {"num_beams": 2}])
def test_rules_and_beams_are_decoded_step_by_step(ruled, monkeypatch):
    captioner = tiny(decoding=Decoding(max_new_tokens=6, **ruled)).eval()
    captioner.usual_captions = CAPTIONS
    monkeypatch.setattr("hemblip.models.blip.drafted", lambda *_: pytest.fail("drafts"))
    assert len(captioner.generate(batch_of(captioner))) == 5


def test_checkpoints_keep_usual_captions():
    captioner, checkpoint, other = tiny(), {}, tiny()
    captioner.usual_captions = CAPTIONS
    captioner.on_save_checkpoint(checkpoint)
    other.on_load_checkpoint(checkpoint)
    assert other.usual_captions == CAPTIONS
    del checkpoint["hemblip_captions"]  # as of earlier versions
    other.on_load_checkpoint(checkpoint)
    assert other.usual_captions == []
