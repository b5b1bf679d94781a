"""Weights & Biases without an account: the run lies in its folder, complete and without secrets."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import wandb

from hemblip.cli.loggers import WANDB_NUMBER, wandb_logger

ROOT = Path(__file__).parents[1]
TINY = str(ROOT / "tests" / "conf" / "tiny.yaml")


def fit(folder, mode):
    environment = {**os.environ, "WANDB_MODE": mode, "WANDB_SILENT": "true", "OMP_NUM_THREADS": "1"}
    environment |= {"HF_TOKEN": "hf_not_to_be_logged", "WANDB_API_KEY": "0123456789" * 4}
    environment.pop("HEMBLIP_RUN_FOLDER", None)
    words = [sys.executable, "-m", "hemblip", "fit", "--config", TINY, "--wandb", "cells", "--group", "compared"]
    words += ["--trainer.max_epochs", "1"]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder / "runs" / "tiny" / "version_0"


def test_offline_run_holds_scores_settings_and_a_table(tmp_path):
    run = fit(tmp_path, "offline")
    (log,) = run.glob("wandb/offline-run-*/run-*.wandb")
    content = log.read_bytes()
    logged = ("train_loss", "val_loss", "val_accuracy_cell_type", "learning_rate", "cells_per_second", "peak_memory_gb")
    for name in (*logged, "val_captions", "image_size", "parameters", "trained", "adapters"):
        assert name.encode() in content, name
    assert b"runs/tiny/version_0" in content and b"compared" in content  # name and group
    assert (run / WANDB_NUMBER).read_text().encode() in content
    (table,) = log.parent.glob("files/media/table/val_captions*.json")
    shown = json.loads(table.read_text())
    assert shown["columns"] == ["cell_id", "image", "reference", "caption"] and len(shown["data"]) == 4
    assert all(cell and reference for cell, _, reference, _ in shown["data"])
    files = [path for path in run.rglob("*") if path.is_file()]
    for secret in (b"hf_not_to_be_logged", b"0123456789" * 4):
        assert not [path for path in files if secret in path.read_bytes()]


@pytest.mark.slow
def test_disabled(tmp_path):
    run = fit(tmp_path, "disabled")
    assert (run / "metrics.csv").is_file() and not list(run.glob("wandb/offline-run-*"))


def number(folder):
    wandb_logger(folder, "cells", "group")
    wandb.finish()  # or the next one would be the same
    return (folder / WANDB_NUMBER).read_text()


def test_a_run_keeps_its_number_and_no_other_has_it(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    monkeypatch.delenv("WANDB_RUN_ID", raising=False)
    first = number(tmp_path / "a")
    assert number(tmp_path / "a") == first != number(tmp_path / "b")
    (tmp_path / "a" / WANDB_NUMBER).unlink()  # as by a folder that is removed and made again
    assert number(tmp_path / "a") != first
    monkeypatch.setenv("WANDB_RUN_ID", "agents")
    assert number(tmp_path / "c") == "agents"


@pytest.mark.slow
def test_without_an_account_it_is_told_what_to_do(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "WANDB_API_KEY"}
    environment |= {"WANDB_MODE": "online", "HOME": str(tmp_path), "NETRC": str(tmp_path / "netrc")}
    words = [sys.executable, "-m", "hemblip", "fit", "--config", TINY, "--wandb", "cells"]
    quiet = {"cwd": tmp_path, "env": environment, "stdin": subprocess.DEVNULL, "timeout": 120}
    done = subprocess.run(words, capture_output=True, text=True, check=False, **quiet)
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert last.startswith("error: --wandb cells: ") and "`wandb login`" in last and "WANDB_MODE=offline" in last
