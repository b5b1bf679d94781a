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
from hemblip.atomic import replacing
from hemblip.data.datamodules import CellDataModule
from hemblip.data.records import QUESTION
from hemblip.models.captioner import Captioner
from hemblip.models.checkpoints import weights_digest
from hemblip.morphology import KEYS
from hemblip.morphology.extract import extractor_version
from hemblip.run import TRAINING_CELLS, Run

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


DEPENDED_ON = ("weights", "packages", "device", "precision", "decoding", "cells", "extractor", "data", "captioner")
"""Facts on which captions depend."""


class Provenance(L.Callback):
    """Write what a run is trained with and on, when training starts. `CaptionEvaluation` does so for what is tested."""

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Record the training, and keep the manifest of its cells."""
        cells = trainer.datamodule  # type: ignore[attr-defined]
        if not trainer.is_global_zero or trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        if isinstance(cells, CellDataModule) and isinstance(pl_module, Captioner):
            run = Run(trainer.default_root_dir)
            run.record("fit", provenance(trainer, pl_module, cells))
            with replacing(run.folder / TRAINING_CELLS) as partial:
                cells.manifest[cells.manifest["split"] == "train"].to_parquet(partial, index=False)


def provenance(trainer: L.Trainer, captioner: Captioner, cells: CellDataModule) -> dict[str, Any]:
    """Gather versions, machine, seeds, settings, and digests of weights, data and reading rules."""
    return {
        "hemblip": hemblip.__version__,
        **_commit(),
        "packages": {name: _version(name) for name in PACKAGES},
        "device": _device(trainer.strategy.root_device),
        "precision": str(trainer.precision),
        "ranks": trainer.world_size,
        "captioner": captioner.settings(),
        "weights": None if trainer.state.fn == "fit" else weights_digest(_weights(trainer)),
        "seed": cells.training_seed if trainer.state.fn == "fit" else None,
        "data_seed": cells.seed,
        "decoding": asdict(captioner.decoding),
        "cells": {**cells.preparation.settings(), **_amounts(trainer, cells)},
        "sources": [source.name for source in cells.sources],
        "extractor": extractor_version(),
        "data": data_digest(cells.rows),
    }


def _weights(trainer: L.Trainer) -> str | Path | None:
    """Name the checkpoint that is described with; while a command is set up, Lightning does not know it yet."""
    return trainer.ckpt_path or getattr(trainer, "described_with", None)


def _amounts(trainer: L.Trainer, cells: CellDataModule) -> dict[str, Any]:
    """Tell the size of batches, and how many cells are taken if not all."""
    told = {"batch_size": cells.batch_size, "limit": cells.limit}
    limit = trainer.limit_test_batches if trainer.state.fn == "test" else trainer.limit_val_batches
    whole = (limit == 1.0 and isinstance(limit, float)) or trainer.state.fn not in ("validate", "test")
    return told if whole else {**told, "limit_batches": limit}


def made_with(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Give those facts of `provenance` on which captions depend: the number of ranks is not among them."""
    return {name: facts[name] for name in DEPENDED_ON}


def changed(recorded: Mapping[str, Any], facts: Mapping[str, Any]) -> list[str]:
    """Name the facts, among those on which captions depend, that are not as they were recorded."""
    was, now = recorded, json.loads(json.dumps(made_with(facts)))
    return [name for name in DEPENDED_ON if name in was and _apart(name, was[name]) != _apart(name, now[name])]


def _apart(name: str, fact: Any) -> Any:
    """Give a fact without what another one tells: a captioner's settings hold its decoding."""
    if name != "captioner" or not isinstance(fact, Mapping):
        return fact
    given = {setting: value for setting, value in (fact.get("init_args") or {}).items() if setting != "decoding"}
    return {**fact, "init_args": given}


def data_digest(manifest: pd.DataFrame) -> str:
    """Digest cells, splits, groups, annotations and questions, in any order, in 16 hexadecimal digits."""
    asked = [QUESTION] if QUESTION in manifest else []
    told = (
        manifest[["cell_id", "split", "group", *KEYS, *asked]].astype(object).where(lambda table: table.notna(), None)
    )
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
