"""Is this like the cells of training? A distance of frozen features, in quantiles of the validation cells.

The distance is that to the fifth nearest training cell, of the vision encoder's mean patch, standardised by the
training cells (deep nearest neighbours, Sun et al., ICML 2022). It needs no leukemia and no label: it tells other
stains, empty fields and photographs, not other diseases.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from hemblip.atomic import replacing
from hemblip.data.dataset import Batch
from hemblip.errors import DataError

if TYPE_CHECKING:
    from hemblip.models.captioner import Captioner

Values = NDArray[np.float32]

MOST = 2_000
"""Training cells that are kept: 1 to 3 MB."""

NEIGHBOUR = 5

FILE = "familiarity.npz"
"""In a run folder."""


@dataclass(frozen=True, eq=False)
class Familiarity:
    """What distances are measured by.

    Attributes:
        mean: of the training cells' features (D,).
        scale: their standard deviation (D,).
        cells: standardised features of training cells (N, D).
        validation: distances of the validation cells (V,), ascending.
    """

    mean: Values
    scale: Values
    cells: Values
    validation: Values

    @classmethod
    def of(cls, training: Values, validation: Values) -> Familiarity:
        """Make it from features of training (N, D) and validation cells (V, D)."""
        mean, scale = training.mean(0), training.std(0) + 1e-6
        made = cls(mean, scale, ((training - mean) / scale).astype(np.float32), np.zeros(0, np.float32))
        return cls(made.mean, made.scale, made.cells, np.sort(made.distance(validation)))

    def distance(self, features: Values) -> Values:
        """Measure cells (B, D): (B,), from 0 on."""
        nearest = min(NEIGHBOUR, len(self.cells))
        return self._apart(features).kthvalue(nearest, dim=1).values.numpy()

    def nearest(self, features: Values, most: int) -> NDArray[np.int64]:
        """Find the training cells nearest to cells (B, D): places in `cells` (B, at most `most`), the nearest first."""
        apart = self._apart(features)
        return apart.topk(min(most, len(self.cells)), dim=1, largest=False).indices.numpy()

    def _apart(self, features: Values) -> torch.Tensor:
        points = torch.from_numpy(((features - self.mean) / self.scale).astype(np.float32))
        return torch.cdist(points, torch.from_numpy(self.cells))  # (B, N)

    def quantile(self, features: Values) -> NDArray[np.float64]:
        """Say what share of the validation cells is nearer than each cell (B, D): (B,), 0 to 1."""
        return np.searchsorted(self.validation, self.distance(features)) / len(self.validation)

    def write(self, folder: Path) -> None:
        """Write it to a run folder, atomically."""
        with replacing(folder / FILE) as partial, partial.open("wb") as file:
            cells = self.cells.astype(np.float16)
            np.savez(file, mean=self.mean, scale=self.scale, cells=cells, validation=self.validation)

    @classmethod
    def read(cls, folder: Path) -> Familiarity | None:
        """Read it from a run folder; None if there is none.

        Raises:
            DataError: the file is damaged.
        """
        path = folder / FILE
        if not path.is_file():
            return None
        try:
            with np.load(path) as told:
                parts = [told[name].astype(np.float32) for name in ("mean", "scale", "cells", "validation")]
        except Exception as error:  # numpy raises many kinds for torn files
            raise DataError(f"{path}: damaged ({error}); run `python -m hemblip validate` again") from error
        return cls(*parts)


def features_of(captioner: Captioner, batches: Iterable[Batch]) -> Values:
    """Embed cells (N, D), float32."""
    with torch.inference_mode():
        placed = ({**batch, "images": batch["images"].to(captioner.device)} for batch in batches)
        found = [captioner.embed(batch).float() for batch in placed]  # type: ignore[arg-type]
    return torch.cat(found).cpu().numpy()


def sample_of(cells: list[str]) -> list[int]:
    """Choose at most `MOST` of the cells by a hash of their ids: their places, in order."""
    order = sorted(range(len(cells)), key=lambda place: zlib.crc32(cells[place].encode()))
    return sorted(order[:MOST])
