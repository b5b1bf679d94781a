"""The command line from images to scores, and what it says about mistakes."""

import re
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml

from hemblip.cli import main
from hemblip.errors import DataError
from hemblip.morphology import KEYS
from hemblip.predictions import read_predictions
from hemblip.runs import read_metrics

ROOT = Path(__file__).parents[1]
TINY = str(ROOT / "tests" / "conf" / "tiny.yaml")
RUN = Path("runs/tiny/version_0")
BEST = str(RUN / "checkpoints" / "best.ckpt")

CONFIGS = sorted(path for path in (ROOT / "configs").rglob("*.yaml") if "sweeps" not in path.parts)
CONFIGS.remove(ROOT / "configs" / "decoding.yaml")  # a part of others
COMMANDS = {"audit": "audit", "prepare": "prepare", "probe": "probe", "captions": "caption"}
"""First word of a config's name -> its command; other configs are for `fit`."""


def test_fit_test_and_predict(workplace, capsys):
    assert main(["fit", "--config", TINY]) == 0
    assert {"data", "model", "training", "precision", "results", "finished"} <= first_words(capsys.readouterr().out)
    logged = pd.read_csv(RUN / "metrics.csv")
    assert {"train_loss", "val_loss", "val_accuracy", "learning_rate", "cells_per_second"} <= set(logged.columns)
    assert yaml.safe_load((RUN / "config.yaml").read_text())["data"]["init_args"]["image_size"] == 32
    assert not list(RUN.rglob("val.parquet")) and not read_metrics(RUN)  # a sample, and not of the best weights

    assert main(["validate", "--config", TINY, "--ckpt_path", BEST]) == 0
    assert len(read_predictions(RUN / "predictions" / "val.parquet")) == 24  # all, not the sample of 4

    assert main(["test", "--config", TINY, "--ckpt_path", BEST]) == 0
    rows = read_predictions(RUN / "predictions" / "test.parquet")
    assert rows["cell_id"].is_unique and set(rows["split"]) == {"test"} and set(rows["model"]) == {"tiny"}
    assert "test" in read_metrics(RUN)
    assert str(RUN / "predictions" / "test.parquet") in capsys.readouterr().out

    words = ["--data", "hemblip.data.ExternalCells", "--data.image_size", "32", "--data.cache", "cache"]
    sources = "[{class_path: hemblip.data.sources.Synthetic, init_args: {cells: 20, size: 32, external: true}}]"
    assert main(["test", "--config", TINY, *words, "--data.sources", sources, "--ckpt_path", BEST]) == 0
    assert len(read_predictions(RUN / "predictions" / "external.parquet")) == 20
    assert {"test", "external"} <= read_metrics(RUN).keys()

    images = str(Path(rows["image"].iloc[0]).parent)
    assert main(["predict", "--config", TINY, "--images", images, "--output", "o.csv", "--ckpt_path", BEST]) == 0
    captions = pd.read_csv("o.csv")
    assert len(captions) == 120 and {"cell_id", "image", "caption", "confidence", *KEYS} <= set(captions.columns)
    assert main(["predict", "--config", TINY, "--images", "nowhere", "--ckpt_path", BEST]) == 2
    assert "nowhere" in one_line(capsys)


def test_images_that_are_gone_cost_only_what_looks_at_them(workplace, capsys):
    """The training cells' images need not be where a trained run is tested."""
    assert main(["fit", "--config", TINY, "--trainer.max_epochs", "1"]) == 0
    cells = pd.read_parquet(RUN / "training_cells.parquet")
    cells.assign(image="/gone/" + cells["cell_id"]).to_parquet(RUN / "training_cells.parquet")
    assert main(["test", "--config", TINY, "--ckpt_path", BEST]) == 0
    told = capsys.readouterr().out
    assert re.search(r"baselines +n/a \(.*/gone/", told) and (RUN / "report.html").is_file()
    scores = read_metrics(RUN)["test"]
    assert scores["model"]["cells"] == 24 and set(scores["baselines"]) == {"majority value", "modal caption"}


def test_the_scores_are_on_disk_before_the_report_fails(workplace, capsys, monkeypatch):
    def fails(*_, **__):
        raise DataError("no room for a page")

    monkeypatch.setattr("hemblip.callbacks.caption_evaluation.write_report", fails)
    assert main(["fit", "--config", TINY, "--trainer.max_epochs", "1"]) == 0
    assert main(["test", "--config", TINY, "--ckpt_path", BEST]) == 0
    assert re.search(r"report +n/a \(no room for a page\)", capsys.readouterr().out)
    assert len(read_metrics(RUN)["test"]["baselines"]) == 4


def first_words(text):
    return {line.split()[0] for line in text.splitlines() if line.strip()}


def one_line(capsys):
    error = capsys.readouterr().err
    lines = [line for line in error.splitlines() if line.startswith("error:")]
    assert len(lines) == 1 and "Traceback" not in error
    return lines[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fit", "--config", "configs/nope.yaml"], "configs/nope.yaml"),
        (["fit", "--config", TINY, "--trainer.max_epoch", "3"], "--trainer.max_epoch"),
        (["fit", "--config", TINY, "--model.init_args.learning_rat", "3"], "learning_rat"),
        (["fit", "--config", TINY, "--trainer.max_epochs", "three"], "three"),
        (["fit", "--config", TINY, "--data.init_args.crop", "3"], "crop is 3.0"),
        (["fit", "--config", TINY, "--data.init_args.image_size", "48"], "48 x 48"),
        (["fit", "--config", TINY, "--evaluation.validation_cells", "-1"], "validation_cells is -1"),
        (["fit", "--config", TINY, "--model.init_args.adaptation", "lore"], "lore"),
        (["fit", "--config", TINY, "--model", "NoCaptioner"], "NoCaptioner"),
        (["test", "--config", TINY, "--ckpt_path", "nope.ckpt"], "nope.ckpt: no such file"),
        (["fit"], "required"),
        (["fits"], "no command 'fits'"),
        (["probe", "--config", "nope.yaml"], "nope.yaml"),
    ],
)
def test_mistakes_give_one_line(workplace, capsys, words, said):
    assert main(words) == 2
    assert said in one_line(capsys)


def test_torn_and_foreign_checkpoints(workplace, capsys):
    Path("torn.ckpt").write_bytes(b"PK\x03\x04 torn")
    assert main(["test", "--config", TINY, "--ckpt_path", "torn.ckpt"]) == 2
    assert "torn.ckpt: not a readable checkpoint" in one_line(capsys)
    torch.save({"state_dict": {}, "hemblip": {"pretrained": "other"}, "pytorch-lightning_version": "2.6.6"}, "o.ckpt")
    assert main(["test", "--config", TINY, "--ckpt_path", "o.ckpt"]) == 2
    assert "has pretrained 'other', the config asks for 'compact'" in one_line(capsys)


def test_typo_in_a_config(workplace, capsys):
    text = Path(TINY).read_text().replace("batch_size", "batchsize")
    Path("typo.yaml").write_text(text)
    assert main(["fit", "--config", "typo.yaml"]) == 2
    assert "batchsize" in one_line(capsys)
    Path("torn.yaml").write_text("model: [")
    assert main(["fit", "--config", "torn.yaml"]) == 2
    assert "torn.yaml" in one_line(capsys)


@pytest.mark.parametrize("command", ["fit", "validate", "test", "predict", "probe", "prepare", "audit", "compare"])
def test_help_and_print_config(capsys, command):
    assert main([command, "--help"]) == 0
    assert "--config" in capsys.readouterr().out
    assert main([command, "--print_config"]) == 0


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: str(path.relative_to(ROOT / "configs")))
def test_every_config_is_parsed(workplace, capsys, monkeypatch, path):
    command = COMMANDS.get(path.stem.split("_")[0], "fit")
    monkeypatch.chdir(ROOT)
    words = ["--data", str(path), "--model", "BlipCaptioner"] if path.parent.name == "data" else ["--config", str(path)]
    assert main([command, *words, "--print_config"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)


def test_there_are_configs():
    assert len(CONFIGS) >= 12
