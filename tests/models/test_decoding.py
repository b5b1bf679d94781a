"""Our decoder and search against transformers' own, on random small models and settings, in float32."""

import random

import pytest
import torch
from decoding_cases import ours, random_decoder, random_settings, transformers

from hemblip.models.adapters import add_adapters
from hemblip.models.decoding import BlipDecoder, Decoding, search


def check(seed):
    drawn = random.Random(seed)
    torch.manual_seed(seed)
    decoder, settings = random_decoder(drawn), random_settings(drawn)
    patches = torch.randn(drawn.choice([1, 2, 5]), drawn.choice([1, 4, 9]), decoder.config.encoder_hidden_size) * 2
    captions = ours(decoder, patches, settings)
    tokens = [[token for token, _ in caption] for caption in captions]
    assert tokens == transformers(decoder, patches, settings), settings
    return captions, decoder, patches, settings


@pytest.mark.parametrize("block", range(4))
def test_tokens_are_those_of_transformers(block):
    for seed in range(20 * block, 20 * (block + 1)):
        check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(1, 11))
def test_tokens_are_those_of_transformers_in_hundreds_of_cases(block):
    for seed in range(100 * block, 100 * (block + 1)):
        check(seed)


def test_log_probabilities_are_those_of_reading_the_caption_again():
    for seed in range(20):
        _, decoder, patches, settings = check(seed)
        decoder, patches = decoder.double(), patches.double()  # the search itself keeps single ones
        for caption, cell in zip(ours(decoder, patches, settings), patches, strict=True):
            ids = torch.tensor([[1, *(token for token, _ in caption)]])
            logits = decoder(input_ids=ids[:, :-1], encoder_hidden_states=cell[None], is_decoder=True).logits
            chosen = logits[0].log_softmax(-1).gather(1, ids[0, 1:, None]).squeeze(1)
            assert [value for _, value in caption] == pytest.approx(chosen.tolist(), abs=1e-5)


def varied(beams):
    """A decoder, cells and settings with captions of several lengths; in float64, where only mistakes differ."""
    drawn = random.Random(3)
    torch.manual_seed(3)
    decoder = random_decoder(drawn).double()
    settings = Decoding(num_beams=beams, max_new_tokens=15, early_stopping=True)
    patches = torch.randn(12, 4, decoder.config.encoder_hidden_size).double() * 2
    captions = ours(decoder, patches, settings)
    return decoder, settings, patches, captions


@pytest.mark.parametrize("beams", [1, 3])
def test_captions_do_not_depend_on_the_batch(beams):
    decoder, settings, patches, captions = varied(beams)
    assert len({len(caption) for caption in captions}) > 2
    alone = [ours(decoder, cell[None], settings)[0] for cell in patches]
    order = torch.randperm(len(patches))
    mixed = ours(decoder, patches[order], settings)
    for place, cell in enumerate(order.tolist()):
        for other in (alone[cell], mixed[place]):
            assert [token for token, _ in other] == [token for token, _ in captions[cell]]
            expected = [value for _, value in captions[cell]]
            assert [value for _, value in other] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("beams", [1, 3])
def test_steps_of_unchanged_shape_give_the_same(beams):
    decoder, settings, patches, captions = varied(beams)
    with torch.no_grad():
        state = BlipDecoder(decoder, patches, settings.num_beams, settings.max_new_tokens, static=True)
        found = [cell[0] for cell in search(state, torch.full((len(patches),), 1), 2, settings)]
    for ours_, expected in zip(found, captions, strict=True):
        assert [token for token, _ in ours_] == [token for token, _ in expected]
        assert [value for _, value in ours_] == pytest.approx([value for _, value in expected], abs=1e-5)


@pytest.mark.parametrize("beams", [1, 3])
def test_places_without_a_cell_are_given_up_when_they_are_half(beams):
    decoder, _, patches, _ = varied(beams)
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        growing, steady = (BlipDecoder(decoder, patches, beams, 8, static) for static in (False, True))
        for order in ([*range(12)], [11, 1, 10, 3, 9, 5, 8], [0, 6, 2, 5], [3]):
            if len(order) < growing.cells:
                growing.keep(torch.tensor(order))
                steady.keep(torch.tensor(order))
            tokens = torch.randint(3, 9, (len(order), beams), generator=draw)
            parents = torch.randint(0, beams, (len(order), beams), generator=draw)
            assert torch.allclose(growing.step(tokens, parents), steady.step(tokens, parents), atol=1e-9)
    assert len(patches) == 12 and len(steady.past) == 1


class Counting(BlipDecoder):
    """Counts the cells of each step."""

    def step(self, tokens, parents):
        self.counts = [*getattr(self, "counts", []), len(tokens)]
        return super().step(tokens, parents)


@pytest.mark.parametrize("beams", [1, 3])
def test_cells_that_have_ended_cost_nothing(beams):
    decoder, settings, patches, captions = varied(beams)
    state = Counting(decoder, patches, settings.num_beams, settings.max_new_tokens)
    with torch.no_grad():
        search(state, torch.full((len(patches),), 1), 2, settings)
    assert state.counts[0] == len(patches) and state.counts == sorted(state.counts, reverse=True)
    if beams == 1:
        steps = range(max(map(len, captions)))
        assert state.counts == [sum(len(caption) > step for caption in captions) for step in steps]
    else:
        assert state.counts[-1] < len(patches)


def test_adapters_take_part():
    decoder, settings, patches, plain = varied(3)
    add_adapters(decoder, r".*(query|key|value|output\.dense)", 4, 16, 0.0, [])
    with torch.no_grad():
        for name, parameter in decoder.named_parameters():
            if "lora_B" in name:
                parameter.normal_()
    captions = ours(decoder, patches, settings)
    assert captions != plain
    tokens = [[token for token, _ in caption] for caption in captions]
    assert tokens == transformers(decoder, patches, settings)
