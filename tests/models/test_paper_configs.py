"""The four variants of the paper: complete configs, its settings, one decoding for all; released settings beside."""

from pathlib import Path

import pytest
import yaml

from hemblip.cli.main import main

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


def test_released_settings_are_those_of_the_released_code(capsys):
    """The table of the settings by which its code differs from the paper's text."""
    full, lora, gemma = (settings(name, capsys, "fit") for name in RELEASED)

    def adapters(config):
        model = config["model"]["init_args"]
        whole = {name: model.get(name) for name in ("train_last_layers", "train_head", "train_embeddings")}
        return (model["lora_rank"], model["lora_alpha"], model["lora_dropout"], *whole.values())

    def training(config):
        trainer = config["trainer"]
        return trainer["max_epochs"], config["data"]["init_args"]["batch_size"], trainer["accumulate_grad_batches"]

    def schedule(config):
        model = config["model"]["init_args"]
        return model["schedule"], model["warmup"], model["weight_decay"]

    assert (
        full["model"]["init_args"]["adaptation"] == "full" and lora["model"]["init_args"]["lora_attention"] == "cross"
    )
    assert adapters(lora) == (8, 16, 0.05, 2, True, True) and adapters(gemma) == (4, 8, 0.05, 0, False, None)
    assert [training(config) for config in (full, lora, gemma)] == [(5, 4, 1), (10, 4, 8), (3, 1, 8)]
    assert full["model"]["init_args"]["schedule"] == "constant" and full["model"]["init_args"]["warmup"] == 0
    assert [schedule(config) for config in (lora, gemma)] == [("cosine", 0.1, 0.05), ("linear", 0.1, 0.05)]
    patience = [config["early_stopping"]["patience"] for config in (full, lora, gemma)]
    assert patience == [5, 2, 3] and full["trainer"]["max_epochs"] == 5 and gemma["trainer"]["max_epochs"] == 3
    decoding = [config["model"]["init_args"]["decoding"] for config in (full, lora, gemma)]
    chosen = ("num_beams", "no_repeat_ngram_size", "max_new_tokens")
    assert [tuple(way[name] for name in chosen) for way in decoding] == [(3, 2, 200), (4, 3, 200), (1, 7, 200)]
    assert [way["repetition_penalty"] for way in decoding] == [1.0, 1.15, 1.2]
