"""Decoded, cropped and resized cells in one file, shared by workers and ranks; see `hemblip.data.stored_arrays`.

Decoding is most of a loader's time; the file is built once and read through the page cache.
"""

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from hemblip.data.countermeasures import Countermeasure
from hemblip.data.images import Pixels, read_cell, square
from hemblip.data.stored_arrays import GIGABYTES, contents_of, file_of, make_room, stored

VERSION = 4
"""Raised when the same image, box and settings make another file, so that old files are not used."""


def decode(
    manifest: pd.DataFrame, index: int, size: int, crop: float, countermeasures: Sequence[Countermeasure] = ()
) -> Pixels:
    """Read row `index` of the manifest as a (size, size, 3) cell."""
    row = manifest.iloc[index]
    pixels = read_cell(row["image"], row["bbox"], float(row["width_factor"]))
    for countermeasure in countermeasures:
        pixels = countermeasure(pixels)
    return square(pixels, size, crop)


def cached_cells(
    manifest: pd.DataFrame,
    size: int,
    crop: float,
    folder: Path,
    countermeasures: Sequence[Countermeasure] = (),
    gigabytes: float = GIGABYTES,
) -> Pixels:
    """Open the cells of a manifest as one array, building its file first if there is none.

    The file's name is a digest of all settings, boxes and of each image's bytes, so any change makes a new one.

    Args:
        manifest: cells, see `hemblip.data.records`.
        size: side of the square in pixels.
        crop: see `images.square`.
        folder: where the files are kept.
        countermeasures: applied to each decoded cell in turn.
        gigabytes: most that the folder's files take, of 1e9 bytes; the least recently used make room for a new one.

    Returns:
        Read-only (N, size, size, 3), memory-mapped.

    Raises:
        ConfigError: the cells take more than `gigabytes`.
        DataError: an image cannot be read, or the disk has not enough room.
    """
    path = file_of(folder, manifest, contents_of(manifest), VERSION, size, crop, *map(repr, countermeasures))
    shape = (len(manifest), size, size, 3)

    def fill(cells: Pixels) -> None:
        def place(index: int) -> None:
            cells[index] = decode(manifest, index, size, crop, countermeasures)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            decoded = pool.map(place, range(len(manifest)))
            for _ in tqdm(decoded, total=len(manifest), desc="Caching cells", leave=False, disable=None):
                pass

    def room() -> None:
        make_room(folder, math.prod(shape), gigabytes, "decoded cells", "take fewer or smaller cells")

    return stored(path, shape, np.uint8, fill, room)
