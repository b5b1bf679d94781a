"""Run folders with drawn cells and captions of make-believe models: what `fit` and `test` would leave."""

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import yaml

from hemblip.data.sources import Synthetic
from hemblip.metrics.baselines import majority_baseline, modal_caption_baseline
from hemblip.morphology import KEYS, SCHEMA, describe, extract_attributes
from hemblip.predictions import CONFIDENCE_PREFIX, TRUE_PREFIX, prediction_table, write_predictions

DRAWN = TemporaryDirectory(prefix="hemblip-cells-")
"""Cells are drawn once a process."""


def manifests(cells: int = 60, size: int = 48) -> dict[str, pd.DataFrame]:
    """Training and test cells, and external ones of two sources."""
    return {split: table.copy() for split, table in _manifests(cells, size).items()}


@cache
def _manifests(cells: int, size: int) -> dict[str, pd.DataFrame]:
    internal = Synthetic(cells=2 * cells, size=size, folder=DRAWN.name).records()
    external = Synthetic(cells=cells // 2, size=size, external=True, folder=DRAWN.name).records()
    external["source"] = np.where(np.arange(len(external)) % 3 == 0, "atlas", "low-cost microscope")
    internal["captions"] = [[describe({key: row[key] for key in KEYS})] for row in internal.to_dict("records")]
    return {
        "train": internal[:cells].assign(split="train"),
        "test": internal[cells:].assign(split="test").reset_index(drop=True),
        "external": external.assign(split="external"),
    }


def predictions(manifest: pd.DataFrame, model: str, skill: float, seed: int = 0, talk: float = 1.0) -> pd.DataFrame:
    """Captions of a model that gets each attribute right with probability `skill` and states it with `talk`."""
    rng = np.random.default_rng(seed)
    rows = []
    for cell in manifest.to_dict("records"):
        truth = {key: cell[key] for key in KEYS}
        said: dict[str, str | None] = {}
        right = 0
        for key, value in truth.items():
            known = rng.random() < skill
            asked = rng.random() < (talk if value is not None else 0.05)
            guess = value if known and value is not None else str(rng.choice(SCHEMA[key]))
            said[key] = guess if asked else None
            right += said[key] == value
        if said["granules"] == "absent":
            said["granule_colour"] = None
        caption = describe(said, style=seed % 3)
        sure = {key: np.clip(skill + 0.2 * (said[key] == truth[key]) + rng.normal(0, 0.1), 0.01, 0.99) for key in KEYS}
        rows.append(
            {
                **{name: cell[name] for name in ("cell_id", "split", "source", "group", "image")},
                "model": model,
                "reference": describe(truth),
                "caption": caption,
                "confidence": float(np.clip(right / len(KEYS) + rng.normal(0, 0.15), 0.01, 0.99)),
                **{CONFIDENCE_PREFIX + key: None if said[key] is None else float(sure[key]) for key in KEYS},
                **extract_attributes(caption),
                **{TRUE_PREFIX + key: truth[key] for key in KEYS},
            }
        )
    return prediction_table(rows)


def curves(rng: np.random.Generator, epochs: int = 6) -> pd.DataFrame:
    """`metrics.csv` as Lightning's CSV logger writes it."""
    rows = []
    for epoch in range(epochs):
        for step in range(3):
            rows.append({"epoch": epoch, "step": 3 * epoch + step, "train_loss": 3 / (1 + epoch + step / 3)})
        noise = rng.normal(0, 0.02)
        rows.append(
            {
                "epoch": epoch,
                "step": 3 * epoch + 2,
                "val_loss": 3.1 / (1 + epoch) + noise,
                "val_accuracy": 0.8 - 0.5 / (1 + epoch) + noise,
                "val_bleu": 0.5 - 0.4 / (1 + epoch) + noise,
            }
        )
    return pd.DataFrame(rows)


def make_run(
    folder: Path,
    cells: dict[str, pd.DataFrame],
    skill: float,
    seed: int = 0,
    talk: float = 1.0,
    splits: tuple[str, ...] = ("test", "external"),
    baselines: bool = True,
) -> Path:
    """Write a run folder and give it back."""
    name = folder.parent.name
    for split in splits:
        table = predictions(cells[split], name, skill if split == "test" else 0.6 * skill, seed, talk)
        write_predictions(table, folder / "predictions" / f"{split}.parquet")
        if baselines:
            both = [baseline(cells["train"], table) for baseline in (majority_baseline, modal_caption_baseline)]
            rows = pd.concat(both, ignore_index=True)
            write_predictions(rows, folder / "predictions" / "baselines" / f"{split}.parquet")
    validation = predictions(cells["train"][:40].assign(split="val"), name, skill, seed, talk)
    write_predictions(validation, folder / "predictions" / "val.parquet")
    config = {
        "seed_everything": seed,
        "model": {
            "class_path": "hemblip.models.BlipCaptioner",
            "init_args": {"pretrained": "compact", "adaptation": "full", "decoding": {"num_beams": 1}},
        },
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / "metrics.json").write_text(json.dumps({}))
    curves(np.random.default_rng(seed)).to_csv(folder / "metrics.csv", index=False)
    return folder


def make_probe(folder: Path) -> Path:
    """Write `table3.csv` as `probe` does."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for task, title in (("subtype", "Leukemia subtype (5)"), ("cell_type", "Cell type (13)")):
        for backbone, accuracy in (("Majority", 0.3), ("HemBLIP Full", 0.8), ("BLIP Base", 0.7)):
            row = {
                "task": task,
                "title": title,
                "backbone": backbone,
                "head": "-" if backbone == "Majority" else "cosine",
                "train_cells": 60,
            }
            for place in ("internal", "external"):
                row |= {f"{place}_cells": 30, f"{place}_groups": 6}
                for metric in ("accuracy", "weighted_f1", "macro_f1"):
                    value = accuracy - (0.2 if place == "external" else 0)
                    ends = {"": value, "_low": value - 0.05, "_high": value + 0.05}
                    missing = place == "external" and task == "subtype"
                    row |= {
                        f"{place}_{metric}{end}": "n/a (no external cell has a diagnosis of this task)"
                        if missing
                        else v
                        for end, v in ends.items()
                    }
            rows.append(row)
    pd.DataFrame(rows).to_csv(folder / "table3.csv", index=False)
    return folder
