"""Two CPU processes with gloo do what one does."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch

TESTS = Path(__file__).parent
TINY = TESTS / "conf" / "tiny.yaml"
TWO = ("--trainer.devices", "2", "--trainer.strategy", "ddp")
BEST = "runs/tiny/version_0/checkpoints/best.ckpt"
# Without dropout, and with the stem's batch norms frozen, one rank's gradients are the mean of two ranks'.
EXACT = (
    *("--model.init_args.adaptation", "lora", "--model.init_args.lora_dropout", "0"),
    *("--model.init_args.compact.dropout", "0", "--data.init_args.augmentation.zoom", "0.1"),
)


def hemblip(folder, command, *more, check=True):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (TESTS, TESTS.parent))), "OMP_NUM_THREADS": "1"}
    environment.pop("HEMBLIP_RUN_FOLDER", None)
    words = [sys.executable, "-m", "hemblip", command, "--config", str(TINY), *more]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert not check or done.returncode == 0, done.stderr
    return done


def curves(folder, version):
    table = pd.read_csv(folder / "runs" / "tiny" / f"version_{version}" / "metrics.csv")
    return table.groupby("step")[["train_loss", "val_loss", "val_accuracy"]].first()


@pytest.mark.slow
def test_scores_and_loss_curve_are_those_of_one_rank(tmp_path):
    hemblip(tmp_path, "fit", *EXACT, "--data.init_args.batch_size", "8")
    hemblip(tmp_path, "fit", *EXACT, "--data.init_args.batch_size", "4", *TWO)
    alone, together = curves(tmp_path, 0), curves(tmp_path, 1)
    assert alone.index.equals(together.index)
    pd.testing.assert_frame_equal(alone, together, rtol=1e-4)

    results = []
    for devices in ((), TWO):
        hemblip(tmp_path, "test", *EXACT, *devices, "--ckpt_path", BEST)
        run = tmp_path / "runs" / "tiny" / "version_0"
        results.append(
            ((run / "predictions" / "test.parquet").read_bytes(), json.loads((run / "metrics.json").read_text()))
        )
    (rows, scores), (two_rows, two_scores) = results
    assert pd.read_parquet(run / "predictions" / "test.parquet")["cell_id"].nunique() == 24
    assert rows == two_rows
    assert scores["test"] == two_scores["test"]


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--model.init_args.rewards.samples", "2")], ids=["plain", "rewards"])
def test_loss_curve_is_that_of_the_same_cells_in_one_step(tmp_path, more):
    """Eight cells at once, in two batches one after the other, and in two batches on each of two ranks."""
    cells = (*EXACT, "--data.init_args.limit", "64", "--trainer.log_every_n_steps", "1")
    cells = (*cells, "--data.init_args.balance.power", "0.5", *more)
    for batch, accumulated, devices in ((8, 1, ()), (4, 2, ()), (2, 2, TWO)):
        sizes = ("--data.init_args.batch_size", str(batch), "--trainer.accumulate_grad_batches", str(accumulated))
        hemblip(tmp_path, "fit", *cells, *sizes, *devices)
    alone = curves(tmp_path, 0)
    assert len(alone) == 2 * 64 / 8
    for version in (1, 2):
        pd.testing.assert_frame_equal(alone, curves(tmp_path, version), rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_a_loss_that_is_not_finite_ends_all_ranks_with_one_line(tmp_path, rank):
    spoil = ("--trainer.callbacks+", "killing.SpoilWeights", "--trainer.callbacks.step", "3")
    done = hemblip(tmp_path, "fit", *TWO, *spoil, "--trainer.callbacks.rank", str(rank), check=False)
    lines = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert len(lines) == 1 and "loss is nan in step 3 on cells " in lines[0]
    assert lines[0].split("on cells ")[1].split(";")[0].count(", ") == 7  # of that rank


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_a_loss_of_validation_that_is_not_finite_ends_all_ranks_with_one_line(tmp_path, rank):
    spoil = ("--trainer.callbacks+", "killing.SpoilWeights", "--trainer.callbacks.step", "null")
    done = hemblip(tmp_path, "fit", *TWO, *spoil, "--trainer.callbacks.rank", str(rank), check=False)
    lines = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert len(lines) == 1 and "the loss is not finite on cells " in lines[0]
    assert lines[0].split("on cells ")[1].split(";")[0].count(", ") == 11  # half of the 24


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_a_dead_rank_takes_the_other_down(tmp_path, rank):
    kill = ("--trainer.callbacks+", "killing.KillAfterStep", "--trainer.callbacks.step", "7")
    began = time.monotonic()
    more = ("--resume_point.every_n_steps", "2", "--trainer.max_epochs", "1000")
    done = hemblip(tmp_path, "fit", *TWO, *more, *kill, "--trainer.callbacks.rank", str(rank), check=False)
    assert done.returncode != 0
    assert time.monotonic() - began < 90  # of which 30 s are the start
    assert torch.load(tmp_path / "runs/tiny/version_0/checkpoints/last.ckpt", weights_only=True)["global_step"] == 6
    time.sleep(5)
    running = subprocess.run(["pgrep", "-f", f"hemblip fit.*{TINY}.*max_epochs 1000"], capture_output=True, text=True)
    assert not running.stdout


@pytest.mark.slow
def test_early_stopping_is_agreed(tmp_path):
    never_better = ("--early_stopping.patience", "1", "--early_stopping.min_delta", "100", "--trainer.max_epochs", "6")
    hemblip(tmp_path, "fit", *TWO, *never_better)
    assert torch.load(tmp_path / "runs/tiny/version_0/checkpoints/last.ckpt", weights_only=True)["epoch"] < 3


@pytest.mark.slow
def test_two_ranks_describe_every_image_once(tmp_path):
    hemblip(tmp_path, "fit", "--trainer.max_epochs", "1")
    images = next((tmp_path / "data" / "synthetic").iterdir())
    tables = []
    for name, devices in (("alone.csv", ()), ("together.csv", TWO)):
        hemblip(tmp_path, "predict", *devices, "--images", str(images), "--output", name, "--ckpt_path", BEST)
        tables.append((tmp_path / name).read_bytes())
    assert pd.read_csv(tmp_path / "alone.csv")["cell_id"].nunique() == 120
    assert tables[0] == tables[1]


@pytest.mark.slow
def test_fewer_cells_than_ranks(tmp_path):
    hemblip(tmp_path, "fit", "--trainer.max_epochs", "1")
    done = hemblip(tmp_path, "test", *TWO, "--ckpt_path", BEST, "--data.init_args.limit", "6")
    assert "sync_dist" not in done.stderr
    assert len(pd.read_parquet(tmp_path / "runs/tiny/version_0/predictions/test.parquet")) == 6
