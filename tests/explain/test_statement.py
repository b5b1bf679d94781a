"""What a caption states is scored by its own tokens; maps are made for BLIP and for MedGEMMA."""

import sys

import pytest
import torch
from tiny_blip import tiny

from hemblip.errors import ConfigError, DataError
from hemblip.explain.methods import CONTROLS, METHODS
from hemblip.explain.statement import CAPTION, CaptionReader, as_input
from hemblip.models import MedGemmaCaptioner

TEXT = "a large monocyte with light blue cytoplasm and dense chromatin."


@pytest.fixture(scope="module")
def gemma():
    return MedGemmaCaptioner("compact", adaptation="base").eval()


@pytest.fixture(params=["blip", "gemma"])
def captioner(request, gemma):
    return tiny().eval() if request.param == "blip" else gemma


def image(captioner, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return torch.rand(3, captioner.image_size, captioner.image_size, generator=draw) * 255


def test_a_statement_is_scored_by_its_words(captioner):
    reader = CaptionReader(captioner, TEXT)
    made = {statement.key: statement for statement in reader.statements}
    assert list(made) == ["cell_size", "cell_type", "cytoplasm_colour", "chromatin", CAPTION]
    pieces = [captioner.piece(token) for token in reader.ids[0].tolist()]
    assert "".join(pieces[index] for index in made["cytoplasm_colour"].tokens).split() == ["light", "blue"]
    pixels = image(captioner)
    tokens = reader.log_probabilities(pixels[None])[0]
    scores = dict(zip(made, reader.scores(pixels[None], reader.statements)[0].tolist(), strict=True))
    wanted = sum(tokens[index].item() for index in made["cytoplasm_colour"].tokens)
    assert scores["cytoplasm_colour"] == pytest.approx(wanted, rel=1e-5)
    batch = {"images": pixels[None], "captions": [TEXT], "cell_ids": ["1"]}
    assert scores[CAPTION] == pytest.approx(-captioner.loss_per_cell(batch)[0].item(), rel=1e-4)


@pytest.mark.parametrize("name", [*METHODS, *CONTROLS])
def test_each_method_maps_each_statement(captioner, name):
    reader, pixels = CaptionReader(captioner, TEXT), image(captioner)
    parts = torch.zeros(pixels.shape[1:], dtype=torch.uint8)
    parts[8:24, 8:24] = 1
    parts[12:20, 12:20] = 2
    maps = {**METHODS, **CONTROLS}[name](reader, pixels, reader.statements, parts)
    assert maps.shape == (len(reader.statements), *pixels.shape[1:]) and not maps.requires_grad
    assert torch.isfinite(maps).all() and maps.min() >= 0 and maps.sum() > 0
    again = {**METHODS, **CONTROLS}[name](reader, pixels, reader.statements, parts)
    assert torch.equal(maps, again)


@pytest.mark.parametrize("name", ["occlusion", "integrated", "parts"])
def test_a_captioner_that_looks_at_one_corner_is_found_out(name, monkeypatch):
    reader = CaptionReader(tiny().eval(), TEXT)
    pixels = image(reader.captioner)
    monkeypatch.setattr(
        CaptionReader,
        "scores",
        lambda self, images, statements: (
            images[:, 0, :12, :12].pow(2).mean((1, 2))[:, None].expand(-1, len(statements))
        ),
    )
    parts = torch.zeros(32, 32, dtype=torch.uint8)
    parts[:12, :12] = 2
    (found,) = METHODS[name](reader, 0.2 * pixels + 200 * (parts == 2), reader.statements[:1], parts)
    assert found[:16, :16].sum() > 0.8 * found.sum()


def test_attention_is_read_at_the_tokens_that_predict_the_statement(monkeypatch):
    """The second word is predicted at the second position; were that all about the second patch, so is the map."""
    captioner = tiny().eval()
    reader = CaptionReader(captioner, TEXT)
    relevance = torch.zeros(reader.ids.shape[1], 17)  # the class token, then 4 x 4 patches of 8 pixels
    relevance[1, 2] = 1
    module = sys.modules["hemblip.explain.methods.attention_gradient"]
    monkeypatch.setattr(module, "_followed", lambda *_: relevance)
    (found,) = METHODS["attention"](reader, image(captioner), [reader.statement("cell_size")], None)
    assert reader.statement("cell_size").tokens == (1,) and found[2:6, 10:14].sum() > 10 * found[16:].sum()
    assert found.argmax() // 32 < 8 and 8 <= found.argmax() % 32 < 16


def test_relevance_goes_from_token_to_token_to_patch():
    """The third token looks at the second alone, and only that looks at a patch, in the layer before."""
    followed = sys.modules["hemblip.explain.methods.attention_gradient"]._followed
    text, cross = [torch.zeros(3, 3) for _ in range(2)], [torch.zeros(3, 4) for _ in range(2)]
    cross[0][1, 3] = text[1][2, 1] = 1.0
    assert followed([*text, *cross], 0, 2)[2].tolist() == [0, 0, 0, 1]
    image = torch.zeros(4, 4)
    image[3, 0] = 1.0  # the patch has looked at another one
    assert followed([image, *text, *cross], 1, 2)[2].tolist() == [1, 0, 0, 1]


def test_what_cannot_be_explained_is_said(captioner):
    with pytest.raises(DataError, match="no statement of granules in the caption 'a large monocyte"):
        CaptionReader(captioner, TEXT).statement("granules")
    with pytest.raises(DataError, match="empty"):
        CaptionReader(captioner, "  ")
    assert as_input(torch.zeros(3, 3, 2), captioner).shape == (3, captioner.image_size, captioner.image_size)
    with pytest.raises(ConfigError, match="Linear cannot be explained"):
        CaptionReader(torch.nn.Linear(1, 1), TEXT)


def test_a_model_without_attention_is_told(monkeypatch):
    captioner = tiny().eval()
    reader = CaptionReader(captioner, TEXT)
    forward = captioner.model.text_decoder.forward

    def without(*arguments, **settings):
        output = forward(*arguments, **settings)
        output.attentions = output.cross_attentions = None
        return output

    monkeypatch.setattr(captioner.model.text_decoder, "forward", without)
    with pytest.raises(ConfigError, match="compact gives no attention; explain it with --method occlusion"):
        METHODS["attention"](reader, image(captioner), reader.statements, None)
