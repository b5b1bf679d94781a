"""The four variants of the paper: complete configs, its settings, one decoding for all; released settings beside."""

from pathlib import Path

import pytest
import yaml

from hemblip.__main__ import main

CONFIGS = Path(__file__).parents[2] / "configs"
PAPER = ["blip_full", "blip_lora", "medgemma_base", "medgemma_lora"]
RELEASED = ["released_code/blip_full", "released_code/blip_lora", "released_code/medgemma_lora"]


def settings(name, capsys, command="test"):
    assert main([command, "--config", str(CONFIGS / f"{name}.yaml"), "--print_config"]) == 0
    return yaml.safe_load(capsys.readouterr().out)


@pytest.mark.parametrize("name", PAPER)
def test_settings_are_those_of_the_paper(name, capsys):
    config = settings(name, capsys, "fit")
    model = config["model"]["init_args"]
    assert (model["learning_rate"], model["warmup"], model["schedule"]) == (5e-5, 0.0, "constant")
    assert config["early_stopping"]["monitor"] == "val_loss" and config["name"] == name
    kind, adaptation = name.split("_")
    assert model["adaptation"] == adaptation and kind in config["model"]["class_path"].lower()
    if adaptation == "lora":
        assert (model["train_last_layers"], model["train_head"]) == (2, True)


def test_all_four_write_captions_alike(capsys):
    first, *others = [settings(name, capsys)["model"]["init_args"]["decoding"] for name in PAPER]
    assert others == 3 * [first] and (first["num_beams"], first["max_new_tokens"]) == (3, 200)


def test_all_four_read_the_same_cells(capsys):
    cells = [settings(name, capsys)["data"]["init_args"] for name in PAPER]
    assert len({yaml.dump([data["sources"], data["image_size"], data["seed"]]) for data in cells}) == 1


@pytest.mark.parametrize("name", RELEASED)
def test_released_settings_parse_and_differ_from_the_paper(name, capsys):
    config = settings(name, capsys, "fit")
    paper = settings(Path(name).name, capsys, "fit")
    assert config["model"]["init_args"] != paper["model"]["init_args"] and config["name"] != paper["name"]
    assert config["model"]["init_args"]["learning_rate"] == 5e-5
