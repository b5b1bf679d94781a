"""MedGEMMA's path, on the compact twin: prompt, pixels, loss, generation, adapters."""

import numpy as np
import pytest
import torch
from lightning import Trainer
from PIL import Image
from transformers import Gemma3ImageProcessorPil, Gemma3Processor

from hemblip.errors import ConfigError
from hemblip.metrics.confidence import caption_confidence
from hemblip.models.answering import NoRepeatInAnswer
from hemblip.models.decoding import Decoding
from hemblip.models.gemma_prompt import QUESTION, SYSTEM_PROMPT, prompt_ids
from hemblip.models.gemma_weights import pixel_values
from hemblip.models.medgemma import MedGemmaCaptioner

CAPTIONS = ["A small lymphocyte with dense chromatin.", "A large monocyte.", "An eosinophil with red granules."]


@pytest.fixture
def batch():
    images = torch.randint(0, 256, (3, 3, 96, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return {"images": images, "captions": CAPTIONS, "cell_ids": ["a", "b", "c"]}


@pytest.fixture
def captioner():
    torch.manual_seed(0)
    return MedGemmaCaptioner(pretrained="compact", adaptation="full")


@pytest.fixture(scope="module")
def processor():
    model = MedGemmaCaptioner(pretrained="compact", adaptation="base")
    images = Gemma3ImageProcessorPil(size={"height": 96, "width": 96}, do_pan_and_scan=False)
    template = model.tokenizer.chat_template
    return Gemma3Processor(images, model.tokenizer, chat_template=template, image_seq_length=16)


def test_prompt_and_pixels_are_those_of_the_library_processor(captioner, processor):
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    chat = [
        {"role": "system", "content": [{"type": "text", "text": SYSTEM_PROMPT}]},
        {
            "role": "user",
            "content": [{"type": "image", "image": Image.fromarray(image)}, {"type": "text", "text": QUESTION}],
        },
    ]
    expected = processor.apply_chat_template(
        chat, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    )
    assert captioner.prompt.tolist() == expected["input_ids"][0].tolist()
    assert ((captioner.prompt == captioner.image_token).long() == expected["token_type_ids"][0]).all()
    ours = pixel_values(torch.from_numpy(image).permute(2, 0, 1)[None], 96)
    # One grey level: Pillow resizes with fixed-point weights.
    assert (ours - expected["pixel_values"]).abs().max() <= 1.01 / 127.5


def test_prompt_without_system_text(captioner):
    ids = prompt_ids(captioner.tokenizer, "", QUESTION, 16)
    text = captioner.tokenizer.decode(ids)
    assert text.startswith("<bos><start_of_turn>user\n\n\n<start_of_image>") and text.endswith("<start_of_turn>model\n")


def test_answers_end_their_turn_and_are_padded(captioner):
    ids = captioner.answer_ids([" A large monocyte. ", "A"])
    assert captioner.tokenizer.decode(ids[0]) == "A large monocyte.<end_of_turn>"
    assert captioner.tokenizer.decode(ids[1], skip_special_tokens=True) == "A"
    assert ids[1, -1] == captioner.tokenizer.pad_token_id


def test_loss_and_gradients_equal_those_of_the_plain_way(captioner, batch):
    sums, tokens = captioner.loss_per_cell(batch)
    (sums.sum() / tokens.sum()).backward()
    ours = {name: p.grad.clone() for name, p in captioner.model.named_parameters() if p.grad is not None}
    captioner.model.zero_grad()

    answers = captioner.answer_ids(CAPTIONS)
    prompts = captioner.prompt.expand(3, -1)
    ids = torch.cat([prompts, answers], 1)
    padding = ids == captioner.tokenizer.pad_token_id
    labels = torch.cat([torch.full_like(prompts, -100), answers], 1).masked_fill(padding, -100)
    plain = captioner.model(
        input_ids=ids,
        attention_mask=(~padding).long(),
        token_type_ids=(ids == captioner.image_token).long(),
        pixel_values=pixel_values(batch["images"], 96),
        labels=labels,
    ).loss
    plain.backward()
    assert torch.allclose(sums.sum() / tokens.sum(), plain, rtol=1e-6)
    assert tokens.tolist() == (answers != captioner.tokenizer.pad_token_id).sum(1).tolist()
    for name, parameter in captioner.model.named_parameters():
        if parameter.grad is not None:
            assert torch.allclose(ours[name], parameter.grad, rtol=1e-4, atol=1e-6), name


def test_logits_are_computed_for_answers_only(captioner, batch):
    answers = captioner.answer_ids(CAPTIONS)
    assert captioner.answer_logits(batch, answers).shape == (*answers.shape, len(captioner.tokenizer))


def test_image_tokens_attend_both_ways(captioner, batch):
    """Without token types an early image token cannot see a later part of the image."""
    ids = captioner.prompt.expand(1, -1)
    first = int((captioner.prompt == captioner.image_token).nonzero()[0])
    changed = batch["images"][:1].clone()
    changed[..., 64:, 64:] = 0  # bottom right: the last image tokens

    # Image features are given for each token apart, so that only the language model can mix them.
    with torch.no_grad():
        features = captioner.model.get_image_features(pixel_values(batch["images"][:1], 96), return_dict=True)
        other = captioner.model.get_image_features(pixel_values(changed, 96), return_dict=True).pooler_output

    def first_state(last_feature, **types):
        mixed = features.pooler_output.clone()
        mixed[:, -1] = last_feature
        given = type(features)(pooler_output=mixed)
        with torch.no_grad():
            out = captioner.model.model(input_ids=ids, mm_encoder_outputs={"image": given}, **types)
        return out.last_hidden_state[0, first]

    types = {"token_type_ids": (ids == captioner.image_token).long()}
    before, after = features.pooler_output[:, -1], other[:, -1]
    assert torch.equal(first_state(before), first_state(after))
    assert not torch.allclose(first_state(before, **types), first_state(after, **types), atol=1e-4)


@pytest.mark.parametrize("method", ["loss", "generate"])
def test_token_types_reach_the_model(captioner, batch, method, monkeypatch):
    seen = []
    forward = captioner.model.model.forward

    def spy(*args, **kwargs):
        seen.append(kwargs.get("token_type_ids"))
        return forward(*args, **kwargs)

    monkeypatch.setattr(captioner.model.model, "forward", spy)
    captioner.decoding = Decoding(max_new_tokens=2)
    captioner.loss_per_cell(batch) if method == "loss" else captioner.generate(batch)
    assert seen[0] is not None and seen[0].sum() == 3 * 16


@pytest.mark.parametrize("beams", [1, 3])
def test_the_vision_tower_sees_a_tested_batch_once(captioner, batch, beams):
    captioner.eval().decoding = Decoding(num_beams=beams, max_new_tokens=6)
    with torch.no_grad():
        alone = captioner.loss_per_cell(batch)[0], captioner.describe_batch(batch)
        seen = []
        captioner.model.model.vision_tower.register_forward_hook(lambda *_: seen.append(1))
        captioner.on_test_batch_start(batch, 0)
        shared = captioner.loss_per_cell(batch)[0], captioner.describe_batch(batch)
        captioner.on_test_batch_end(None, batch, 0)
    assert len(seen) == 1
    assert torch.equal(shared[0], alone[0]) and shared[1] == alone[1]


def test_images_change_the_loss(captioner, batch):
    """The library initialises the projector with zeros: the twin must not."""
    sums, _ = captioner.loss_per_cell(batch)
    other, _ = captioner.loss_per_cell({**batch, "images": 255 - batch["images"]})
    assert (sums - other).abs().min() > 1e-3
    sums.sum().backward()
    assert captioner.model.model.vision_tower.embeddings.patch_embedding.weight.grad.abs().max() > 0


def generated(captioner, batch):
    """Tokens and log-probabilities, each (B, A); all captions are as long as they may be."""
    pairs = [list(zip(*row, strict=True)) for row in captioner.generate_tokens(batch)]
    return torch.tensor([ids for ids, _ in pairs]), torch.tensor([values for _, values in pairs])


def test_generation_is_greedy_decoding_of_the_training_distribution(captioner, batch):
    captioner.eval()
    captioner.decoding = Decoding(max_new_tokens=5)
    answers, _ = generated(captioner, batch)
    with torch.no_grad():
        expected = captioner.answer_logits(batch, answers).argmax(-1)
    assert answers.shape == (3, 5)
    assert torch.equal(answers, expected)


@pytest.mark.parametrize("beams", [1, 3])
def test_log_probabilities_are_those_of_reading_the_answer_again(captioner, batch, beams):
    captioner.eval()
    captioner.decoding = Decoding(max_new_tokens=5, min_new_tokens=5, num_beams=beams, repetition_penalty=1.3)
    answers, values = generated(captioner, batch)
    with torch.no_grad():
        again = captioner.answer_logits(batch, answers).log_softmax(-1).gather(-1, answers[..., None]).squeeze(-1)
    assert torch.allclose(values, again, atol=1e-4)


def test_captions_come_with_a_confidence(captioner, batch):
    captioner.decoding = Decoding(max_new_tokens=4, num_beams=2)
    captions, tokens = zip(*captioner.describe_batch(batch), strict=True)
    assert list(captions) == captioner.generate(batch)
    assert all(0 < caption_confidence(scores) <= 1 for scores in tokens)


def test_repeats_are_forbidden_in_the_answer_only(captioner, batch):
    forbid = NoRepeatInAnswer(2, prompt=4)
    tokens = torch.tensor([[5, 6, 5, 7, 5], [5, 6, 5, 7, 8]])
    assert not forbid(tokens, torch.zeros(2, 10)).isinf().any()  # the prompt's 5-6 and 5-7 may be said
    tokens = torch.tensor([[5, 6, 5, 7, 5, 3, 5]])
    assert forbid(tokens, torch.zeros(1, 10)).isinf().nonzero().tolist() == [[0, 3]]
    captioner.decoding = Decoding(max_new_tokens=12, no_repeat_ngram_size=1)
    for row in generated(captioner, batch)[0].tolist():
        assert len(set(row)) == len(row)


def test_lora_trains_the_language_model_and_nothing_of_the_vision_tower():
    captioner = MedGemmaCaptioner(pretrained="compact", adaptation="lora", train_last_layers=1)
    trainable = [name for name, parameter in captioner.named_parameters() if parameter.requires_grad]
    assert not [name for name in trainable if "vision_tower" in name or "multi_modal_projector" in name]
    assert not [name for name in captioner.state_dict() if "vision" in name and "lora" in name]
    adapted = {name.split(".self_attn.")[1].split(".")[0] for name in trainable if "lora_A" in name}
    assert adapted == {"q_proj", "k_proj", "v_proj", "o_proj"}
    assert any("layers.1.mlp" in name for name in trainable) and not any("layers.0.mlp" in name for name in trainable)


def test_lora_alone_leaves_the_rest_frozen():
    captioner = MedGemmaCaptioner(pretrained="compact", adaptation="lora", train_last_layers=0, train_head=False)
    assert all("lora_" in name for name, parameter in captioner.named_parameters() if parameter.requires_grad)


def test_too_many_layers_to_train():
    with pytest.raises(ConfigError, match="train_last_layers: 3"):
        MedGemmaCaptioner(pretrained="compact", train_last_layers=3)


def test_gradient_checkpointing_leaves_gradients_as_they_are(batch):
    gradients = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        captioner = MedGemmaCaptioner(
            pretrained="compact", adaptation="lora", lora_dropout=0.0, gradient_checkpointing=checkpointing
        )
        for name, parameter in captioner.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.02)
        captioner.loss_per_cell(batch)[0].sum().backward()
        gradients.append({n: p.grad for n, p in captioner.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys() and len(gradients[0]) > 10
    for name, gradient in gradients[0].items():
        assert torch.allclose(gradient, gradients[1][name], rtol=1e-3, atol=1e-5), name


def test_embedding_has_one_row_a_cell(captioner, batch):
    embedding = captioner.embed(batch)
    assert embedding.shape == (3, 128) and not embedding.requires_grad
    assert not torch.allclose(embedding[0], embedding[1])


def test_base_has_nothing_to_train():
    captioner = MedGemmaCaptioner(pretrained="compact", adaptation="base")
    assert not any(parameter.requires_grad for parameter in captioner.parameters())
    with pytest.raises(ConfigError, match=r"nothing to train.*hemblip test"):
        Trainer(max_steps=1, logger=False, enable_checkpointing=False, enable_progress_bar=False).fit(captioner, [0])


@pytest.mark.parametrize("precision", ["16-true", "16-mixed"])
def test_float16_is_refused(precision):
    trainer = Trainer(
        max_steps=1, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False
    )
    trainer.strategy.precision_plugin.precision = precision
    with pytest.raises(ConfigError, match=rf"trainer.precision {precision}: gemma3 overflows in float16"):
        trainer.fit(MedGemmaCaptioner(pretrained="compact"), [0])


def test_building_leaves_the_random_state_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    MedGemmaCaptioner(pretrained="compact", adaptation="full")
    assert torch.equal(torch.rand(3), expected)
