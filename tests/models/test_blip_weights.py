"""Loading BLIP as it lies on the hub: every weight finds its place, quietly, or loading fails.

The layout of Salesforce/blip-image-captioning-base is the one that logs of loading it show: 473 tensors, tied ones
twice, and a leftover buffer `text_decoder.bert.embeddings.position_ids`; 12 heads, words up to [ENC] at 30,523.
"""

import logging

import pytest
import torch
from tiny_blip import tiny
from transformers import BertTokenizer, BlipConfig, BlipForConditionalGeneration
from transformers.utils import logging as transformers_logging

from hemblip.errors import ConfigError
from hemblip.models import BlipCaptioner
from hemblip.models.compact_blip import SPECIAL_TOKENS
from hemblip.models.decoding import Decoding

PUBLISHED_TENSORS = 473


def bert_tokenizer(words):
    """BERT's uncased layout, without BLIP's two tokens, as on the hub."""
    special = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103}
    names = {index: name for name, index in special.items()}
    return BertTokenizer(vocab={names.get(index, f"word{index}"): index for index in range(words)})


def save_as_published(config, folder, words):
    """Write a random model the way the hub holds it: a pickle with tied weights twice."""
    torch.manual_seed(0)
    model = BlipForConditionalGeneration(config)
    state = model.state_dict()
    count = len(state)
    state["text_decoder.bert.embeddings.position_ids"] = torch.arange(512)[None]
    torch.save(state, folder / "pytorch_model.bin")
    config.save_pretrained(folder)
    bert_tokenizer(words).save_pretrained(folder)
    return model, count


@pytest.fixture
def library_log(caplog):
    """What transformers would tell the user."""
    transformers_logging.enable_propagation()
    with caplog.at_level(logging.WARNING):
        yield caplog
    transformers_logging.disable_propagation()


@pytest.fixture
def small_config():
    return BlipConfig(
        vision_config={"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
        | {"image_size": 32, "patch_size": 16, "initializer_range": 0.02},
        text_config={"hidden_size": 32, "encoder_hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2}
        | {"num_attention_heads": 2, "vocab_size": 202, "bos_token_id": 200},
    )


@pytest.mark.slow
def test_published_size_loads_completely_and_quietly(tmp_path, library_log, recwarn):
    config = BlipConfig(text_config={"num_attention_heads": 12})
    model, count = save_as_published(config, tmp_path, 30_522)
    assert count == PUBLISHED_TENSORS
    captioner = BlipCaptioner(str(tmp_path), decoding=Decoding(max_new_tokens=2))
    assert not library_log.records and not [str(w.message) for w in recwarn if "weight" in str(w.message).lower()]
    loaded = captioner.model.state_dict()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in model.state_dict().items())
    decoder = captioner.model.text_decoder
    assert decoder.cls.predictions.decoder.weight is decoder.bert.embeddings.word_embeddings.weight
    assert sum(parameter.numel() for parameter in captioner.model.parameters()) == 223_971_644
    assert captioner.tokenizer.convert_tokens_to_ids("[DEC]") == 30_522 and captioner.image_size == 384
    images = torch.zeros((1, 3, 384, 384), dtype=torch.uint8)
    assert len(captioner.generate({"images": images, "captions": ["word104"], "cell_ids": ["a"]})) == 1


def test_layout_of_the_hub_loads_completely_and_quietly(tmp_path, small_config, library_log):
    model, _ = save_as_published(small_config, tmp_path, 200)
    captioner = BlipCaptioner(str(tmp_path))
    assert not library_log.records
    loaded = captioner.model.state_dict()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda state: state.pop("vision_model.post_layernorm.bias"), "1 missing keys, first: vision_model.post_lay"),
        (lambda state: state.update({"text_encoder.x": torch.zeros(1)}), "1 unexpected keys, first: text_encoder.x"),
    ],
)
def test_weights_without_a_place_are_refused(tmp_path, small_config, change, says, library_log):
    save_as_published(small_config, tmp_path, 200)
    state = torch.load(tmp_path / "pytorch_model.bin", weights_only=True)
    change(state)
    torch.save(state, tmp_path / "pytorch_model.bin")
    with pytest.raises(ConfigError, match=says):
        BlipCaptioner(str(tmp_path))
    assert library_log.records  # the quiet tests listen to the right place


def test_tokenizer_of_another_model_is_refused(tmp_path, small_config):
    save_as_published(small_config, tmp_path, 190)
    with pytest.raises(ConfigError, match=r"192 tokens and \[DEC\] at 190, the model 202 and 200"):
        BlipCaptioner(str(tmp_path))


def test_a_saved_compact_model_is_a_pretrained_one(tmp_path):
    compact = tiny().eval()
    compact.model.save_pretrained(tmp_path)
    compact.tokenizer.save_pretrained(tmp_path)
    again = BlipCaptioner(str(tmp_path)).eval()
    assert again.tokenizer.convert_ids_to_tokens(range(len(SPECIAL_TOKENS))) == list(SPECIAL_TOKENS)
    loaded = again.model.state_dict()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in compact.model.state_dict().items())
