"""The command line from images to scores, and what it says about mistakes."""

import os
import re
import shutil
import socket
import subprocess
import sys
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml

import hemblip
from hemblip.cli.main import main
from hemblip.errors import CheckpointError, DataError
from hemblip.morphology import KEYS
from hemblip.predictions import read_predictions
from hemblip.run import Run

ROOT = Path(__file__).parents[2]
TINY = str(ROOT / "tests" / "conf" / "tiny.yaml")
RUN = Path("runs/tiny/version_0")
BEST = str(RUN / "checkpoints" / "best.ckpt")

FEW = ["--data.init_args.limit", "16"]

HUB_LORA = ["--model.init_args.pretrained", "hub/blip", "--model.init_args.adaptation", "lora"]

CONFIGS = sorted(path for path in (ROOT / "configs").rglob("*.yaml") if "sweeps" not in path.parts)
CONFIGS.remove(ROOT / "configs" / "parts" / "decoding.yaml")  # a part of others
COMMANDS = ("audit", "prepare", "probe", "caption")
"""Folders of configs, named like their command; other configs are for `fit`."""


@pytest.fixture(scope="module")
def _drawn(tmp_path_factory):
    return tmp_path_factory.mktemp("drawn")


@pytest.fixture
def among_cells(workplace, _drawn, monkeypatch):
    """A working directory in which an earlier refused command has drawn the cells."""
    monkeypatch.chdir(_drawn)
    yield
    shutil.rmtree("runs", ignore_errors=True)


def test_fit_test_and_predict(workplace, capsys):
    assert main(["fit", "--config", TINY]) == 0
    assert {"data", "model", "training", "precision", "results", "finished"} <= first_words(capsys.readouterr().out)
    logged = pd.read_csv(RUN / "metrics.csv")
    assert {"train_loss", "val_loss", "val_accuracy", "learning_rate", "cells_per_second"} <= set(logged.columns)
    assert yaml.safe_load((RUN / "config.yaml").read_text())["data"]["init_args"]["image_size"] == 32
    assert not list(RUN.rglob("val.parquet")) and not Run(RUN).scores  # a sample, and not of the best weights

    describe = ["predict", "--config", TINY, "--ckpt_path", BEST]
    assert main(describe) == 2 and "predict is told no cells" in one_line(capsys)
    assert main([*describe, "--images", "data/synthetic", "--risk", "0.2"]) == 2
    assert "--risk 0.2 needs runs/tiny/version_0/predictions/val.parquet" in one_line(capsys)
    assert main(["validate", "--config", TINY, "--ckpt_path", BEST]) == 0
    assert len(read_predictions(RUN / "predictions" / "val.parquet")) == 24  # all, not the sample of 4

    assert main(["test", "--config", TINY, "--ckpt_path", BEST, "--evaluation.multi_reference", "true"]) == 0
    rows = read_predictions(RUN / "predictions" / "test.parquet")
    assert (rows["references"].map(len) > 1).all() and (rows["references"].str[0] == rows["reference"]).all()
    scores = Run(RUN).scores["test"]["model"]
    assert scores["multi_reference"]["references"] > 1
    assert scores["multi_reference"]["rouge_l"] >= scores["rouge_l"]
    assert rows["cell_id"].is_unique and set(rows["split"]) == {"test"} and set(rows["model"]) == {"tiny"}
    assert "test" in Run(RUN).scores
    assert str(RUN / "predictions" / "test.parquet") in capsys.readouterr().out

    images = "mine"
    Path(images).mkdir()
    for path in rows["image"]:
        shutil.copy(path, images)
    assert main([*describe, "--images", images, "--output", "o.csv"]) == 0
    captions = pd.read_csv("o.csv")
    assert len(captions) == 24 and {"cell_id", "image", "caption", "confidence", *KEYS} <= set(captions.columns)
    assert main([*describe, "--images", images, "--output", "less.csv", "--risk", "0.5"]) == 0
    less = pd.read_csv("less.csv")
    assert (
        less["cell_id"].equals(captions["cell_id"])
        and less[[*KEYS]].notna().sum().sum() < captions[[*KEYS]].notna().sum().sum()
    )
    last = ["--ckpt_path", str(Path(BEST).with_name("last.ckpt"))]
    for name, other in (("decoding", ["--model.init_args.decoding.max_new_tokens", "9"]), ("weights", last)):
        assert main([*describe, "--images", images, "--output", "other.csv", "--risk", "0.5", *other]) == 2
        assert f"val.parquet was written with other {name}" in one_line(capsys)
    assert main([*describe, "--images", "nowhere"]) == 2
    assert "nowhere" in one_line(capsys)


def test_images_that_are_gone_cost_only_what_looks_at_them(tiny_run, capsys):
    """The training cells' images need not be where a trained run is tested."""
    cells = pd.read_parquet(RUN / "training_cells.parquet")
    cells.assign(image="/gone/" + cells["cell_id"]).to_parquet(RUN / "training_cells.parquet")
    assert main(["test", "--config", TINY, "--ckpt_path", BEST]) == 0
    told = capsys.readouterr().out
    assert re.search(r"baselines +n/a \(.*/gone/", told) and (RUN / "report.html").is_file()
    scores = Run(RUN).scores["test"]
    assert scores["model"]["cells"] == 24 and set(scores["baselines"]) == {"majority value", "modal caption"}


def test_the_scores_are_on_disk_before_the_report_fails(tiny_run, capsys, monkeypatch):
    def fails(*_, **__):
        raise DataError("no room for a page")

    monkeypatch.setattr("hemblip.callbacks.run_report.write_report", fails)
    assert main(["test", "--config", TINY, "--ckpt_path", BEST]) == 0
    assert re.search(r"report +n/a \(no room for a page\)", capsys.readouterr().out)
    assert len(Run(RUN).scores["test"]["baselines"]) == 4


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
        (
            ["fit", "--config", TINY, "--trainer.max_epochs", "three"],
            "trainer.max_epochs: Expected int. Got value: three",
        ),
        (["fit", "--config", TINY, "--data.init_args.image_size", "48"], "48 x 48"),
        (["fit", "--config", TINY, "--model", "NoCaptioner"], "NoCaptioner"),
        (["test", "--config", TINY, "--ckpt_path", "nope.ckpt"], "nope.ckpt: no such file or run"),
        (["test", "--config", TINY], "its weights are random; give the checkpoint of a run"),
        (["predict", "--config", TINY, "--images", "."], "its weights are random"),
        (["validate", "--config", TINY, *HUB_LORA], "its adapters are untrained"),
        (
            ["fit", "--config", TINY, "--model.init_args.vision.weights", "x"],
            "vision: TimmEncoding: the following arguments are required: timm",
        ),
        (["fit"], "no --config on the command line; for example: python -m hemblip fit --config configs/smoke.yaml"),
        (["export"], "no --run on the command line"),
        (["export", "--rn", "x"], "--rn on the command line is no setting; did you mean --run?"),
        (["fit", "--config", TINY, "stray"], "'stray' on the command line belongs to no setting"),
        (["fit", "--config", TINY, "--runs"], "--runs on the command line has no value"),
        (["fits"], "no command 'fits'; did you mean fit?"),
        (["fit", "--config"], "--config on the command line names no file"),
        (["probe", "--config", "nope.yaml"], "nope.yaml"),
        (["caption", "--k", "null"], "error: k: Expected int. Got value: null"),
    ],
)
def test_mistakes_give_one_line(among_cells, capsys, words, said):
    assert main(words) == 2
    assert said in one_line(capsys)


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("data.init_args.batch_size", "0", "data.init_args.batch_size is 0; it is at least 1"),
        ("data.init_args.image_size", "-1", "image_size is -1"),
        ("data.init_args.num_workers", "-1", "num_workers is -1"),
        ("data.init_args.limit", "0", "limit is 0"),
        ("data.init_args.seed", "-1", "seed is -1"),
        ("data.init_args.styles", "[]", "styles is empty"),
        ("data.init_args.crop", "3", "crop is 3; it is above 0 and at most 1"),
        ("data.init_args.augmentation.zoom", "-1", "zoom is -1;"),
        ("data.init_args.augmentation.colour", "5", "colour is 5;"),
        ("data.init_args.augmentation.tilt", "90", "augmentation.tilt is 90; it is at least 0 and at most 45"),
        ("data.init_args.cache_gigabytes", "0", "cache_gigabytes is 0; it is above 0"),
        (
            "model.init_args.learning_rat",
            "3",
            "--model.init_args.learning_rat on the command line is no setting; did you mean",
        ),
        ("model.init_args.learning_rate", "0", "learning_rate is 0; it is above 0"),
        ("model.init_args.learning_rate", ".nan", "learning_rate is nan"),
        ("model.init_args.warmup", "2", "warmup is 2;"),
        ("model.init_args.weight_decay", "-1", "weight_decay is -1;"),
        ("model.init_args.label_smoothing", "1", "label_smoothing is 1; it is at least 0 and below 1"),
        ("model.init_args.compact.heads", "3", "hidden_size 16 is not a multiple of compact.heads 3"),
        ("model.init_args.compact.vision_layers", "-1", "vision_layers is -1"),
        ("model.init_args.compact.vision_layers", "1000000000", "vision_layers is 1000000000"),
        ("model.init_args.compact.stem", "[]", "stem is []"),
        ("model.init_args.compact.stem", "[1000000000]", "stem is [1000000000]"),
        ("name", "a\x1b[31mb", r"name is 'a\x1b[31mb'"),
        ("trainer.max_epochs", "\x1b[31m", r"\x1b[31m"),
        ("model.init_args.adaptation", "lore", "lore"),
        ("evaluation.validation_cells", "-1", "validation_cells is -1"),
        ("trainer.accelerator", "tpu", "torch_xla"),
        ("trainer.accelerator", "foo", "accelerator='foo'"),
        ("trainer.devices", "0", "trainer.devices is 0; on a CPU"),
        ("trainer.strategy", "foo", "strategy='foo'"),
        ("trainer.max_time", "{fortnights: 1}", "trainer.max_time has 'fortnights'; it has days"),
        ("trainer.strategy", "ddp_spawn", "trainer.strategy is ddp_spawn; use ddp"),
        ("trainer.max_epochs", "-5", "-5"),
        ("trainer.check_val_every_n_epoch", "0", "check_val_every_n_epoch is 0"),
        ("trainer.gradient_clip_val", "-1", "gradient_clip_val is -1"),
        ("trainer.enable_checkpointing", "false", "enable_checkpointing is false"),
        (
            "early_stopping.monitor",
            "val_los",
            "early_stopping.monitor is 'val_los'; validation logs val_loss, val_bleu",
        ),
        ("early_stopping.patience", "-1", "patience is -1"),
        ("checkpoint.filename", "../x", "filename is '../x'; a run keeps the best weights of its validations in"),
        ("checkpoint.dirpath", "elsewhere", "checkpoint.dirpath is 'elsewhere'; a run keeps"),
        ("checkpoint.save_top_k", "0", "checkpoint.save_top_k is 0; a run keeps"),
        ("checkpoint.save_last", "true", "checkpoint.save_last is True; a run keeps"),
        ("checkpoint.every_n_train_steps", "1", "checkpoint.every_n_train_steps is 1; a run keeps"),
        ("checkpoint.every_n_epochs", "5", "checkpoint.every_n_epochs is 5, trainer.max_epochs 2; a run keeps"),
        ("trainer.devices", "99", "trainer.devices is 99; on a CPU it is a number of processes"),
        ("trainer.limit_val_batches", "-1", "limit_val_batches is -1"),
        ("trainer.max_epochs", "9" * 400, "trainer.max_epochs is 99999"),
        ("trainer.limit_train_batches", "0.0", "limit_train_batches is 0; it is above 0"),
        ("data.init_args.batch_size", "1000000000", "batch_size is 1000000000; it is at least 1 and at most 65536"),
        ("model.init_args.decoding.max_new_tokens", "100000000", "decoding.max_new_tokens is 100000000"),
        ("model.init_args.decoding.max_new_tokens", "300", "max_new_tokens is 300; it is at most 256"),
        ("model.init_args.decoding", "null", "model.init_args.decoding is None; it is a group of settings"),
        ("model.init_args.decoding.num_beams", "0", "decoding.num_beams is 0; it is at least 1"),
        ("checkpoint.monitor", "val_los", "checkpoint.monitor is 'val_los'"),
        ("checkpoint.mode", "up", "got up"),
        ("seed_everything", "-1", "seed_everything is -1; it is at least 0 and at most 4294967295"),
        ("model.init_args.learning_rate", "null", "learning_rate: Expected float. Got value: null"),
        ("report.maps", "null", "error: report.maps: Expected int. Got value: null"),
        ("name", "../x", "name is '../x'; results go to runs/<name>"),
        ("name", "", "name is ''"),
        ("group", "g\u202e", r"group is 'g\u202e'; W&B gets 120 letters at most that print"),
        ("wandb", "a/b", r"wandb is 'a/b'; W&B gets 120 letters at most that print, none of / \ # ? % :"),
    ],
)
def test_values_that_cannot_be(among_cells, capsys, setting, value, said):
    assert main(["fit", "--config", TINY, f"--{setting}", value]) == 2
    assert said in one_line(capsys)
    assert not Path("runs").exists()


@pytest.mark.parametrize("section", ["resume_point", "early_stopping", "trainer", "data"])
@pytest.mark.parametrize("value", ["false", "null", "[1]"])
def test_sections_that_are_none(workplace, capsys, section, value):
    settings = yaml.safe_load(Path(TINY).read_text()) | {section: yaml.safe_load(value)}
    Path("mine.yaml").write_text(yaml.safe_dump(settings))
    assert main(["fit", "--config", "mine.yaml"]) == 2
    assert f"mine.yaml: {section} is " in one_line(capsys)
    assert not Path("runs").exists()


@pytest.mark.parametrize("name", ["no", "12:30:45", "null"])
def test_names_that_yaml_takes_for_something_else(workplace, capsys, name):
    Path("mine.yaml").write_text(Path(TINY).read_text().replace("name: tiny", f"name: {name}"))
    assert main(["fit", "--config", "mine.yaml"]) == 2
    assert re.search(
        r"mine.yaml: name: Expected str. Got value: \w+; put it in quotes if it is text$", one_line(capsys)
    )


def test_scores_are_no_monitors_without_a_sample(workplace, capsys):
    words = ["--early_stopping.monitor", "val_bleu", "--evaluation.validation_cells", "0"]
    assert main(["fit", "--config", TINY, *words]) == 2
    assert "validation logs val_loss" in one_line(capsys)


@pytest.mark.parametrize("words", [["--trainer.limit_val_batches", "0"], ["--trainer.check_val_every_n_epoch", "3"]])
def test_training_without_validation_says_so_and_keeps_the_last_weights(workplace, capsys, words):
    assert main(["fit", "--config", TINY, *FEW, *words]) == 0
    assert "note: no validation (trainer." in capsys.readouterr().out
    assert torch.load(BEST, weights_only=False)["epoch"] == 1


@pytest.mark.parametrize(
    ("words", "ends", "first"),
    [
        (["max_steps", "1"], 1, 2),
        (["val_check_interval", "999", "--trainer.check_val_every_n_epoch", "null"], 4, 999),
    ],
)
def test_training_that_ends_before_its_first_validation_says_so(workplace, capsys, words, ends, first):
    assert main(["fit", "--config", TINY, *FEW, f"--trainer.{words[0]}", *words[1:]]) == 0
    told = capsys.readouterr().out
    at_start = f"training ends after {ends} batches, before its first validation after {first}: no best weights"
    assert told.index(at_start) < told.index("finished")
    assert "best       none: training ended before its first validation" in told and "next " not in told
    assert not Path(BEST).exists() and Path(BEST).with_name("last.ckpt").exists()


def test_validation_more_seldom_than_there_are_batches(workplace, capsys):
    assert main(["fit", "--config", TINY, "--trainer.val_check_interval", "1000"]) == 2
    assert "trainer.val_check_interval: `val_check_interval` (1000) must be" in one_line(capsys)


def test_no_epochs(workplace):
    assert main(["fit", "--config", TINY, "--trainer.max_epochs", "0"]) == 0


def test_bad_images_are_listed_and_the_others_described(tiny_run, capsys):
    drawn = sorted(Path("data/synthetic").rglob("*.png"))[:3]
    Path("mine").mkdir()
    for path in drawn:
        shutil.copy(path, "mine")
    (Path("mine") / drawn[0].name).write_bytes(drawn[0].read_bytes()[:99])
    words = ["predict", "--config", TINY, "--images", "mine", "--ckpt_path", BEST]
    assert main(words) == 0
    assert f"mine/{drawn[0].name}: not a readable image" in capsys.readouterr().out
    assert pd.read_csv("captions.csv")["cell_id"].tolist() == [path.name for path in drawn[1:]]
    assert main([*words, "--output", "captions.txt"]) == 2
    assert "ends in neither" in one_line(capsys)


def test_torn_and_foreign_checkpoints(workplace, capsys):
    Path("torn.ckpt").write_bytes(b"PK\x03\x04 torn")
    assert main(["test", "--config", TINY, "--ckpt_path", "torn.ckpt"]) == 2
    assert "torn.ckpt: not a readable checkpoint" in one_line(capsys)
    torch.save({"state_dict": {}, "hemblip": {"pretrained": "other"}, "pytorch-lightning_version": "2.6.6"}, "o.ckpt")
    assert main(["test", "--config", TINY, "--ckpt_path", "o.ckpt"]) == 2
    assert "has pretrained 'other', the config asks for 'compact'" in one_line(capsys)


def test_a_bit_of_a_weight_that_has_changed_is_noticed(tiny_run, capsys):
    content = bytearray(Path(BEST).read_bytes())
    with zipfile.ZipFile(BEST) as parts:
        largest = max(parts.infolist(), key=lambda part: part.file_size)
        bits = parts.read(largest)
    content[content.index(bits) + len(bits) // 2] ^= 1
    Path(BEST).write_bytes(content)
    for words in (["validate"], ["predict", "--images", "data/synthetic"]):
        assert main([*words, "--run", str(RUN)]) == 2
        assert f"error: {BEST}: not a whole checkpoint (the checksum" in one_line(capsys)
    with pytest.raises(CheckpointError, match="not a whole checkpoint"):
        hemblip.load(str(RUN))


class Foreign:
    """Of other software."""


NO_CHECKPOINTS = {
    "a number": (7, "holds a int"),
    "a list": ([1], "holds a list"),
    "a tensor": (torch.zeros(3), "holds a Tensor"),
    "nothing": (None, "holds a NoneType"),
    "bare weights": ({"model.head": torch.zeros(3)}, "holds bare weights"),
    "empty": ({}, "is no checkpoint of Lightning's"),
    "of other software": ({"model_weights": {"a": 1}}, "is no checkpoint of Lightning's"),
    "a list of weights": (
        {"pytorch-lightning_version": "2", "state_dict": [1]},
        "its state_dict holds other things than weights",
    ),
    "a list of names": ({"pytorch-lightning_version": "2", "hemblip": [1]}, "is no checkpoint of HemBLIP's"),
    "code": ({"pytorch-lightning_version": "2", "a": Foreign()}, "brings code"),
}


@pytest.mark.parametrize(("content", "said"), NO_CHECKPOINTS.values(), ids=NO_CHECKPOINTS.keys())
def test_files_that_are_no_checkpoints(among_cells, capsys, content, said):
    torch.save(content, "some.ckpt")
    for words in (["test"], ["predict", "--images", "."]):
        assert main([*words, "--config", TINY, "--ckpt_path", "some.ckpt"]) == 2
        assert f"error: some.ckpt: {said}" in one_line(capsys).replace("not a readable checkpoint (it ", "")
    with pytest.raises(CheckpointError, match="some"):
        hemblip.load("some.ckpt")


def test_weights_that_are_not_finite_or_nothing_to_go_on_from(tiny_run, capsys):
    best, last = Path(BEST), Path(BEST).with_name("last.ckpt")
    shutil.copy(best, last)
    assert main(["fit", "--config", TINY, "--resume", "true", "--trainer.max_epochs", "2"]) == 2
    assert "last.ckpt: holds weights without the state of training" in capsys.readouterr().err
    spoilt = torch.load(best, weights_only=False)
    next(iter(spoilt["state_dict"].values())).view(-1)[0] = float("nan")
    torch.save(spoilt, best)
    assert main(["predict", "--run", "runs/tiny", "--images", "data/synthetic"]) == 2
    assert "weights that are not finite numbers" in capsys.readouterr().err


def test_typo_in_a_config(workplace, capsys):
    text = Path(TINY).read_text().replace("batch_size", "batchsize")
    Path("typo.yaml").write_text(text)
    assert main(["fit", "--config", "typo.yaml"]) == 2
    assert "typo.yaml: InternalCells: Option 'batchsize' is not accepted; did you mean batch_size?" in one_line(capsys)
    Path("latin.yaml").write_bytes("# Größe\n".encode("latin-1"))
    assert main(["fit", "--config", "latin.yaml"]) == 2
    assert "latin.yaml: not a text in UTF-8" in one_line(capsys)
    Path("torn.yaml").write_text("model: [")
    assert main(["fit", "--config", "torn.yaml"]) == 2
    assert "torn.yaml" in one_line(capsys)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no settings; a config has"),
        ("# later\n", "holds no settings; a config has"),
        ("[1, 2]", "holds no settings but '[1, 2]'; a config has"),
        ("fit", "holds no settings but 'fit'"),
    ],
)
def test_a_config_without_settings(workplace, capsys, text, said):
    Path("mine.yaml").write_text(text)
    Path("torn.yaml").write_text("[")
    for words in (["--config", "mine.yaml"], ["--config=mine.yaml", "--config", "torn.yaml"]):
        assert main(["audit", *words]) == 2
        assert f"error: mine.yaml: {said}" in one_line(capsys)


@pytest.mark.parametrize("command", ["fit", "validate", "test", "predict", "probe", "prepare", "audit", "compare"])
def test_help_and_print_config(capsys, command):
    assert main([command, "--help"]) == 0
    told = capsys.readouterr().out
    assert "--config" in told and "usage: python -m hemblip" in told and "__main__" not in told
    if command == "predict":  # what it alone has is not below hundreds of lines
        assert told.index("--images IMAGES") < told.index("--output OUTPUT") < told.index("--trainer.max_epochs")
    assert main([command, "--print_config"]) == 0


def test_help_is_of_the_classes_that_a_config_chooses(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert main(["fit", "--help", "--config", "configs/blip_lora.yaml", "--data", "ExternalCells"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "lora_rank LORA_RANK width of the adapters. (int, default: 8, config: 8)" in told
    assert "learning_rate LEARNING_RATE of AdamW (paper: 5e-5). (float, default: 5e-05, config: 5e-05)" in told
    assert "--data.init_args.name" in told and "--data.init_args.balance" not in told
    assert main(["fit", "--help", "--config", "configs/smoke.yaml", "--model=MedGemmaCaptioner"]) == 0
    assert "--model.init_args.question" in capsys.readouterr().out


def test_all_help_is_the_parsers(capsys):
    assert main(["fit", "--help", "all"]) == 0
    told = capsys.readouterr().out
    assert "--trainer.sync_batchnorm" in told and told.count("\n") > 500


def test_help_and_typos_import_no_torch(tmp_path):
    """Nor pandas: they answer at once."""
    program = "import sys; from hemblip.cli.main import main; code = main(sys.argv[1:])\n"
    program += "print({'torch', 'lightning', 'transformers', 'pandas'} & set(sys.modules) or '{}', code)"
    typo = ["fit", "--config", TINY, "--trainer.max_epoch", "3"]
    for words, code in ((["fit", "--help"], 0), (typo, 2), (["probe", "--confg", "x"], 2)):
        ended = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=True)
        assert ended.stdout.splitlines()[-1] == "{} " + str(code), ended.stdout


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: str(path.relative_to(ROOT / "configs")))
def test_every_config_is_parsed(workplace, capsys, monkeypatch, path):
    command = path.parent.name if path.parent.name in COMMANDS else "fit"
    monkeypatch.chdir(ROOT)
    words = (
        ["--data", str(path), "--model", "BlipCaptioner"] if path.parent.name == "parts" else ["--config", str(path)]
    )
    assert main([command, *words, "--print_config"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)


def test_there_are_configs():
    assert len(CONFIGS) >= 21


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--trainer.max_epoch", "3"],
            "error: --trainer.max_epoch on the command line is no setting; did you mean --tr",
        ),
        (
            ["--modle.init_args.warmup", "0"],
            "error: --modle.init_args.warmup on the command line is no setting",
        ),
        (
            ["--data.init_args.limt", "3"],
            "error: --data.init_args.limt on the command line is no setting; did you mean --data.init_args.limit?",
        ),
        (["--model", "BlipCaptione"], "BlipCaptione; did you mean BlipCaptioner?"),
        (
            ["--data.init_args.kept_features", "8"],
            "kept_features: 8 is no value for it; its settings are kept_features.views, kept_features.bits",
        ),
        (["--data.init_args.balance", "true"], "balance: true is no value for it; its settings are balance.keys,"),
        (["--trainer.max_epochs", "three"], "error: trainer.max_epochs: Expected int. Got value: three"),
    ],
)
def test_what_stands_on_the_command_line_is_blamed_on_it(among_cells, capsys, words, said):
    assert main(["fit", "--config", TINY, *words]) == 2
    line = one_line(capsys)
    assert said in line and TINY not in line


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("learning_rate", "learning_rat", "Option 'learning_rat' is not accepted; did you mean learning_rate?"),
        ("max_epochs", "max_epoch", "Option 'trainer.max_epoch' is not accepted; did you mean trainer.max_epochs?"),
        ("data:", "dat:", "Option 'dat' is not accepted; did you mean data?"),
        ("cells: 120", "cels: 120", "Synthetic: Option 'cels' is not accepted; did you mean cells?"),
        ("BlipCaptioner", "BlipCaptionr", "no attribute 'BlipCaptionr'; did you mean BlipCaptioner?"),
        ("max_epochs: 2", "max_epochs: two", "trainer.max_epochs: Expected int. Got value: two"),
    ],
)
def test_what_stands_in_a_file_is_blamed_on_it(among_cells, capsys, right, wrong, said):
    Path("good.yaml").write_text("name: other\n")
    Path("typo.yaml").write_text(Path(TINY).read_text().replace(right, wrong))
    assert main(["fit", "--config", "typo.yaml", "--config", "good.yaml", "--trainer.max_epochs", "3"]) == 2
    line = one_line(capsys)
    assert line.startswith("error: typo.yaml: ") and said in line


def test_cells_are_read_before_a_model_is_looked_for(workplace, capsys):
    """A download of gigabytes would be for nothing."""
    config = yaml.safe_load(Path(TINY).read_text())
    config["model"]["init_args"] = {"pretrained": "Salesforce/blip-image-captioning-base", "adaptation": "lora"}
    config["data"]["init_args"]["sources"] = [
        {"class_path": "hemblip.data.sources.WBCAtt", "init_args": {"root": "nowhere"}}
    ]
    Path("hub.yaml").write_text(yaml.safe_dump(config))
    assert main(["fit", "--config", "hub.yaml"]) == 2
    assert "nowhere: no such folder" in one_line(capsys) and not Path("runs").exists()


@pytest.mark.slow
def test_nothing_asks_the_network(workplace, monkeypatch):
    asked = []

    def ask(*words, **_):
        asked.append(words)
        raise OSError("no network")

    monkeypatch.setattr(socket.socket, "connect", ask)
    monkeypatch.setattr(socket, "getaddrinfo", ask)
    for words in (
        ["fit", "--config", TINY, "--trainer.max_epochs", "1"],
        ["test", "--run", "runs/tiny"],
        ["predict", "--run", "runs/tiny", "--images", "data/synthetic"],
        ["ask", "--run", "runs/tiny", "--images", "data/synthetic", "--question", "Is the nucleus lobed?"],
        ["export", "--run", "runs/tiny", "--output", "model"],
        ["predict", "--run", "wbcatt-compact", "--images", "data/synthetic", "--output", "shipped.csv"],
    ):
        assert main(words) == 0, words
    assert not asked


def test_the_installed_command_is_there_and_ends_quietly_where_nobody_reads():
    (command,) = entry_points(group="console_scripts", name="hemblip")
    assert callable(command.load())
    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, "-c", f"import sys; from {command.module} import {command.attr} as run; sys.exit(run())"]
    for given in (["configs"], ["--help"]):
        done = subprocess.run([*words, *given], stdout=writer, stderr=subprocess.PIPE, cwd=ROOT)
        assert (done.returncode, done.stderr) == (141, b"")
    os.close(writer)


def test_configs_are_listed_by_whole_sentences(capsys):
    assert main(["configs"]) == 0
    told = capsys.readouterr().out
    assert re.search(r"^smoke +The demo: .* About 3 minutes on 2 idle cores, no GPU, no network\.$", told, re.M)
    assert re.search(
        r"^medgemma_base +MedGEMMA Base: the published model is asked to describe each cell\.$", told, re.M
    )
