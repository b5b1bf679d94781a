"""Fixtures: drawn cells and a folder to work in."""

import os

import pytest

os.environ.setdefault("WANDB_MODE", "offline")
if "PYTEST_XDIST_WORKER" in os.environ:  # tests run beside each other: one core each
    os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """An empty folder as the working directory, so that runs and data stay in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HEMBLIP_DATA", raising=False)
    monkeypatch.delenv("HEMBLIP_RUN_FOLDER", raising=False)
    return tmp_path
