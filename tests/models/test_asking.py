"""Probabilities of an attribute's values."""

import pytest
import torch
from tiny_blip import tiny

from hemblip.models import MedGemmaCaptioner
from hemblip.models.asking import answer_columns, nearest_style
from hemblip.morphology import SCHEMA, STYLES, describe

CELL = {"cell_type": "monocyte", "cell_size": "large", "granules": "absent", "cytoplasm_vacuoles": "present"}


def twin():
    torch.manual_seed(0)
    return MedGemmaCaptioner(pretrained="compact", adaptation="full")


def batch(captioner, count=3):
    size = captioner.image_size
    images = torch.randint(
        0, 256, (count, 3, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )
    return {"images": images, "captions": [""] * count, "cell_ids": [str(number) for number in range(count)]}


@pytest.mark.parametrize("make", [tiny, twin])
def test_values_are_weighed_as_whole_captions(make):
    captioner = make().eval()
    cells, captions = batch(captioner), [describe(CELL, 0)] * 3
    found = captioner.answer(cells, "cell_size", captions)
    losses = []
    for value in SCHEMA["cell_size"]:
        told = {**cells, "captions": [describe({**CELL, "cell_size": value}, 0)] * 3}
        with torch.no_grad():
            losses.append(captioner.loss_per_cell(told)[0])
    expected = (-torch.stack(losses, 1)).softmax(1)
    assert found.shape == (3, 3) and torch.allclose(found, expected, atol=1e-5)
    assert not torch.allclose(found[0], found[1], atol=1e-9) or make is twin


def test_what_training_did_not_have_has_no_probability():
    captioner = tiny().eval()
    captioner.taught = {"cell_size": ["small", "large"]}
    found = captioner.answer(batch(captioner), "cell_size")
    assert (found[:, SCHEMA["cell_size"].index("medium")] == 0).all()
    assert torch.allclose(found.sum(1), torch.ones(3))


def test_what_a_value_excludes_is_left_out():
    captioner = tiny().eval()
    coloured = [describe({"cell_type": "basophil", "granules": "coarse", "granule_colour": "purple"}, 0)] * 3
    for key in ("granules", "granule_colour"):
        assert captioner.answer(batch(captioner), key, coloured).shape == (3, len(SCHEMA[key]))
        assert captioner.answer(batch(captioner), key, [describe(CELL, 0)] * 3).isfinite().all()


@pytest.mark.parametrize("style", range(STYLES))
def test_the_style_is_that_of_the_captions(style):
    assert nearest_style(describe(CELL, style)) == style
    assert nearest_style("nothing") == 0


def test_an_answer_does_not_depend_on_the_other_cells_of_a_batch():
    captioner = tiny().eval()
    cells, said = batch(captioner), [describe(CELL, style) for style in (5, 0, 0)]
    whole = captioner.answer(cells, "cell_size", said)
    for place in range(3):
        one = {**cells, "images": cells["images"][place : place + 1], "cell_ids": cells["cell_ids"][place : place + 1]}
        alone = captioner.answer({**one, "captions": [""]}, "cell_size", said[place : place + 1])
        assert torch.allclose(alone[0], whole[place], atol=1e-5)


@pytest.mark.parametrize("make", [tiny, twin])
def test_answers_are_columns_of_prediction_rows(make):
    captioner = make().eval()
    captioner.taught = {key: list(values) for key, values in SCHEMA.items()} | {"diagnosis": ["healthy"]}
    cells, captions = batch(captioner), [describe(CELL, 0), describe({"cell_type": "basophil"}, 0), ""]
    rows = answer_columns(captioner, cells, captions)
    chances = captioner.answer(cells, "cell_size", captions)
    for row, chance in zip(rows, chances, strict=True):
        assert row["answer_cell_size"] == SCHEMA["cell_size"][int(chance.argmax())]
        assert row["answer_confidence_cell_size"] == pytest.approx(float(chance.max()))
        assert row["answer_diagnosis"] is None and row["asked_confidence_diagnosis"] is None
    assert rows[0]["asked_confidence_cell_size"] == pytest.approx(float(chances[0, SCHEMA["cell_size"].index("large")]))
    assert rows[1]["asked_confidence_cell_size"] is None and rows[2]["asked_confidence_cell_type"] is None
