"""Captions of cells of which nothing is known, written as they are made."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pandas as pd
from lightning.pytorch.callbacks import BasePredictionWriter

from hemblip.atomic import write_text
from hemblip.callbacks.part_files import start_parts
from hemblip.callbacks.provenance import provenance
from hemblip.data.datamodules import CellDataModule
from hemblip.errors import DataError
from hemblip.metrics.abstention import abstain, foreign
from hemblip.models.captioner import Captioner
from hemblip.morphology import KEYS, extract_attributes
from hemblip.parts import RowParts
from hemblip.predictions import (
    CONFIDENCE_PREFIX,
    UNLIKE,
    captions_path,
    captions_table,
    write_as,
    write_captions,
)
from hemblip.reporting.described import Cell, page
from hemblip.results import check_files, remove_files, replacing_files

MAKER = "predict"

SHOWN = 20
"""Most flaws that are told on the terminal."""

PAGE = 500
"""Most cells on a page: about 10 MB."""

UNSHORTENED = "unshortened"
"""Column beside captions that were shortened."""


class PredictionWriter(BasePredictionWriter):
    """Write the captions of `predict`, and the attributes that they state, as a table.

    Cells whose images cannot be read are listed in `<output>_excluded.csv`.

    Args:
        output: table to write, `.csv` or `.parquet`; or `.html`, a page with the cells as the model saw them.
        thresholds: least confidence by attribute, see `hemblip.metrics.abstention`; None leaves captions as they are.
        go_on: describe only what a killed `predict` with the same output has not described.
        promise: what `thresholds` promise, for the page.
        model: name of the captioner, for the page.

    Raises:
        DataError: `output` cannot be written, the list of unreadable images would replace what no `predict` made, or
            rows to go on with were made with other settings.
    """

    def __init__(
        self,
        output: str | Path,
        thresholds: dict[str, float | None] | None = None,
        go_on: bool = False,
        promise: str = "",
        model: str = "",
    ) -> None:
        super().__init__("batch")
        self.path, self.thresholds, self.go_on = captions_path(str(output)), thresholds, go_on
        self.promise, self.model = promise, model
        self._listed = self.path.with_name(f"{self.path.name}_excluded.csv")
        check_files([self._listed], MAKER)
        self._parts = RowParts(self.path)

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Find out what is to be described."""
        super().setup(trainer, pl_module, stage)
        if stage != "predict":
            return
        assert isinstance(pl_module, Captioner)
        cells: CellDataModule = trainer.datamodule  # type: ignore[attr-defined]
        asked = {key: choice.asked_temperature for key, choice in pl_module.choices.items()}
        start_parts(self._parts, trainer, cells, provenance(trainer, pl_module, cells), asked, self.go_on)

    def write_on_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        prediction: Any,
        batch_indices: Sequence[int] | None,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        """Keep the rows of a batch."""
        self._parts.add(prediction)

    def on_predict_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Make the table of the parts of all ranks."""
        self._parts.flush()
        trainer.strategy.barrier()
        if trainer.is_global_zero:
            assert isinstance(pl_module, Captioner)
            cells: CellDataModule = trainer.datamodule  # type: ignore[attr-defined]
            rows = self._parts.rows()
            flawed = rows["flaw"].notna()
            if flawed.all():
                self._tell_excluded(rows)
                raise DataError(f"none of the {len(rows):,} images can be read; nothing is described")
            table = captions_table(rows[~flawed], cells.rows)
            far = foreign(table)
            if self.thresholds is not None:
                table = _shortened(table, self.thresholds)
            if self.path.suffix == ".html":
                self._write_page(table, cells, pl_module, rows.loc[flawed, "flaw"].tolist())
            else:
                write_captions(table, self.path)
            self._parts.remove()
            print(f"{len(table):,} captions   {self.path}")
            if told := pl_module.never_seen():
                print(told)
            if far.any():
                what = "nothing is said of them" if self.thresholds is not None else "their captions promise nothing"
                print(f"{far.sum():,} of them of cells unlike those of training (column {UNLIKE}); {what}")
            if flawed.any():
                self._tell_excluded(rows[flawed])
            else:
                remove_files([self._listed], MAKER)

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Keep what was described."""
        self._parts.close()

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Let other jobs in."""
        self._parts.close()

    def _write_page(
        self, table: pd.DataFrame, cells: CellDataModule, captioner: L.LightningModule, flaws: list[str]
    ) -> None:
        """Write the page of at most `PAGE` cells: those unlike the training cells before all, the least sure first."""
        assert isinstance(captioner, Captioner)
        manifest, shown = cells.rows.set_index("cell_id"), []
        chosen = table.assign(like=~foreign(table)).sort_values("like", kind="stable").head(PAGE)
        for row in chosen.sort_values(["like", "confidence"], kind="stable").to_dict("records"):
            said = {key: row[key] if isinstance(row[key], str) else None for key in KEYS}
            before = extract_attributes(row[UNSHORTENED]) if UNSHORTENED in row else said
            sure = {key: row[CONFIDENCE_PREFIX + key] for key in KEYS if pd.notna(row[CONFIDENCE_PREFIX + key])}
            left_out = tuple(key for key in KEYS if before[key] is not None and said[key] is None)
            seen = cells.preparation.of_cell(manifest.loc[row["cell_id"]].to_dict())
            shown.append(Cell(row["cell_id"], seen, row["caption"], said, sure, left_out, row.get(UNLIKE)))
        warning = captioner.never_seen()
        write_text(self.path, page(shown, self.model, warning, self.promise, flaws, len(table)))

    def _tell_excluded(self, rows: pd.DataFrame) -> None:
        """List the cells whose images cannot be read, the first of them on the terminal."""
        with replacing_files([self._listed], MAKER) as partial:
            write_as(rows[["cell_id", "flaw"]], ".csv", partial(self._listed))
        print(f"{len(rows):,} left out   {self._listed}")
        for flaw in rows["flaw"].head(SHOWN):
            print(f"  {flaw}")


def _shortened(table: pd.DataFrame, thresholds: dict[str, float | None]) -> pd.DataFrame:
    """Leave out what nothing is promised of, and say why; the whole caption stays beside."""
    shorter = abstain(table, thresholds)
    after = shorter.columns.get_loc("caption") + 1
    shorter.insert(after, UNSHORTENED, table["caption"])
    shorter.insert(after + 1, "why", np.where(foreign(table), "unlike the training cells", ""))
    return shorter
