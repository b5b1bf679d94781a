"""A run that is killed and started again ends like one that is not."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

TESTS = Path(__file__).parent
TINY = TESTS / "conf" / "tiny.yaml"

LORA = ("--model.init_args.adaptation", "lora", "--model.init_args.lora_dropout", "0.2")
SETTINGS = ("--resume", "true", "--resume_point.every_n_steps", "2", "--trainer.accumulate_grad_batches", "2")


def fit(folder, *more, ranks=1):
    ddp = ("--trainer.devices", str(ranks), "--trainer.strategy", "ddp") if ranks > 1 else ()
    words = [sys.executable, "-m", "hemblip", "fit", "--config", str(TINY), *SETTINGS, *ddp, *more]
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1"}
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
    assert_equal_end(cut, whole)


def test_killed_within_an_epoch_and_in_validation(tmp_path):
    check(tmp_path, [killed_after(7), killed_after(9, in_validation=True)])


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), LORA], ids=["full", "lora"])
@pytest.mark.parametrize("ranks", [1, 2])
def test_killed_anywhere(tmp_path, more, ranks):
    last = 18 if ranks == 1 else 10
    steps = sorted({1, last // 3, last // 2, last - 3, last})
    check(tmp_path, [killed_after(step) for step in steps], *more, ranks=ranks)


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
