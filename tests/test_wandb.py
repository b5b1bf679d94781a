"""Weights & Biases without an account: the run lies in its folder, complete and without secrets."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TINY = str(ROOT / "tests" / "conf" / "tiny.yaml")


def fit(folder, mode):
    environment = {**os.environ, "WANDB_MODE": mode, "WANDB_SILENT": "true", "OMP_NUM_THREADS": "1"}
    environment |= {"HF_TOKEN": "hf_not_to_be_logged", "WANDB_API_KEY": "0123456789" * 4}
    environment.pop("HEMBLIP_RUN_FOLDER", None)
    words = [sys.executable, "-m", "hemblip", "fit", "--config", TINY, "--wandb", "cells", "--trainer.max_epochs", "1"]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder / "runs" / "tiny" / "version_0"


def test_offline_run_holds_scores_settings_and_a_table(tmp_path):
    run = fit(tmp_path, "offline")
    (log,) = run.glob("wandb/offline-run-*/run-*.wandb")
    content = log.read_bytes()
    for name in (b"train_loss", b"val_accuracy_cell_type", b"learning_rate", b"cells_per_second", b"val_captions"):
        assert name in content, name
    assert b"image_size" in content
    files = [path for path in run.rglob("*") if path.is_file()]
    for secret in (b"hf_not_to_be_logged", b"0123456789" * 4):
        assert not [path for path in files if secret in path.read_bytes()]


@pytest.mark.slow
def test_disabled(tmp_path):
    run = fit(tmp_path, "disabled")
    assert (run / "metrics.csv").is_file() and not list(run.glob("wandb/offline-run-*"))
