"""What a frozen vision tower makes of each cell: computed once before training, by all ranks, and read from files.

A file holds the features of some cells in all their views; it is named by the content of their images, how they were
prepared, and the tower, so that no other features are ever used, and a killed build goes on with what is missing. See
`hemblip.data.stored_arrays`.
"""

import itertools
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from hemblip.data.images import Pixels
from hemblip.data.preparation import Preparation
from hemblip.data.stored_arrays import contents_of, file_of, make_room, stored
from hemblip.data.transforms import Augmentation, derived_seed
from hemblip.errors import DataError, HemblipError, check_range
from hemblip.ranks import gather

VERSION = 1
"""Raised when the same cells and tower make another file."""

FILE = 2**26
"""Bytes of a file, about; a killed build loses one file a rank at most."""

TURNS = 8
"""Views by right-angle turns and mirroring, the cell as it is among them."""


@dataclass(frozen=True)
class KeptFeatures:
    """Train from features of the frozen vision tower that are computed once.

    Args:
        views: of each training cell, of which each epoch draws one: up to 8 are the cell, its right-angle turns and
            mirror images, further ones are as `augmentation` makes them. One where cells are not augmented.
        bits: of each number in the files; with 32, losses are those of training from images.
    """

    views: int = TURNS
    bits: Literal[16, 32] = 16

    def __post_init__(self) -> None:
        check_range("data.init_args.kept_features.views", self.views, at_least=1, at_most=1_000)


@dataclass(frozen=True)
class FrozenTower:
    """A vision tower that does not train.

    Args:
        encode: images (B, 3, H, W) uint8 -> features (B, P, D).
        size: P and D.
        kind: of its numbers.
        key: plain values that tell it from every other one: model, revision, weights, precision.
    """

    encode: Callable[[Tensor], Tensor]
    size: tuple[int, int]
    kind: torch.dtype
    key: tuple[object, ...]


class FeatureFiles:
    """Features of cells in all their views.

    Args:
        manifest: N cells.
        cells: their pixels (N, H, W, 3).
        preparation: of these pixels.
        tower: that encodes them.
        kept: how they are kept.
        augmentation: of training cells; None or False for one view.
        folder: of the files.
        batch_size: images encoded at a time.
    """

    def __init__(
        self,
        manifest: pd.DataFrame,
        cells: Pixels,
        preparation: Preparation,
        tower: FrozenTower,
        kept: KeptFeatures,
        augmentation: Augmentation | Literal[False] | None,
        folder: Path,
        batch_size: int,
    ) -> None:
        self.cells, self.tower, self.augmentation, self.batch_size = cells, tower, augmentation, batch_size
        self.views = kept.views if augmentation else 1
        # bfloat16, which numpy does not know, is kept bit by bit.
        self.kind = torch.float32 if kept.bits == 32 else tower.kind if tower.kind.itemsize == 2 else torch.float16
        self.stored_as = {torch.float32: "<f4", torch.float16: "<f2", torch.bfloat16: "<i2"}[self.kind]
        self.bytes_a_cell = self.views * tower.size[0] * tower.size[1] * self.kind.itemsize
        self.each = max(1, FILE // self.bytes_a_cell)  # cells of a file
        settings: tuple[object, ...] = (
            VERSION,
            preparation.settings(),
            tower.key,
            tower.size,
            str(self.kind),
            self.views,
        )
        if augmentation and self.views > TURNS:
            settings = (*settings, augmentation.zoom, augmentation.colour, augmentation.tilt)
        contents = contents_of(manifest)
        self.paths = [
            file_of(folder, manifest.iloc[start : start + self.each], contents, "features", *settings)
            for start in range(0, len(manifest), self.each)
        ]

    def size(self, number: int) -> tuple[int, int, int, int]:
        """Cells, views, P and D of a file."""
        return (min(self.each, len(self.cells) - number * self.each), self.views, *self.tower.size)

    def build(self, number: int) -> None:
        """Compute a file, if it is not there or damaged.

        Raises:
            DataError: the disk is full, or a number leaves the range of 16 bits.
        """
        stored(self.paths[number], self.size(number), self.stored_as, lambda array: self._fill(array, number))

    def _fill(self, array: NDArray[Any], number: int) -> None:
        shown = iter(list(np.ndindex(array.shape[:2])))
        while some := list(itertools.islice(shown, self.batch_size)):
            images = np.stack([self.image(number * self.each + place, view) for place, view in some])
            found = self.tower.encode(torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()).to(self.kind).cpu()
            if not found.isfinite().all():
                raise DataError("data.init_args.kept_features: features leave the range of 16 bits; set its bits to 32")
            for where, one in zip(some, found.view(torch.int16) if self.kind == torch.bfloat16 else found, strict=True):
                array[where] = one.numpy()

    def image(self, place: int, view: int) -> Pixels:
        """Show a cell (H, W, 3) in a view: as it is (0), turned and mirrored, or as augmentation makes it (from 8)."""
        pixels = np.asarray(self.cells[place])
        if view >= TURNS:
            assert self.augmentation
            return self.augmentation(pixels, derived_seed("view", view, zlib.crc32(pixels.tobytes())))
        turned = np.rot90(pixels, view % 4)
        return np.ascontiguousarray(turned[:, ::-1] if view >= 4 else turned)

    def features(self, place: int, view: int) -> Tensor:
        """Read the features (P, D) of a cell in a view."""
        number, row = divmod(place, self.each)
        array = torch.from_numpy(np.array(np.load(self.paths[number], mmap_mode="r")[row, view]))
        return array.view(torch.bfloat16) if self.kind == torch.bfloat16 else array


def build_all(
    files: Sequence[FeatureFiles],
    gigabytes: float,
    used: Sequence[Path],
    rank: int,
    world_size: int,
    tell: Callable[[str], object],
) -> None:
    """Compute what is missing of features, all ranks together.

    Args:
        files: the same on each rank, in one folder.
        gigabytes: see `make_room`.
        used: files of the folder that have to stay.
        rank: this process.
        world_size: number of processes.
        tell: prints a line, on the first rank.

    Raises:
        ConfigError: they take more than `gigabytes`.
        DataError: the disk is full.
    """
    work = [(one, number) for one in files for number in range(len(one.paths))]

    def prepare() -> None:
        if rank:
            return
        folder = files[0].paths[0].parent
        sizes = {one.paths[number]: one.size(number)[0] * one.bytes_a_cell for one, number in work}
        there = {path: size for path, size in sizes.items() if path.exists()}
        whole, missing = sum(sizes.values()), sum(sizes.values()) - sum(there.values())
        tell(
            f"Features of {sum(len(one.cells) for one in files):,} cells take {whole / 1e9:.3g} GB in {folder}, of "
            f"which {(whole - missing) / 1e9:.3g} GB are there"
        )
        fewer = "take fewer data.init_args.kept_features.views or 16 bits"
        make_room(folder, missing, gigabytes, "kept features", fewer, [*there, *used])

    def own() -> None:
        for one, number in tqdm(work[rank::world_size], "Keeping features", leave=False, disable=rank > 0 or None):
            one.build(number)

    for step in (prepare, own):
        _together(step, rank)
    for one, number in work:
        if not one.paths[number].exists():  # ranks do not share a disk
            one.build(number)


def _together(step: Callable[[], None], rank: int) -> None:
    """Take a step on all ranks; what fails on one ends all, with one message."""
    failed: HemblipError | None = None
    try:
        step()
    except HemblipError as error:
        failed = error
    for found in filter(None, gather(failed)):
        raise found if rank == 0 else SystemExit(found.exit_code)
