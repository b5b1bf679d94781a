"""Cells of which nothing is known, to be described."""

import pandas as pd
from torch.utils.data import DataLoader

from hemblip.data.datamodules import CellDataModule
from hemblip.data.dataset import Example
from hemblip.data.sources import ImageFiles


class UnlabelledCells(CellDataModule):
    """Cells to describe; bad images are listed and left out, because the others can still be described.

    Args:
        images: see `ImageFiles`.
        like: how the captioner's cells are prepared and loaded.
    """

    def __init__(self, images: str, like: CellDataModule) -> None:
        settings = (like.image_size, like.crop, like.batch_size, like.num_workers, None, like.seed, [0], like.cache)
        super().__init__([ImageFiles(images)], *settings, "exclude", like.countermeasures, like.cache_gigabytes)

    def with_splits(self, manifest: pd.DataFrame) -> pd.DataFrame:
        """All cells are external."""
        return manifest.assign(split="external")

    def predict_dataloader(self) -> DataLoader[Example]:
        """All cells."""
        return self.evaluation_loader("external")
