"""What a result was made with: `provenance.json` of a run, an entry for training and one for each set tested."""

import hashlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import lightning as L
import pandas as pd
import torch

import hemblip
from hemblip.data.datamodules import CellDataModule
from hemblip.models.captioner import Captioner
from hemblip.morphology import KEYS
from hemblip.morphology.extract import extractor_version
from hemblip.run import Run

PACKAGES = (
    "lightning",
    "torch",
    "transformers",
    "peft",
    "torchmetrics",
    "bert-score",
    "rouge-score",
    "wandb",
    "albumentations",
    "jsonargparse",
)


class Provenance(L.Callback):
    """Write what a run is made with, when training or testing starts."""

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Record the training."""
        self._record(trainer, pl_module, "fit")

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Record `validate`; validation while training is a part of it."""
        if trainer.state.fn == "validate":
            self._record(trainer, pl_module, "val")

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Record the set that is tested, by its split."""
        cells = trainer.datamodule  # type: ignore[attr-defined]
        splits = set(cells.manifest["split"]) if isinstance(cells, CellDataModule) else set()
        self._record(trainer, pl_module, "external" if splits == {"external"} else "test")

    def _record(self, trainer: L.Trainer, captioner: L.LightningModule, part: str) -> None:
        cells = trainer.datamodule  # type: ignore[attr-defined]
        if not trainer.is_global_zero or trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        if isinstance(cells, CellDataModule) and isinstance(captioner, Captioner):
            Run(trainer.default_root_dir).record(part, provenance(trainer, captioner, cells))


def provenance(trainer: L.Trainer, captioner: Captioner, cells: CellDataModule) -> dict[str, Any]:
    """Gather versions, machine, seeds, settings of cells and decoding, and digests of data and reading rules."""
    return {
        "hemblip": hemblip.__version__,
        **_commit(),
        "packages": {name: _version(name) for name in PACKAGES},
        "device": _device(trainer.strategy.root_device),
        "precision": str(trainer.precision),
        "ranks": trainer.world_size,
        "seed": cells.training_seed if trainer.state.fn == "fit" else None,
        "data_seed": cells.seed,
        "decoding": asdict(captioner.decoding),
        "cells": {**cells.preparation.settings(), "batch_size": cells.batch_size, "limit": cells.limit},
        "sources": [source.name for source in cells.sources],
        "extractor": extractor_version(),
        "data": data_digest(cells.manifest),
    }


def data_digest(manifest: pd.DataFrame) -> str:
    """Digest cells, splits, groups and annotations, in any order, in 16 hexadecimal digits."""
    told = manifest[["cell_id", "split", "group", *KEYS]].astype(object).where(lambda table: table.notna(), None)
    rows = sorted(json.dumps([str(value) for value in row]) for row in told.itertuples(index=False))
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]


def _device(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> Mapping[str, Any]:
    """Name the commit of a clone, and whether it was changed."""
    clone = Path(hemblip.__file__).parents[1]
    if not (clone / ".git").exists():
        return {"commit": None, "changed": None}
    try:
        commit = _git(clone, "rev-parse", "HEAD")
        changed = _git(clone, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return {"commit": None, "changed": None}
    return {"commit": commit, "changed": bool(changed)}


def _git(clone: Path, *words: str) -> str:
    command = ["git", "-C", str(clone), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.strip()
