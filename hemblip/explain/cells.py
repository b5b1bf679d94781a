"""The cells of a run that are explained: their images as the captioner sees them, captions, and masks."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jsonargparse import ArgumentError, ArgumentParser
from numpy.typing import NDArray
from torch import Tensor

from hemblip.data.datamodules import CellDataModule
from hemblip.data.images import Pixels, read_cell
from hemblip.data.masks import Masks, read_masks
from hemblip.data.unlabelled import UnlabelledCells
from hemblip.errors import CheckpointError, DataError
from hemblip.explain.maps import Map, at_input, in_image
from hemblip.explain.methods import Method
from hemblip.explain.statement import CaptionReader, Statement, as_input
from hemblip.models.captioner import Captioner
from hemblip.run import Run

SMALLEST = 16
"""Side in pixels of a cell in which places can be told apart."""


def open_run(run: str | Path) -> tuple[Captioner, CellDataModule]:
    """Rebuild a run's captioner with its best weights, and its cells as it prepares them, not yet set up.

    Raises:
        CheckpointError: the run lacks weights or settings.
    """
    captioner = Run.meant(run).captioner()
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(CellDataModule, "data")
    try:
        settings = parser.parse_object({"data": Run.meant(run).config["data"]})
    except (ArgumentError, KeyError) as error:
        reason = " ".join(str(error).split())[:300]
        raise CheckpointError(f"{run}: its section `data` cannot be used ({reason})") from error
    data: CellDataModule = parser.instantiate_classes(settings).data
    return captioner, data


@dataclass(frozen=True)
class ExplainedCell:
    """One cell and what a captioner says of it.

    Attributes:
        row: of the manifest.
        image: (3, S, S), 0 to 255, as the captioner sees it.
        reader: of the generated caption.
        crop: share of the image that the captioner sees.
    """

    row: Mapping[str, Any]
    image: Tensor
    reader: CaptionReader
    crop: float

    @cached_property
    def pixels(self) -> Pixels:
        """The cell's image (H, W, 3), to which maps and masks belong."""
        return read_cell(str(self.row["image"]), self.row["bbox"])

    @cached_property
    def masks(self) -> Masks | None:
        """Parts of the cell, (H, W); None where it has no mask."""
        return None if self.row["masks"] is None else read_masks(self.row)

    @cached_property
    def parts(self) -> Tensor | None:
        """Parts as the captioner sees them, (S, S): 0 background, 1 cytoplasm, 2 nucleus; None without a mask."""
        if self.masks is None:
            return None
        labels: NDArray[np.uint8] = (2 * self.masks.nucleus + (self.masks.cytoplasm & ~self.masks.nucleus)).astype("u1")
        seen = at_input(labels, self.image.shape[-1], self.crop, float(self.row["width_factor"]))
        return torch.from_numpy(seen).to(self.image.device)

    def explain(self, method: Method, statements: Sequence[Statement]) -> Tensor:
        """Maps (N, S, S) of statements as the captioner sees the cell, at least 0."""
        return method(self.reader, self.image, statements, self.parts)

    def in_image(self, grid: Tensor) -> Map:
        """A map (S, S) in the coordinates of the image (H, W)."""
        return in_image(grid, self.pixels.shape[:2], self.crop, float(self.row["width_factor"]))


def choose_cells(data: CellDataModule, images: str | None, split: str, most: int) -> pd.DataFrame:
    """Take a run's cells of a split, in the order of a hash of their ids, or those of a path, in its order.

    Raises:
        DataError: there are none.
    """
    if images is not None:
        data = UnlabelledCells(images, data)
    data.setup()
    if images is not None:
        return data.manifest.head(most)
    cells = data.manifest[data.manifest["split"] == split]
    if cells.empty:
        found = ", ".join(sorted(set(data.manifest["split"])))
        raise DataError(f"--split {split}: the run's data has no such cells; it has {found}")
    order = sorted(cells.index, key=lambda index: zlib.crc32(cells.loc[index, "cell_id"].encode()))
    return cells.loc[order[:most]].reset_index(drop=True)


def explained_cells(captioner: Captioner, data: CellDataModule, cells: pd.DataFrame) -> Iterator[ExplainedCell]:
    """Describe cells and give each with its caption, in order; cells without a caption are left out.

    Raises:
        DataError: an image is too small for a map to say anything.
    """
    rows = iter(cells.to_dict("records"))
    for batch in data.cells_loader(cells):
        for image, caption in zip(batch["images"], captioner.generate(batch), strict=True):
            row = next(rows)
            if not caption:
                continue
            cell = ExplainedCell(row, as_input(image, captioner), CaptionReader(captioner, caption), data.crop)
            height, width = cell.pixels.shape[:2]
            if min(height, width) < SMALLEST:
                raise DataError(
                    f"{row['image']}: {width}x{height} pixels are too few to be explained; give {SMALLEST} a side"
                )
            yield cell
