"""BLIP's path on the compact twin: tokens, pixels, loss, generation, what trains."""

import pytest
import torch
from tiny_blip import CAPTIONS, TINY, tiny
from transformers import BlipConfig

from hemblip.errors import ConfigError, ModelAccessError
from hemblip.metrics.confidence import caption_confidence
from hemblip.models import BlipCaptioner
from hemblip.models.compact_blip import CompactBlip, compact_tokenizer
from hemblip.models.compact_gemma import corpus
from hemblip.models.conv_stem import ConvStemBlip
from hemblip.models.decoding import Decoding, Generated
from hemblip.morphology import STYLES
from hemblip.morphology.spelling import printed


@pytest.fixture
def batch():
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return {"images": images, "captions": CAPTIONS, "cell_ids": ["a", "b", "c"]}


def test_vocabulary_words_are_whole_tokens_and_any_text_can_be_read():
    tokenizer = compact_tokenizer()
    pieces = {piece for caption in corpus(10 * STYLES, seed=1) for piece in tokenizer.tokenize(caption)}
    assert not [piece for piece in pieces if piece.startswith("##")]
    assert tokenizer.unk_token_id not in tokenizer("Xylophone, 42% odd?").input_ids


def test_captions_start_with_dec_and_end_with_sep():
    captioner = tiny()
    ids = captioner.token_ids(CAPTIONS)
    first, *_ = captioner.tokenizer.convert_ids_to_tokens(ids[:, 0])
    assert first == "[DEC]" and (ids == captioner.tokenizer.sep_token_id).sum(1).tolist() == [1, 1, 1]
    assert captioner.tokenizer.decode(ids[2], skip_special_tokens=True).replace(" ", "") == "blue!"


def test_loss_is_that_of_the_library_with_padding_masked(batch):
    captioner = tiny().eval()
    sums, tokens = captioner.loss_per_cell(batch)
    ids = captioner.token_ids(batch["captions"])
    padding = ids == captioner.tokenizer.pad_token_id
    loss = captioner.model(
        pixel_values=captioner.pixel_values(batch["images"]),
        input_ids=ids,
        attention_mask=(~padding).long(),
        labels=ids.masked_fill(padding, -100),
    ).loss
    assert torch.allclose(sums.sum() / tokens.sum(), loss, rtol=1e-5)
    assert tokens.tolist() == ((~padding).sum(1) - 1).tolist()


def test_label_smoothing_counts_in_training_only(batch):
    plain, smoothed = tiny().eval(), tiny(label_smoothing=0.2).eval()
    assert torch.equal(plain.loss_per_cell(batch)[0], smoothed.loss_per_cell(batch)[0])
    smoothed.training = True
    assert not torch.allclose(plain.loss_per_cell(batch)[0], smoothed.loss_per_cell(batch)[0])


@pytest.mark.parametrize("beams", [1, 3])
def test_confidence_is_the_geometric_mean_of_token_probabilities(batch, beams):
    captioner = tiny(decoding=Decoding(num_beams=beams, max_new_tokens=7, repetition_penalty=1.3)).eval()
    captions, tokens = zip(*captioner.describe_batch(batch), strict=True)
    assert list(captions) == captioner.generate(batch)
    for row, generated in enumerate(captioner.generate_tokens(batch)):
        patches = captioner.encode(batch["images"][row : row + 1])
        ids = torch.tensor([[captioner.tokenizer.bos_token_id, *(token for token, _ in generated)]])
        logits = captioner.model.text_decoder(input_ids=ids[:, :-1], encoder_hidden_states=patches).logits
        chosen = logits[0].log_softmax(-1).gather(1, ids[0, 1:, None]).squeeze(1)
        assert [value for _, value in generated] == pytest.approx(chosen.tolist(), abs=1e-5)
        assert caption_confidence(tokens[row]) == pytest.approx(chosen.mean().exp().item(), rel=1e-5)


def letters(text):
    """Text without what printing changes: blanks and capitals."""
    return "".join(text.lower().split())


def test_one_decode_places_tokens_as_decoding_each_prefix_does():
    captioner = tiny()
    for text in [*corpus(2 * STYLES, seed=1)[:40], "it isn't a cell; xylophones, 42% (odd) 'n light-blue."]:
        ids = captioner.token_ids([text])[0, 1:].tolist()
        captioner.generate_tokens = lambda _, ids=ids: [[Generated(token, -1.0) for token in ids]]
        [(caption, tokens)] = captioner.describe_batch({"images": None, "captions": [text], "cell_ids": ["a"]})
        assert caption == printed(captioner.tokenizer.decode(ids, skip_special_tokens=True))
        prefixes = [captioner.tokenizer.decode(ids[: end + 1], skip_special_tokens=True) for end in range(len(ids))]
        written = [letters(prefix) for prefix in prefixes]
        assert [letters(caption[: token.end]) for token in tokens] == written
        for token, before in zip(tokens, ["", *written], strict=False):
            assert letters(caption[: token.start]) == before
            assert not caption[token.start : token.start + 1].isspace()


@pytest.mark.parametrize("kind", ["validation", "test"])
def test_evaluation_encodes_a_batch_once(batch, kind, monkeypatch):
    captioner = tiny().eval()
    alone = captioner.loss_per_cell(batch)[0], captioner.generate(batch)
    calls, encode = [], captioner.encode
    monkeypatch.setattr(captioner, "encode", lambda images: calls.append(images) or encode(images))
    for images in (batch["images"], 255 - batch["images"]):
        calls.clear()
        changed = {**batch, "images": images}
        getattr(captioner, f"on_{kind}_batch_start")(changed, 0)
        shared = captioner.loss_per_cell(changed)[0], captioner.generate(changed)
        getattr(captioner, f"on_{kind}_batch_end")(None, changed, 0)
        assert len(calls) == 1 and calls[0] is images
        assert (torch.equal(shared[0], alone[0]) and shared[1] == alone[1]) == (images is batch["images"])
    captioner.generate(batch)
    captioner.generate(batch)
    assert len(calls) == 3  # nothing is kept where weights may change in between


def test_images_of_another_size_are_refused():
    images = torch.zeros((1, 3, 40, 40), dtype=torch.uint8)
    with pytest.raises(ConfigError, match=r"40 x 40 pixels.*image_size to 32"):
        tiny().embed({"images": images, "captions": [], "cell_ids": []})


@pytest.mark.parametrize(("attention", "adapted"), [("self", 12), ("cross", 12), ("both", 24)])
def test_lora_trains_adapters_last_layers_and_head(attention, adapted):
    captioner = tiny(adaptation="lora", lora_attention=attention, train_last_layers=1)
    names = {name for name, parameter in captioner.named_parameters() if parameter.requires_grad}
    assert not [name for name in names if "vision" in name]
    assert len([name for name in names if "lora_A" in name]) == adapted
    whole = {name for name in names if "lora_" not in name and ".layer." in name}
    assert whole and all(".layer.2." in name for name in whole)
    assert captioner.model.text_decoder.cls.predictions.decoder.weight.requires_grad


def test_one_seed_gives_one_model():
    first, second = tiny().state_dict(), tiny().state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_stem_is_as_deep_as_asked_and_as_before_where_that_is_not_said():
    def stem(blocks):
        size = CompactBlip(image_size=32, stem=(8, 16, 16), stem_blocks=blocks, hidden_size=32, heads=2)
        return BlipCaptioner("compact", compact=size).model

    one, three = stem(1), stem(3)
    pixels = torch.rand(2, 3, 32, 32)
    patches = [model.vision_model.embeddings.patch_embedding(pixels) for model in (one, three)]
    assert patches[0].shape == patches[1].shape == (2, 32, 4, 4)
    convolutions = [sum("first.weight" in name for name in model.state_dict()) for model in (one, three)]
    assert convolutions == [2, 6]  # of two stages after the first
    settings = one.config.to_dict()
    del settings["vision_config"]["stem_blocks"]  # as saved before there was a choice
    ConvStemBlip(BlipConfig.from_dict(settings)).load_state_dict(one.state_dict())


def test_what_does_not_fit_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="train_last_layers: 4"):
        tiny(adaptation="lora", train_last_layers=4)
    with pytest.raises(ConfigError, match="lora_rank 0"):
        tiny(adaptation="lora", lora_rank=0)
    with pytest.raises(ConfigError, match="multiple of 8"):
        CompactBlip(image_size=33, stem=(8, 8, 8))
    with pytest.raises(ConfigError, match=r"compact\.stem_blocks"):
        CompactBlip(stem_blocks=0)
    with pytest.raises(ConfigError, match="compact does not go with"):
        BlipCaptioner(str(tmp_path), compact=TINY)
    with pytest.raises(ModelAccessError, match=r"config\.json"):
        BlipCaptioner(str(tmp_path))
