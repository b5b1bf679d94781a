"""`python -m hemblip probe`: what frozen image embeddings know of leukemia subtype and cell type (Table 3)."""

import json
import time
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from hemblip.atomic import write_text
from hemblip.data import ExternalCells, InternalCells
from hemblip.data.records import INTERNAL
from hemblip.data.sources.synthetic import DRAWN, all_drawn
from hemblip.errors import ConfigError
from hemblip.plain_text import csv_text
from hemblip.probing.backbones import Backbone
from hemblip.probing.features import embed_cells
from hemblip.probing.figure import Map, draw_map, plane
from hemblip.probing.heads import HEADS, MEANINGS, Features, Standardize
from hemblip.probing.table import Probe, Row
from hemblip.probing.tasks import TASKS
from hemblip.versions import make_version, next_version, runs_folder

TaskName = Literal["subtype", "subtype_or_healthy", "cell_type"]
HeadName = Literal["cosine", "released", "linear", "knn"]


def probe(
    internal: InternalCells,
    backbones: list[Backbone],
    external: ExternalCells | None = None,
    tasks: list[TaskName] | None = None,
    heads: list[HeadName] | None = None,
    figure: Literal["pca", "umap", "none"] = "pca",
    seed: int = 0,
    name: str = "probe",
    cache: str = "data/embeddings",
) -> None:
    """Train light classifiers on frozen embeddings and write Table 3 into a run folder.

    Example: `python -m hemblip probe --config configs/probe/demo.yaml`

    Args:
        internal: cells to train, choose and test on.
        backbones: where embeddings come from.
        external: cells from elsewhere to test on.
        tasks: what is classified; all if left out.
        heads: classifiers; all if left out.
        figure: map of the test cells' embeddings.
        seed: of heads and map.
        name: of the run.
        cache: folder where embeddings are kept.
    """
    _check(backbones)
    cells, features = embed_all(backbones, internal, external, Path(cache))
    rows: list[Row] = []
    details: dict[str, object] = {}
    maps: dict[str, Map] = {}
    for task in tasks or TASKS:
        trial = Probe(task, TASKS[task], cells, seed)
        if trial.obstacle() is None:
            rows.append(trial.majority()[0])
        for backbone in backbones:
            for head in heads or HEADS:
                start = time.perf_counter()
                row, found = trial.row(backbone.name, head, features[backbone.name])
                rows.append(row)
                seconds = round(time.perf_counter() - start, 2)
                details[f"{task}/{backbone.name}/{head}"] = {"seconds": seconds, **found}
        if figure != "none" and (found_map := _map(trial, features, figure, seed)) is not None:
            maps[task] = found_map
    table = pd.DataFrame(rows)
    folder = _new_folder(runs_folder() / name)  # only now: what failed before leaves none
    for task, points in maps.items():
        title = _title(task, figure) + (f"\n{DRAWN}" if all_drawn(cells["source"]) else "")
        draw_map(points, TASKS[task].classes, title, folder / f"map_{task}.png")
    write_text(folder / "table3.csv", csv_text(table))
    settings = {"seed": seed, "cells": cells["split"].value_counts().to_dict()}
    write_text(folder / "probe.json", json.dumps({"settings": settings, "rows": rows, "details": details}, indent=1))
    print(summary(table))
    print(f"\nTable, details and figures: {folder}")


def embed_all(
    backbones: list[Backbone], internal: InternalCells, external: ExternalCells | None, cache: Path
) -> tuple[pd.DataFrame, dict[str, Features]]:
    """Embed all cells with all backbones.

    Returns:
        Rows of the manifests (internal cells first), and for each backbone embeddings (N, D) in the same order.
    """
    parts: list[pd.DataFrame] = []
    embedded: dict[str, list[Features]] = {backbone.name: [] for backbone in backbones}
    for module, splits in ((internal, INTERNAL), (external, (external.split,) if external else ())):
        if module is None:
            continue
        module.setup()
        for split in splits:
            rows = module.manifest[module.manifest["split"] == split]
            if rows.empty:
                continue
            parts.append(rows.assign(split="external") if module is external else rows)
            for backbone in backbones:
                loader = module.evaluation_loader(split)
                ids, vectors = embed_cells(backbone, loader, cache, total=len(loader))
                order = pd.Series(np.arange(len(ids)), index=ids)
                embedded[backbone.name].append(vectors[order[rows["cell_id"]].to_numpy()])
    return pd.concat(parts, ignore_index=True), {name: np.concatenate(arrays) for name, arrays in embedded.items()}


def summary(table: pd.DataFrame) -> str:
    """Lay the table out as the paper does, as text: accuracy and weighted F1, why some are n/a, what heads are."""
    columns = {
        f"{place} {short}": table[f"{place}_{metric}"].map(_cell)
        for place in ("internal", "external")
        for short, metric in (("acc.", "accuracy"), ("F1", "weighted_f1"))
    }
    laid_out = pd.DataFrame({**{key: table[key] for key in ("title", "backbone", "head")}, **columns})
    found = table[["title", "internal_accuracy", "external_accuracy"]].melt("title").drop_duplicates()
    reasons = [
        f"{title}: {value}" for title, value in zip(found["title"], found["value"], strict=True) if "n/a" in str(value)
    ]
    meanings = [f"{head}: {MEANINGS[head]}" for head in table["head"].unique() if head in MEANINGS]
    return "\n".join([laid_out.to_string(index=False), *reasons, *meanings])


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "n/a"


def _check(backbones: list[Backbone]) -> None:
    names = [backbone.name for backbone in backbones]
    if not names:
        raise ConfigError("backbones is empty; name at least one, for example hemblip.probing.RandomProjection")
    if len(set(names)) < len(names):
        raise ConfigError(f"two backbones have one name in {names}; set `name` of one")


def _new_folder(parent: Path) -> Path:
    while not make_version(folder := next_version(parent)):
        pass
    return folder


def _map(trial: Probe, features: dict[str, Features], method: Literal["pca", "umap"], seed: int) -> Map | None:
    """Points and classes of the test cells by backbone; None with fewer than 3 cells."""
    chosen = (trial.split == "test") & (trial.labels >= 0)
    if chosen.sum() < 3:
        return None
    return {
        name: (plane(Standardize(vectors[chosen])(vectors[chosen]), method, seed), trial.labels[chosen])
        for name, vectors in features.items()
    }


def _title(task: str, method: str) -> str:
    return f"{TASKS[task].title}: internal test cells, {method.upper()} of frozen embeddings"
