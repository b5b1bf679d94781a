"""The training cells that look most like a cell, with their annotation, by the features that tell what is unlike."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import pandas as pd
import torch

from hemblip.errors import HemblipError
from hemblip.explain.statement import as_batch, as_input
from hemblip.models.captioner import Captioner
from hemblip.models.familiarity import features_of, sample_of
from hemblip.morphology import KEYS
from hemblip.reporting.described import Alike, Cell
from hemblip.run import TRAINING_CELLS

SHOWN = 3

BATCH = 32


class AlikeCells:
    """Finds them for one captioner.

    Args:
        captioner: in evaluation mode.
        folder: of its run; without features or manifest of training cells nothing is found.
    """

    def __init__(self, captioner: Captioner, folder: Path) -> None:
        self._captioner, self._cells = captioner, _known_cells(captioner, folder)
        self._read = lru_cache(maxsize=500)(self._one)

    def of(self, cells: Sequence[Cell]) -> list[tuple[Alike, ...]]:
        """Find the nearest of each cell, the nearest first; those whose image is gone are left out."""
        known = self._captioner.familiarity
        if known is None or self._cells is None or not cells:
            return [()] * len(cells)
        images = [as_input(torch.from_numpy(cell.seen).permute(2, 0, 1), self._captioner) for cell in cells]
        batches = (as_batch(torch.stack(images[start : start + BATCH])) for start in range(0, len(images), BATCH))
        places = known.nearest(features_of(self._captioner, batches), SHOWN).tolist()
        return [tuple(found for place in row if (found := self._read(place))) for row in places]

    def _one(self, place: int) -> Alike | None:
        assert self._cells is not None
        row = self._cells.iloc[place].to_dict()
        try:
            seen = self._captioner.preparation.of_cell(row)
        except HemblipError:
            return None
        return Alike(str(row["cell_id"]), seen, {key: row[key] for key in KEYS if isinstance(row.get(key), str)})


def _known_cells(captioner: Captioner, folder: Path) -> pd.DataFrame | None:
    """Manifest rows of the training cells, in the order of their features; None if they do not belong together."""
    path = folder / TRAINING_CELLS
    if captioner.familiarity is None or not path.is_file():
        return None
    table = pd.read_parquet(path)
    chosen = table.iloc[sample_of(table["cell_id"].tolist())]
    return chosen if len(chosen) == len(captioner.familiarity.cells) else None
