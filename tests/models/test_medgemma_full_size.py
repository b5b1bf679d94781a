"""The published size (4.3 billion parameters), without allocating it."""

import pytest
import torch
from transformers import Gemma3Config, Gemma3ForConditionalGeneration

from hemblip.models import medgemma
from hemblip.models.access import weight_bytes
from hemblip.models.compact_gemma import compact_tokenizer

PUBLISHED = {
    "vision_config": {
        "model_type": "siglip_vision_model",
        "hidden_size": 1152,
        "intermediate_size": 4304,
        "num_hidden_layers": 27,
        "num_attention_heads": 16,
        "image_size": 896,
        "patch_size": 14,
        "vision_use_head": False,
    },
    "text_config": {
        "hidden_size": 2560,
        "intermediate_size": 10240,
        "num_hidden_layers": 34,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "sliding_window": 1024,
    },
    "mm_tokens_per_image": 256,
}


@pytest.fixture
def published(monkeypatch):
    with torch.device("meta"):
        model = Gemma3ForConditionalGeneration(Gemma3Config(**PUBLISHED)).bfloat16()
    tokenizer = compact_tokenizer()
    monkeypatch.setattr(medgemma, "load", lambda *_: (model, tokenizer, "test"))
    return model


def trainable(captioner):
    return {name: p.numel() for name, p in captioner.named_parameters() if p.requires_grad}


def test_weights_take_eight_gibibytes():
    assert weight_bytes(
        Gemma3ForConditionalGeneration, Gemma3Config(**PUBLISHED), torch.bfloat16
    ) / 2**30 == pytest.approx(8.0, abs=0.1)


def test_released_adapters_are_a_thousandth_of_the_model(published):
    captioner = medgemma.MedGemmaCaptioner(lora_rank=4, lora_alpha=8, train_last_layers=0, train_head=False)
    counts = trainable(captioner)
    assert sum(counts.values()) == 34 * 4 * ((2560 + 2048) + 2 * (2560 + 1024) + (2048 + 2560))
    assert not [name for name in counts if "vision" in name]


def test_paper_also_trains_two_layers_and_the_tied_head(published):
    counts = trainable(medgemma.MedGemmaCaptioner())
    assert 850e6 < sum(counts.values()) < 900e6
    assert not [name for name in counts if "vision" in name or "projector" in name]
    assert {p.dtype for p in published.parameters() if p.requires_grad} == {torch.float32}
    assert published.lm_head.weight is published.model.language_model.embed_tokens.weight
