"""What can be had without a captioner, on the cells that one was tested on."""

from pathlib import Path

import numpy as np
import pandas as pd
from torch.utils.data import DataLoader

from hemblip.data.datamodules import CellDataModule
from hemblip.data.dataset import Example
from hemblip.probing.backbones import Backbone
from hemblip.probing.feature_baselines import baselines
from hemblip.probing.features import embed_cells

EMBEDDINGS = Path("data", "embeddings")
"""Where embeddings are kept, as by `probe`: the training cells are embedded once."""


def baseline_rows(
    training: pd.DataFrame, table: pd.DataFrame, datamodule: CellDataModule, features: Backbone | None
) -> pd.DataFrame:
    """Make the prediction rows of baselines, told apart by `model`.

    Args:
        training: manifest of the training cells.
        table: prediction rows of the captioner.
        datamodule: prepares cells as for the captioner; its manifest holds those of `table`.
        features: frozen encoder, for the nearest neighbour and the classifiers; None leaves these two out.

    Raises:
        DataError: an image cannot be read, as those of training cells on another machine.
    """
    known = training.reset_index(drop=True)
    if features is None:
        return baselines(known, table)
    asked = datamodule.manifest.set_index("cell_id", drop=False).loc[table["cell_id"]].reset_index(drop=True)
    return baselines(known, table, _embed(known, datamodule, features), _embed(asked, datamodule, features))


def _embed(cells: pd.DataFrame, datamodule: CellDataModule, features: Backbone) -> np.ndarray:
    loader: DataLoader[Example] = datamodule.cells_loader(cells)
    return embed_cells(features, loader, EMBEDDINGS, total=len(loader))[1]
