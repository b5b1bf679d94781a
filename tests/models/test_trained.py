"""Captioners are rebuilt from run folders: settings from the config, weights from the checkpoint."""

from dataclasses import asdict

import pytest
import torch
from finished_run import finished_run
from tiny_blip import TINY, tiny

from hemblip.errors import CheckpointError
from hemblip.models.medgemma import MedGemmaCaptioner
from hemblip.models.trained import load_captioner

LORA = {"adaptation": "lora", "lora_rank": 4, "train_last_layers": 1}


@pytest.fixture
def run(tmp_path):
    captioner = tiny(**LORA)
    with torch.no_grad():
        for parameter in captioner.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05)
    settings = {"pretrained": "compact", "compact": asdict(TINY) | {"stem": list(TINY.stem)}, **LORA}
    settings["decoding"] = {"num_beams": 2, "max_new_tokens": 5}
    return captioner, finished_run(tmp_path / "lora" / "version_0", captioner, settings)


@pytest.mark.parametrize("named", ["", "checkpoints/best.ckpt"])
def test_run_or_checkpoint_gives_the_trained_captioner(run, named):
    captioner, folder = run
    torch.manual_seed(1)  # what the checkpoint leaves out does not depend on the seed
    restored = load_captioner(folder / named)
    weights = restored.state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in captioner.state_dict().items())
    assert restored.decoding.num_beams == 2 and not restored.training


def test_a_setting_can_be_changed(run):
    assert load_captioner(run[1], decoding={"num_beams": 3}).decoding.num_beams == 3


def test_an_untrained_model_needs_no_checkpoint(tmp_path):
    settings = {"pretrained": "compact", "adaptation": "base"}
    folder = finished_run(tmp_path / "base", MedGemmaCaptioner(**settings), settings)
    (folder / "checkpoints" / "best.ckpt").unlink()
    assert load_captioner(folder).adaptation == "base"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "no such file; give a run folder"),
        ("model: [", "not readable as YAML"),
        ("name: x", "has no section `model`"),
        ("model: {class_path: hemblip.models.BlipCaptioner, init_args: {rank: 3}}", "cannot be built.*rank"),
        ("model: {class_path: hemblip.models.BlipCaptioner, init_args: {pretrained: compact}}", "'lora'.*'full'"),
    ],
)
def test_what_is_wrong_with_a_run_is_said(run, text, says):
    folder = run[1]
    (folder / "config.yaml").unlink() if text is None else (folder / "config.yaml").write_text(text)
    with pytest.raises(CheckpointError, match=says):
        load_captioner(folder)


def test_a_run_without_its_checkpoint(run):
    (run[1] / "checkpoints" / "best.ckpt").unlink()
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        load_captioner(run[1])
