"""Where rows of `test`, `validate` and `predict` begin: anew, or after those that a killed job has written."""

from typing import Any

import lightning as L
import pandas as pd

from hemblip.callbacks.provenance import made_with
from hemblip.data.datamodules import CellDataModule
from hemblip.parts import RowParts


def start_parts(
    parts: RowParts,
    trainer: L.Trainer,
    cells: CellDataModule,
    facts: dict[str, Any],
    asked: Any,
    go_on: bool,
    *columns: str,
) -> pd.DataFrame:
    """Start part files on all ranks, and leave what is described already out of `cells`.

    Args:
        parts: to start.
        trainer: that is about to describe.
        cells: to be described.
        facts: see `hemblip.callbacks.provenance.provenance`; the first rank's count.
        asked: what cells are asked about beside their captions, plain values.
        go_on: keep rows that are there.
        columns: to read of these rows.

    Returns:
        `cell_id` and `columns` of rows that are there, on each rank.

    Raises:
        DataError: they were made with other settings, or another job is making them.
    """
    if trainer.is_global_zero:
        parts.start({**made_with(facts), "confidence": asked}, go_on)
    trainer.strategy.barrier()
    described = parts.columns("cell_id", *columns)
    cells.described = set(described["cell_id"]) if len(described) else set()
    if cells.described:
        trainer.print(f"{len(cells.described):,} cells are described already; the others follow")
    return described
