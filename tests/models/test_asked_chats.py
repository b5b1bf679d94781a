"""Chat captioners that are asked a question of each cell: prompts of different lengths in one batch."""

import pytest
import torch
from models.vlm_twins import KINDS, SIDE, written

from hemblip.models import MedGemmaCaptioner, VlmCaptioner
from hemblip.models.decoding import Decoding

QUESTIONS = ["What size is the cell?", "", "Is the nuclear-cytoplasmic ratio high?", "What size is the cell?"]
DECODING = Decoding(max_new_tokens=5)


@pytest.fixture(params=["medgemma", *KINDS])
def captioner(request, tmp_path):
    torch.manual_seed(0)
    if request.param == "medgemma":
        return MedGemmaCaptioner("compact", adaptation="full", decoding=DECODING).eval()
    return VlmCaptioner(written(request.param, tmp_path), image_size=SIDE, decoding=DECODING).eval()


@torch.no_grad()
def test_answers_depend_on_their_own_question_alone(captioner):
    size, generator = captioner.image_size, torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (4, 3, size, size), dtype=torch.uint8, generator=generator)
    batch = {"images": images, "captions": ["large", "a large cell", "yes", "large"], "cell_ids": list("abcd")}
    asked = {**batch, "questions": QUESTIONS}
    losses, answers = captioner.loss_per_cell(asked)[0], captioner.generate(asked)
    for place in range(4):
        one = {name: values[place : place + 1] for name, values in asked.items()}
        assert captioner.loss_per_cell(one)[0].item() == pytest.approx(losses[place].item(), abs=2e-3)
        assert captioner.generate(one) == [answers[place]]
    without = captioner.loss_per_cell(batch)[0]
    assert torch.allclose(without[1], losses[1], atol=2e-3)
    assert (without - losses)[[0, 2, 3]].abs().min() > 2e-3
