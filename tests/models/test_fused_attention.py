"""Fused attention against transformers' own: outputs and gradients."""

import copy

import pytest
import torch
from tiny_blip import CAPTIONS, TINY, tiny
from transformers import BlipForConditionalGeneration

from hemblip.models.compact_blip import compact_blip, compact_tokenizer
from hemblip.models.fused_attention import (
    FusedTextAttention,
    FusedVisionAttention,
    fuse_attention,
    with_probabilities,
)


@pytest.fixture(params=[False, True], ids=["evaluation", "training"])
def models(request):
    """Transformers' attention and the fused one, with the same weights."""
    torch.manual_seed(0)
    eager = compact_blip(compact_tokenizer(), TINY, fixed=False)
    assert isinstance(eager, BlipForConditionalGeneration)
    with torch.no_grad():
        for parameter in eager.parameters():  # attention that is not even
            parameter.add_(torch.randn_like(parameter) * 0.2)
    fused = copy.deepcopy(eager)
    fuse_attention(fused)
    for module in [*eager.modules(), *fused.modules()]:
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return eager.train(request.param), fused.train(request.param)


def run(model):
    """Patches, logits and gradients on captions of different lengths."""
    tokens = compact_tokenizer()(CAPTIONS, padding=True, return_tensors="pt")
    torch.manual_seed(1)
    patches = model.vision_model(pixel_values=torch.randn(len(CAPTIONS), 3, 32, 32)).last_hidden_state
    logits = model.text_decoder(
        input_ids=tokens.input_ids, attention_mask=tokens.attention_mask, encoder_hidden_states=patches, use_cache=False
    ).logits
    model.zero_grad()
    (logits.log_softmax(-1)[..., 5] * tokens.attention_mask).mean().backward()
    gradients = {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}
    return patches, logits, gradients


def test_outputs_and_gradients_are_those_of_transformers(models):
    eager, fused = models
    kinds = {type(module) for module in fused.modules()}
    assert {FusedTextAttention, FusedVisionAttention} <= kinds
    assert eager.state_dict().keys() == fused.state_dict().keys()
    expected, got = run(eager), run(fused)
    for before, after in zip(expected[:2], got[:2], strict=True):
        torch.testing.assert_close(after, before, atol=1e-5, rtol=1e-5)
    assert expected[2].keys() == got[2].keys()
    for name, gradient in expected[2].items():
        torch.testing.assert_close(got[2][name], gradient, atol=1e-5, rtol=1e-4, msg=name)


def test_dropout_of_probabilities_acts_in_training_only():
    torch.manual_seed(0)
    model = compact_blip(compact_tokenizer(), TINY, fixed=False)
    fuse_attention(model)
    for kind in (FusedTextAttention, FusedVisionAttention):
        layer = next(module for module in model.modules() if type(module) is kind)
        layer.dropout.p = 0.5
        states = torch.randn(2, 6, TINY.hidden_size)
        draws = [layer.train()(states)[0] for _ in range(2)]
        assert not torch.equal(*draws)
        assert torch.equal(layer.eval()(states)[0], layer(states)[0])


def test_probabilities_are_given_for_a_while():
    captioner = tiny().eval()
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    pixels = captioner.pixel_values(images)
    with with_probabilities(captioner.model):
        given = captioner.model.vision_model(pixel_values=pixels, output_attentions=True)
    after = captioner.model.vision_model(pixel_values=pixels, output_attentions=True)
    assert all(isinstance(part, torch.Tensor) for part in given.attentions)
    assert not any(isinstance(part, torch.Tensor) for part in after.attentions or ())
    assert torch.allclose(given.last_hidden_state, after.last_hidden_state, atol=1e-5)
