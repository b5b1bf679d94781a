"""DinoBloom's layout in BLIP and in `probe`: a tiny random encoder of timm, saved as it is published."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from finished_run import finished_run
from PIL import Image
from tiny_blip import CAPTIONS, tiny

pytest.importorskip("timm", reason="the extra `probing` is not installed", exc_type=(ImportError, RuntimeError))

from models.dino_layout import SIDE, published

from hemblip import load
from hemblip.cli.main import main
from hemblip.errors import CheckpointError, ConfigError, ModelAccessError
from hemblip.models.blip import BlipCaptioner, TimmEncoding
from hemblip.morphology.spelling import printed
from hemblip.probing import TimmEncoder
from hemblip.run import Run

PLAIN, REGISTERS = "tiny_patch14_dinov2", "tiny_patch14_reg4_dinov2"


@pytest.fixture
def images():
    return torch.randint(0, 256, (3, 3, SIDE, SIDE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def pixels(network, images):
    mean, deviation = (torch.tensor(network.pretrained_cfg[key]).view(3, 1, 1) for key in ("mean", "std"))
    return (images / 255 - mean) / deviation


@pytest.mark.parametrize("registers", [False, True])
@pytest.mark.parametrize("chunked", [False, True])
def test_probe_embeds_as_the_published_network(tmp_path, images, registers, chunked):
    network = published(tmp_path / "bloom.pth", registers, chunked)
    encoder = TimmEncoder(REGISTERS if registers else PLAIN, str(tmp_path / "bloom.pth"), image_size=SIDE)
    torch.testing.assert_close(encoder.embed(images), network(pixels(network, images)).detach())


@pytest.mark.parametrize("registers", [False, True])
@pytest.mark.parametrize("adaptation", ["full", "lora"])
def test_blip_reads_the_networks_class_token_and_patches(tmp_path, images, registers, adaptation):
    network = published(tmp_path / "bloom.pth", registers)
    vision = TimmEncoding(REGISTERS if registers else PLAIN, str(tmp_path / "bloom.pth"), SIDE)
    captioner = tiny(vision=vision, adaptation=adaptation).eval()
    tokens = network.forward_features(pixels(network, images))
    tokens = torch.cat([tokens[:, :1], tokens[:, -4:]], 1)
    expected = captioner.model.vision_model.projection(tokens)
    torch.testing.assert_close(captioner.encode(images), expected, rtol=1e-4, atol=1e-5)
    assert captioner.image_size == SIDE and captioner.embed({"images": images}).shape == (3, 32)


def test_lora_trains_the_projection_and_no_weight_of_the_encoder(tmp_path, images):
    published(tmp_path / "bloom.pth")
    captioner = tiny(vision=TimmEncoding(PLAIN, str(tmp_path / "bloom.pth"), SIDE), adaptation="lora")
    trained = {name for name, weight in captioner.model.vision_model.named_parameters() if weight.requires_grad}
    assert trained == {"projection.weight", "projection.bias"}
    before = captioner.model.vision_model.encoder.blocks[0].mlp.fc1.weight.clone()
    captioner.loss_per_cell({"images": images, "captions": CAPTIONS, "cell_ids": ["a", "b", "c"]})[0].sum().backward()
    assert captioner.model.vision_model.projection.weight.grad.abs().sum() > 0
    assert torch.equal(before, captioner.model.vision_model.encoder.blocks[0].mlp.fc1.weight)


def settings_of(folder, adaptation):
    return {
        "pretrained": "compact",
        "compact": {"image_size": 32, "stem": [8, 16, 16], "hidden_size": 32, "decoder_layers": 3, "heads": 2},
        "vision": {"timm": PLAIN, "weights": str(folder / "bloom.pth"), "image_size": SIDE},
        "adaptation": adaptation,
        "decoding": {"max_new_tokens": 8},
    }


def made(settings):
    from hemblip.models.loading import build

    return build({"class_path": "hemblip.models.BlipCaptioner", "init_args": settings}, "test")


@pytest.mark.parametrize("adaptation", ["full", "lora"])
def test_a_run_and_its_export_caption_alike(workplace, images, adaptation):
    published(workplace / "bloom.pth")
    settings = settings_of(workplace, adaptation)
    torch.manual_seed(0)
    captioner = made(settings).eval()
    with torch.no_grad():
        captioner.model.text_decoder.cls.predictions.decoder.weight.normal_()
    data = {"class_path": "hemblip.data.InternalCells"}
    data["init_args"] = {"image_size": SIDE, "crop": 1.0, "sources": []}
    finished_run(workplace / "runs/model/version_0", captioner, settings, data)
    batch = {"images": images, "captions": [], "cell_ids": []}
    expected = captioner.generate(batch)
    assert Run("runs/model/version_0").captioner().generate(batch) == expected
    assert main(["export", "--run", "runs/model/version_0", "--output", "out"]) == 0
    features, again = captioner.encode(images), load("out", device="cpu")
    assert again.generate(batch) == expected and (features[0] - features[1]).abs().max() > 0.01
    torch.testing.assert_close(again.encode(images), features)
    card = Path("out/README.md").read_text()
    code = re.search(r"```python\n(.*?)```", card, re.DOTALL)[1]
    for cell, caption, feature in zip(images, expected, features, strict=True):
        Image.fromarray(np.ascontiguousarray(cell.permute(1, 2, 0).numpy())).save("cell.png")
        names = {}
        exec(code, names)
        assert printed(names["caption"]) == caption
        seen = names["model"].vision_model(pixel_values=names["pixels"]).last_hidden_state
        torch.testing.assert_close(seen[0], feature, rtol=1e-4, atol=1e-4)
    assert str(workplace) not in card


@pytest.mark.slow
def test_the_shipped_config_runs_from_fit_to_export(workplace):
    """`configs/blip_dinobloom.yaml` with a compact decoder, the tiny encoder and drawn cells."""
    published(workplace / "bloom.pth")
    config = yaml.safe_load((Path(__file__).parents[2] / "configs/blip_dinobloom.yaml").read_text())
    settings = settings_of(workplace, "lora")
    settings["compact"]["image_size"] = 32
    config["model"]["init_args"] |= settings
    config["data"]["init_args"] |= {"image_size": SIDE, "num_workers": 0, "limit": 12, "cache": "cache"}
    config["data"]["init_args"]["sources"] = [
        {"class_path": "hemblip.data.sources.Synthetic", "init_args": {"cells": 120, "size": 32}}
    ]
    config["trainer"] |= {"max_epochs": 1, "accelerator": "cpu", "enable_progress_bar": False}
    Path("config.yaml").write_text(yaml.safe_dump(config))
    assert main(["fit", "--config", "config.yaml"]) == 0
    assert main(["test", "--run", "runs/blip_dinobloom"]) == 0
    images = str(Path(Run("runs/blip_dinobloom/version_0").predictions("test")["image"].iloc[0]).parent)
    assert main(["predict", "--run", "runs/blip_dinobloom", "--images", images, "--output", "cells.csv"]) == 0
    assert main(["export", "--run", "runs/blip_dinobloom/version_0", "--output", "out"]) == 0
    told = pd.read_csv("cells.csv").head(3)
    again = [one.caption for one in load("out", device="cpu").describe(told["image"].tolist())]
    assert again == told["caption"].fillna("").tolist()


def test_weights_of_another_encoder_are_refused(workplace):
    published(workplace / "bloom.pth")
    settings = settings_of(workplace, "lora")
    finished_run(workplace / "runs/model/version_0", made(settings), settings)
    published(workplace / "bloom.pth", chunked=True)
    Run("runs/model/version_0").captioner()  # the same weights
    other = torch.load(workplace / "bloom.pth")
    other["teacher"]["backbone.norm.bias"] += 1
    torch.save(other, workplace / "bloom.pth")
    with pytest.raises(CheckpointError, match="the checkpoint has vision 'tiny_patch14_dinov2 "):
        Run("runs/model/version_0").captioner()


def test_files_that_do_not_fit_are_said_in_one_line(tmp_path):
    published(tmp_path / "reg.pth", registers=True)
    published(tmp_path / "plain.pth")
    for name, file, says in (
        (PLAIN, "reg.pth", "it has registers; take the model of that name with `_reg4_`"),
        (REGISTERS, "plain.pth", "it has no registers; take the model of that name without `_reg4_`"),
    ):
        with pytest.raises(ModelAccessError, match=says) as error:
            TimmEncoder(name, str(tmp_path / file), image_size=SIDE)
        assert "\n" not in str(error.value)
    with pytest.raises(ConfigError, match="no file"):
        BlipCaptioner("compact", vision=TimmEncoding(PLAIN, "none.pth", SIDE))
    torch.save({"teacher": 5}, tmp_path / "odd.pth")
    with pytest.raises(ModelAccessError, match="holds no weights by name"):
        TimmEncoder(PLAIN, str(tmp_path / "odd.pth"), image_size=SIDE)
