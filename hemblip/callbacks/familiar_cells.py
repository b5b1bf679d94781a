"""What cells a captioner knows, kept with its run, so that `predict` can tell which are unlike them."""

from pathlib import Path

import lightning as L
import pandas as pd

from hemblip.data.datamodules import CellDataModule
from hemblip.errors import HemblipError
from hemblip.models.captioner import Captioner
from hemblip.models.familiarity import Familiarity, features_of, sample_of
from hemblip.run import TRAINING_CELLS


class FamiliarCells(L.Callback):
    """After `validate`, write `familiarity.npz`: features of training cells, and the validation cells' distances.

    Without the images of the training cells there is none, and a line says so.

    Args:
        folder: run folder, with the manifest of the training cells.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Embed both; the first rank alone, because the cells are few."""
        cells: CellDataModule = trainer.datamodule  # type: ignore[attr-defined]
        stored = self.folder / TRAINING_CELLS
        if trainer.state.fn != "validate" or not trainer.is_global_zero or not stored.is_file():
            return
        assert isinstance(pl_module, Captioner)
        validation = cells.manifest[cells.manifest["split"] == "val"]
        try:
            found = [
                features_of(pl_module, cells.cells_loader(_some(table)))
                for table in (pd.read_parquet(stored), validation)
            ]
        except HemblipError as error:
            trainer.print(f"note: nothing is known of what is unlike the training cells ({error})")
            return
        Familiarity.of(*found).write(self.folder)


def _some(table: pd.DataFrame) -> pd.DataFrame:
    return table.iloc[sample_of(table["cell_id"].tolist())].reset_index(drop=True)
