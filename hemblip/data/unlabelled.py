"""Cells of which nothing is known, to be described."""

import pandas as pd
from torch.utils.data import DataLoader

from hemblip.data.countermeasures import Countermeasure
from hemblip.data.datamodules import CellDataModule
from hemblip.data.dataset import Example
from hemblip.data.sources import ImageFiles


class UnlabelledCells(CellDataModule):
    """Cells to describe: every image of a folder, or the rows of a manifest; nothing is known of them.

    Args:
        images: folder, searched recursively, or a Parquet or CSV table with the columns `cell_id` and `image`.
        image_size: side in pixels that the captioner expects.
        crop: side of the central square that is used, as a share of the image's shorter side.
        batch_size: cells a batch.
        countermeasures: those that the captioner was trained with.
    """

    def __init__(
        self,
        images: str,
        image_size: int = 96,
        crop: float = 1.0,
        batch_size: int = 32,
        countermeasures: list[Countermeasure] | None = None,
    ) -> None:
        source = ImageFiles(images)
        super().__init__([source], image_size, crop, batch_size, 0, None, 0, [0], None, "fail", countermeasures)

    @classmethod
    def like(cls, datamodule: CellDataModule, images: str) -> "UnlabelledCells":
        """Prepare images as `datamodule` does."""
        return cls(images, datamodule.image_size, datamodule.crop, datamodule.batch_size, datamodule.countermeasures)

    def with_splits(self, manifest: pd.DataFrame) -> pd.DataFrame:
        """All cells are external."""
        return manifest.assign(split="external")

    def predict_dataloader(self) -> DataLoader[Example]:
        """All cells."""
        return self.evaluation_loader("external")
