"""BLIP that answers questions: the contract, transformers' own loss and generation, padding, adapters."""

import pytest
import torch
from tiny_blip import TINY
from transformers import AutoProcessor

from hemblip.errors import ConfigError
from hemblip.export.export import write_model
from hemblip.models import BlipVqaCaptioner, check_captioner
from hemblip.models.blip import TimmEncoding
from hemblip.models.conv_stem import ConvStemBlipAnswering
from hemblip.models.decoding import Decoding

QUESTIONS = ["What size is the cell?", "Is the nuclear-cytoplasmic ratio high?", ""]
ANSWERS = ["large", "segmented-bilobed", "yes"]


def tiny(**settings):
    torch.manual_seed(0)
    return BlipVqaCaptioner("compact", compact=TINY, **settings).eval()


@pytest.fixture
def batch():
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return {"images": images, "captions": ANSWERS, "cell_ids": list("abc"), "questions": QUESTIONS}


def alone(batch, place):
    return {name: values[place : place + 1] for name, values in batch.items()}


@pytest.mark.parametrize("adaptation", ["full", "lora"])
def test_it_is_a_captioner(adaptation):
    check_captioner(tiny(adaptation=adaptation))


@torch.no_grad()
def test_the_loss_is_that_of_the_class(batch):
    captioner = tiny()
    losses, tokens = captioner.loss_per_cell(batch)
    for place, question in enumerate(QUESTIONS):
        asked = captioner.tokenizer(question or captioner.question, return_tensors="pt")
        answer = captioner.token_ids(ANSWERS[place : place + 1])
        plain = captioner.model(
            pixel_values=captioner.pixel_values(batch["images"][place : place + 1]), labels=answer, **asked
        ).loss
        assert plain.item() == pytest.approx(losses[place].item() / tokens[place].item(), rel=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("beams", [1, 3])
def test_neither_padding_nor_neighbours_change_an_answer(batch, beams):
    captioner = tiny(decoding=Decoding(num_beams=beams, max_new_tokens=6))
    losses = captioner.loss_per_cell(batch)[0]
    answers = captioner.generate(batch)
    for place in range(3):
        assert captioner.loss_per_cell(alone(batch, place))[0].item() == pytest.approx(losses[place].item(), rel=1e-4)
        assert captioner.generate(alone(batch, place)) == [answers[place]]


@torch.no_grad()
def test_the_question_matters(batch):
    captioner = tiny()
    other = {**batch, "questions": [QUESTIONS[1], QUESTIONS[0], QUESTIONS[2]]}
    one, two = captioner.loss_per_cell(batch)[0], captioner.loss_per_cell(other)[0]
    assert (one != two).tolist() == [True, True, False]
    described = {name: batch[name] for name in ("images", "captions", "cell_ids")}
    assert torch.allclose(captioner.loss_per_cell(described)[0][2], one[2], rtol=1e-4)  # without one: a description


@torch.no_grad()
def test_transformers_alone_answers_with_what_is_exported(batch, tmp_path):
    captioner = tiny(decoding=Decoding(num_beams=1, max_new_tokens=6))
    told = captioner.generate(batch)
    pixels = captioner.pixel_values(batch["images"])
    write_model(captioner, tmp_path)
    model = ConvStemBlipAnswering.from_pretrained(tmp_path).eval()
    processor = AutoProcessor.from_pretrained(tmp_path)
    for place in range(2):
        asked = processor(text=QUESTIONS[place], return_tensors="pt")
        tokens = model.generate(
            pixel_values=pixels[place : place + 1], generation_config=model.generation_config, **asked
        )
        said = processor.decode(tokens[0], skip_special_tokens=True).strip()
        assert said.replace(" ", "").lower() == told[place].replace(" ", "").lower()


def test_adapters_read_questions_and_the_image_stays_as_it_is():
    trained = {name for name, weight in tiny(adaptation="lora").named_parameters() if weight.requires_grad}
    assert any("text_encoder" in name and "lora_" in name for name in trained)
    assert not any("vision_model" in name for name in trained)


def test_an_encoder_of_ones_own_is_refused():
    with pytest.raises(ConfigError, match="vision"):
        tiny(vision=TimmEncoding("vit_tiny_patch16_224"))
