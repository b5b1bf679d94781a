"""Cells of which nothing is known, to be described."""

from typing import Literal

import numpy as np
import pandas as pd
from torch.utils.data import DataLoader

from hemblip.data.cache import decode
from hemblip.data.datamodules import CellDataModule
from hemblip.data.dataset import CellDataset, Example
from hemblip.data.image_check import cell_flaws, check_images
from hemblip.data.preparation import Preparation
from hemblip.data.sampler import Draw
from hemblip.data.sources import ImageFiles
from hemblip.data.transforms import Augmentation
from hemblip.errors import DataError, ImageError

AT_ONCE = 1_000
"""So few images are checked before any is described, as those of other commands; more are read as their turn comes."""


class UnlabelledCells(CellDataModule):
    """Cells to describe, read when their turn comes: a million images need neither be decoded first nor kept.

    Images that cannot be read do not stop the others: a batch has a blank cell for each, and says why in `flaws`.

    Args:
        images: see `ImageFiles`.
        like: how the captioner's cells are prepared and loaded.

    Raises:
        DataError: there are no images, or none of a few can be read.
    """

    def __init__(self, images: str, like: CellDataModule) -> None:
        settings = (like.image_size, like.crop, like.batch_size, like.num_workers, None, like.seed, [0], like.cache)
        super().__init__([ImageFiles(images)], *settings, "exclude", like.countermeasures, like.cache_gigabytes)

    def with_splits(self, manifest: pd.DataFrame) -> pd.DataFrame:
        """All cells are external."""
        return manifest.assign(split="external")

    def _without_bad_images(self, manifest: pd.DataFrame) -> pd.DataFrame:
        if len(manifest) <= AT_ONCE:
            flaws = cell_flaws(manifest, check_images(manifest["image"]))
            if all(flaws):
                raise DataError(
                    f"none of {len(flaws)} images can be used, first: {flaws[0].message if flaws[0] else ''}"
                )
        return manifest

    def _with_captions(self, manifest: pd.DataFrame) -> pd.DataFrame:
        return manifest.assign(captions=[[""]] * len(manifest))

    def predict_dataloader(self) -> DataLoader[Example]:
        """All cells."""
        return self.evaluation_loader("external")

    def dataset(self, split: str, augmentation: Augmentation | Literal[False] | None = None) -> CellDataset:
        """Cells as they are read."""
        if split not in self._sets:
            self._sets[split] = ReadCells(self.manifest, self.preparation)
        return self._sets[split]


class ReadCells(CellDataset):
    """Examples that are decoded each time.

    Args:
        manifest: cells with one caption each.
        preparation: how they are cut and resized.
    """

    def __init__(self, manifest: pd.DataFrame, preparation: Preparation) -> None:
        super().__init__(manifest, np.empty(0, np.uint8))
        self.manifest, self.preparation = manifest[["image", "bbox", "width_factor"]], preparation

    def __getitem__(self, draw: Draw) -> Example:
        _, index = draw
        size, crop, countermeasures = self.preparation.size, self.preparation.crop, self.preparation.countermeasures
        example: Example = {
            "image": np.zeros((size, size, 3), np.uint8),
            "caption": "",
            "cell_id": self.cell_ids[index],
        }
        try:
            example["image"] = decode(self.manifest, index, size, crop, countermeasures)
        except ImageError as error:
            example["flaw"] = str(error)
        return example
