"""Loading MedGEMMA as it lies on the hub, where names are those of transformers before 4.52."""

import logging

import pytest
import torch
from transformers.utils import logging as transformers_logging

from hemblip.errors import ConfigError
from hemblip.models.medgemma import MedGemmaCaptioner

PUBLISHED_PARTS = {
    "model.language_model.": "language_model.model.",
    "model.vision_tower.": "vision_tower.vision_model.",
    "model.multi_modal_projector.": "multi_modal_projector.",
}


@pytest.fixture
def published(tmp_path):
    """The twin in the layout of google/gemma-3-4b-it and google/medgemma-4b-it: no lm_head, it is tied."""
    twin = MedGemmaCaptioner("compact", adaptation="base")
    state = {}
    for name, tensor in twin.model.state_dict().items():
        part = next((part for part in PUBLISHED_PARTS if name.startswith(part)), None)
        if part is not None:
            state[name.replace(part, PUBLISHED_PARTS[part])] = tensor
    torch.save(state, tmp_path / "pytorch_model.bin")
    twin.model.config.save_pretrained(tmp_path)
    twin.tokenizer.save_pretrained(tmp_path)
    return twin, tmp_path


@pytest.fixture
def library_log(caplog):
    transformers_logging.enable_propagation()
    with caplog.at_level(logging.WARNING):
        yield caplog
    transformers_logging.disable_propagation()


def test_published_layout_loads_completely_and_quietly(published, library_log):
    twin, folder = published
    captioner = MedGemmaCaptioner(str(folder), adaptation="base")
    assert not library_log.records
    loaded = captioner.model.state_dict()
    assert loaded.keys() == twin.model.state_dict().keys()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in twin.model.state_dict().items())
    assert captioner.model.lm_head.weight is captioner.model.model.language_model.embed_tokens.weight
    assert torch.equal(captioner.prompt, twin.prompt)


def test_missing_weights_are_refused(published):
    path = published[1] / "pytorch_model.bin"
    state = torch.load(path, weights_only=True)
    del state["vision_tower.vision_model.post_layernorm.bias"]
    torch.save(state, path)
    with pytest.raises(ConfigError, match=r"lacks 1 weights, first: model\.vision_tower\.post_layernorm\.bias"):
        MedGemmaCaptioner(str(published[1]), adaptation="base")


def test_another_model_is_refused(tmp_path):
    from tiny_blip import tiny

    blip = tiny()
    blip.model.save_pretrained(tmp_path)
    blip.tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="not a Gemma 3 with images"):
        MedGemmaCaptioner(str(tmp_path))
