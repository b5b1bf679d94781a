"""A run that is killed and started again ends like one that is not."""

import copy
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import lightning as L
import pandas as pd
import pytest
import torch
import yaml
from lightning.pytorch.demos.boring_classes import BoringModel

from hemblip.callbacks import ResumePoint
from hemblip.callbacks.run_config import changed_settings
from hemblip.cli.main import main
from hemblip.errors import TrainingError

TESTS = Path(__file__).parent
TINY = TESTS / "conf" / "tiny.yaml"

LORA = ("--model.init_args.adaptation", "lora", "--model.init_args.lora_dropout", "0.2")
SETTINGS = ("--resume", "true", "--resume_point.every_n_steps", "2", "--trainer.accumulate_grad_batches", "2")


def fit(folder, *more, ranks=1):
    ddp = ("--trainer.devices", str(ranks), "--trainer.strategy", "ddp") if ranks > 1 else ()
    words = [sys.executable, "-m", "hemblip", "fit", "--config", str(TINY), *SETTINGS, *ddp, *more]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (TESTS, TESTS.parent))), "OMP_NUM_THREADS": "1"}
    environment.pop("HEMBLIP_RUN_FOLDER", None)
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def killed_after(step, in_validation=False, rank=0):
    return (
        *("--trainer.callbacks+", "killing.KillAfterStep", "--trainer.callbacks.step", str(step)),
        *("--trainer.callbacks.in_validation", str(in_validation).lower(), "--trainer.callbacks.rank", str(rank)),
    )


def state(folder):
    return torch.load(folder / "runs/tiny/version_0/checkpoints/last.ckpt", weights_only=True)


def same(one, other):
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def assert_equal_end(folder, whole):
    ended, expected = state(folder), state(whole)
    for part in ("state_dict", "optimizer_states", "lr_schedulers", "global_step", "epoch", "callbacks"):
        assert same(ended[part], expected[part]), part
    best = [torch.load(f / "runs/tiny/version_0/checkpoints/best.ckpt", weights_only=True) for f in (folder, whole)]
    assert same(best[0]["state_dict"], best[1]["state_dict"]) and best[0]["epoch"] == best[1]["epoch"]
    assert metrics(folder) == metrics(whole)


def metrics(folder):
    table = pd.read_csv(folder / "runs/tiny/version_0/metrics.csv")
    steps = table.groupby("step")[["train_loss", "val_loss", "learning_rate"]].first()
    return steps.reset_index().astype(str).to_numpy().tolist()


def check(tmp_path, kills, *more, ranks=1):
    """Run once without and once with the kills, one after the other in the same run."""
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir()
    done = fit(whole, *more, ranks=ranks)
    assert done.returncode == 0, done.stderr
    cut.mkdir()
    shutil.copytree(whole / "data", cut / "data")
    for kill in kills:
        died = fit(cut, *more, *kill, ranks=ranks)
        assert died.returncode != 0
        if ranks == 1:
            assert died.returncode == -signal.SIGKILL, died.stderr
    resumed = fit(cut, *more, ranks=ranks)
    assert resumed.returncode == 0, resumed.stderr
    assert "not resumable" not in resumed.stderr
    assert "state of training of runs/tiny/version_0/checkpoints/last.ckpt, settings of config" in resumed.stdout
    assert_equal_end(cut, whole)


REWARDS = ("--model.init_args.rewards.samples", "2")


@pytest.mark.parametrize("more", [("--data.init_args.balance.power", "0.5"), REWARDS], ids=["balance", "rewards"])
def test_stopped_within_an_epoch(workplace, monkeypatch, more):
    """In one process, with dropout: the rest of the epoch and what comes after follow as they would have."""
    words = [
        "fit",
        "--config",
        str(TINY),
        "--resume_point.every_n_steps",
        "2",
        "--model.init_args.compact.dropout",
        "0.2",
    ]
    words += [*more, "--evaluation.validation_cells", "0"]
    ends = []
    for stop in (None, "5"):
        (workplace / str(stop)).mkdir()
        monkeypatch.chdir(workplace / str(stop))
        if stop:
            early = ["--trainer.callbacks+", "killing.StopAfterStep", "--trainer.callbacks.step", stop]
            assert main([*words, *early]) == 130
            assert state(Path())["global_step"] == 4
        assert main([*words, "--resume", "true"]) == 0
        ends.append(state(Path()))
    assert ends[0]["global_step"] == ends[1]["global_step"] == 18
    assert same(ends[0]["state_dict"], ends[1]["state_dict"])


@pytest.mark.slow
def test_killed_within_an_epoch_and_in_validation(tmp_path):
    check(tmp_path, [killed_after(7), killed_after(9, in_validation=True)])


class Places(ResumePoint):
    """Notes after how many batches of all epochs a point is saved, and what is validated between batches."""

    def __init__(self, every_n_steps):
        super().__init__(every_n_steps)
        self.saved, self.validated = [], []

    def on_train_batch_end(self, trainer, *more):
        self._batches = trainer.fit_loop.epoch_loop.total_batch_idx + 1
        super().on_train_batch_end(trainer, *more)

    def on_validation_end(self, trainer, pl_module):
        self.validated.append(self._batches)

    def _save(self, trainer, pl_module):
        super()._save(trainer, pl_module)
        self.saved.append(self._batches)


@pytest.mark.parametrize(
    ("every", "settings", "saved"),
    [
        (1, {}, list(range(1, 21))),
        (3, {}, [3, 6, 9, 10, 12, 15, 18, 20]),
        (2, {"accumulate_grad_batches": 2}, [4, 8, 10, 12, 16, 20]),
        (2, {"accumulate_grad_batches": 2, "val_check_interval": 4}, [6, 10, 12, 16, 20]),
        (1, {"accumulate_grad_batches": 2, "val_check_interval": 3}, [2, 4, 8, 10, 12, 14, 18, 20]),
        # Counted over epochs: batches 4, 8, 12, 16, 20, which are 4, 8 of the first and 2, 6, 10 of the second.
        (2, {"val_check_interval": 4, "check_val_every_n_epoch": None}, [2, 5, 6, 9, 10, 13, 14, 17, 18, 20]),
    ],
)
def test_points_lie_between_steps_and_not_before_validation(tmp_path, every, settings, saved):
    places = Places(every)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = L.Trainer(
        default_root_dir=tmp_path,
        max_epochs=2,
        accelerator="cpu",
        limit_train_batches=10,
        limit_val_batches=1,
        num_sanity_val_steps=0,
        callbacks=[places],
        **quiet,
        **settings,
    )
    trainer.fit(BoringModel())
    assert places.saved == saved
    within = [batch for batch in places.saved if batch % 10]
    assert not [batch for batch in within if batch % settings.get("accumulate_grad_batches", 1)]
    assert not set(within) & set(places.validated)


def tiny_fit(*more):
    return main(["fit", "--config", str(TINY), "--resume", "true", "--evaluation.validation_cells", "0", *more])


def changes(capsys):
    return [line.split(maxsplit=1)[1] for line in capsys.readouterr().out.splitlines() if line.startswith("changed ")]


def test_settings_of_a_resumed_run_are_those_of_the_command(workplace, capsys):
    assert tiny_fit() == 0
    assert changes(capsys) == []
    changed = ("--model.init_args.learning_rate", "1e-5", "--model.init_args.weight_decay", "0.5")
    more = (*changed, "--early_stopping.patience", "9", "--trainer.max_epochs", "3")
    assert tiny_fit(*more) == 0
    assert changes(capsys) == [
        "early_stopping.patience: 5 -> 9",
        "model.init_args.learning_rate: 0.001 -> 1e-05",
        "model.init_args.weight_decay: 0.01 -> 0.5",
        "trainer.max_epochs: 2 -> 3",
    ]
    assert tiny_fit(*more, "--resume_point.every_n_steps", "7") == 0
    assert changes(capsys) == []
    ended = state(workplace)
    groups = ended["optimizer_states"][0]["param_groups"]
    assert [group["weight_decay"] for group in groups] == [0.5, 0.0]
    assert [group["initial_lr"] for group in groups] == ended["lr_schedulers"][0]["base_lrs"] == [1e-5, 1e-5]
    (stopping,) = [kept for name, kept in ended["callbacks"].items() if name.startswith("EarlyStopping")]
    assert ended["epoch"] == 2 and stopping["patience"] == 9
    rates = pd.read_csv(workplace / "runs/tiny/version_0/metrics.csv")["learning_rate"].dropna()
    assert rates.iloc[-1] < 1e-5 < 1e-4 < rates.max()


def test_changes_name_settings_within_lists_and_survive_a_torn_config(tmp_path):
    model = {"class_path": "BlipCaptioner", "init_args": {"compact": {"stem": [8, 16]}}}
    stored = {"model": model, "data": {"sources": [{"cells": 1}, {"cells": 2}]}, "evaluation": {"features": None}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(stored))
    now = copy.deepcopy(stored) | {"evaluation": {"features": {"class_path": "Timm"}}, "ckpt_path": "last.ckpt"}
    now["data"]["sources"] = [{"cells": 3}]
    now["model"]["init_args"]["compact"]["stem"] = [8]
    assert changed_settings(tmp_path, now) == [
        "data.sources.0.cells: 1 -> 3",
        "data.sources.1.cells: 2 -> null",
        'evaluation.features.class_path: null -> "Timm"',
        "model.init_args.compact.stem: [8, 16] -> [8]",
    ]
    assert changed_settings(tmp_path, stored) == []
    (tmp_path / "config.yaml").write_text("model: [")
    (line,) = changed_settings(tmp_path, now)
    assert line.startswith("not compared: ") and "config.yaml: not readable as YAML" in line


def test_weights_that_are_not_finite_leave_the_point_before(tmp_path):
    class Breaks(L.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            if trainer.global_step == 3:
                torch.nn.init.constant_(pl_module.layer.bias, torch.nan)

    trainer = L.Trainer(
        default_root_dir=tmp_path,
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        limit_train_batches=5,
        limit_val_batches=0,
        callbacks=[Breaks(), ResumePoint(2)],
    )
    with pytest.raises(TrainingError, match=r"weights are not finite after step 4; .*last\.ckpt is left as it was"):
        trainer.fit(BoringModel())
    kept = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert kept["global_step"] == 2 and all(weight.isfinite().all() for weight in kept["state_dict"].values())


@pytest.mark.slow
def test_killed_beside_a_validation_within_an_accumulation(tmp_path):
    check(tmp_path, [killed_after(5), killed_after(7)], "--trainer.val_check_interval", "4")


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), LORA], ids=["full", "lora"])
@pytest.mark.parametrize("ranks", [1, 2])
def test_killed_anywhere(tmp_path, more, ranks):
    last = 18 if ranks == 1 else 10
    steps = sorted(random.Random(f"{more} {ranks}").sample(range(1, last + 1), 5))
    check(tmp_path, [killed_after(step) for step in steps], *more, ranks=ranks)


@pytest.mark.slow
def test_killed_while_workers_load_ahead(tmp_path):
    check(tmp_path, [killed_after(5), killed_after(13)], "--data.init_args.num_workers", "2")


@pytest.mark.slow
def test_early_stop_is_not_forgotten(tmp_path):
    never_better = ("--early_stopping.patience", "1", "--early_stopping.min_delta", "100", "--trainer.max_epochs", "6")
    whole = tmp_path / "whole"
    whole.mkdir()
    assert fit(whole, *never_better).returncode == 0
    before = state(whole)
    assert before["epoch"] < 5
    assert fit(whole, *never_better).returncode == 0
    assert same(state(whole)["state_dict"], before["state_dict"])
