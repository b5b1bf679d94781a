"""`test --stress`: the same cells described again under bad conditions."""

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import lightning as L
import numpy as np
import pandas as pd
import torch

from hemblip.atomic import replacing
from hemblip.callbacks.caption_evaluation import described_rows, split_of
from hemblip.data.conditions import Condition
from hemblip.data.datamodules import CellDataModule
from hemblip.data.dataset import Batch
from hemblip.data.images import read_cell
from hemblip.metrics.stress import AS_IT_IS
from hemblip.models.captioner import Captioner
from hemblip.models.familiarity import Familiarity
from hemblip.predictions import UNLIKE, prediction_table
from hemblip.ranks import gather
from hemblip.run import STRESS, Run

MOST = 128
"""Cells that are described under each condition, by a hash of their ids."""


class Stress(L.Callback):
    """After all cells of `test`, describe some of them under each condition; see `hemblip.data.conditions`.

    Rows go to `predictions/stress/<split>.parquet`; those of an earlier test are removed, whatever is asked for now.

    Args:
        folder: run folder.
        conditions: with their strengths; none for no stress test.
    """

    def __init__(self, folder: Path, conditions: Sequence[Condition] = ()) -> None:
        self.folder, self.conditions = folder, list(conditions)

    def on_test_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Describe; each rank has its share of the cells under all conditions."""
        assert isinstance(pl_module, Captioner)
        cells: CellDataModule = trainer.datamodule  # type: ignore[attr-defined]
        split = split_of(trainer)
        path = Run(self.folder).rows_of(f"{STRESS}/{split}")
        if trainer.is_global_zero:
            path.unlink(missing_ok=True)
        if not self.conditions:
            return
        chosen = cells.manifest[cells.manifest["split"] == split]
        order = sorted(range(len(chosen)), key=lambda place: zlib.crc32(chosen["cell_id"].iloc[place].encode()))
        mine = chosen.iloc[order[:MOST][trainer.global_rank :: trainer.world_size]]
        pl_module.familiarity = Familiarity.read(self.folder)
        made = []
        for condition in [None, *self.conditions]:
            for rows in self._described(pl_module, cells, mine, condition):
                made += rows
            if trainer.is_global_zero:
                print(f"stress      {_name(condition)}", flush=True)
        table = pd.DataFrame([row for rows in gather(made) for row in rows])
        if trainer.is_global_zero:
            each = table.groupby(["condition", "strength"], sort=False, dropna=False)
            parts = [prediction_table(part.to_dict("records")) for _, part in each]
            with replacing(path) as partial:
                pd.concat(parts, ignore_index=True).to_parquet(partial, index=False)

    def _described(
        self, captioner: Captioner, cells: CellDataModule, chosen: pd.DataFrame, condition: Condition | None
    ) -> Iterator[list[dict[str, object]]]:
        known = chosen.set_index("cell_id", drop=False).to_dict("index")
        told = {
            "condition": condition.name if condition else AS_IT_IS,
            "strength": condition.strength if condition else None,
        }
        model = Run(self.folder).name
        for start in range(0, len(chosen), cells.batch_size):
            rows = chosen.iloc[start : start + cells.batch_size].to_dict("records")
            pictures = [read_cell(row["image"], row["bbox"], float(row["width_factor"])) for row in rows]
            if condition is not None:
                pictures = [condition(one, row["cell_id"]) for one, row in zip(pictures, rows, strict=True)]
            images = torch.from_numpy(np.stack([cells.preparation(one) for one in pictures]))
            batch: Batch = {
                "images": images.permute(0, 3, 1, 2).contiguous().to(captioner.device),
                "captions": [row["captions"][0] for row in rows],
                "cell_ids": [row["cell_id"] for row in rows],
            }
            described, unlike = described_rows(captioner, batch, known, model), captioner.unlike(batch)
            yield [row | told | {UNLIKE: far} for row, far in zip(described, unlike, strict=True)]


def _name(condition: Condition | None) -> str:
    return AS_IT_IS if condition is None else f"{condition.name} {condition.strength:g}"
