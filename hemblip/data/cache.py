"""Decoded, cropped and resized cells in one memory-mapped uint8 file with checksums, shared by workers and ranks.

Decoding is most of a loader's time; the file is built once and read through the page cache.
"""

import hashlib
import json
import math
import os
import shutil
import sys
import time
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from hemblip.atomic import alone, remove_abandoned, replacing
from hemblip.data.countermeasures import Countermeasure
from hemblip.data.images import Pixels, read_cell, square
from hemblip.errors import ConfigError, DataError

GIGABYTES = 60.0
"""Of all files in a cache folder, unless set otherwise. 14,000 cells of 384 px are 6.2 GB."""

FIX = "make room or set data.init_args.cache to a folder on another disk"

VERSION = 4
"""Raised when the same image, box and settings make another file, so that old files are not used."""

DIGITS = 20
"""Of a file's name; no other file in the folder is removed."""


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

    The file's name is a digest of all settings, boxes and of each image's bytes, so any change makes a new one. It
    appears under its name only when complete. Of several processes one builds, the others wait. A file that is damaged,
    as its checksums tell, is built again.

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
    path = folder / f"{_digest(manifest, size, crop, countermeasures)}.npy"
    shape = (len(manifest), size, size, 3)
    cells = _whole(path, shape)
    if cells is None:
        with alone(path, FIX):
            cells = _whole(path, shape)
            if cells is None:
                if path.exists():
                    print(f"note: {path}: damaged; it is built again", file=sys.stderr)
                _make_room(folder, math.prod(shape), gigabytes)
                _build(manifest, size, crop, countermeasures, path)
                cells = np.load(path, mmap_mode="r")
    os.utime(path, ns=(time.time_ns(), time.time_ns()))  # when it was last used; the file system's clock is coarse
    return cells


def _whole(path: Path, shape: tuple[int, ...]) -> Pixels | None:
    """Open a file of cells; None if there is none, or it is not as it was written."""
    try:
        cells: Pixels = np.load(path, mmap_mode="r")
        if cells.shape != shape or cells.dtype != np.uint8:
            return None
        stored = np.fromfile(path, "<u4", offset=path.stat().st_size - 4 * len(cells))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return cells if stored.tolist() == list(pool.map(zlib.crc32, cells)) else None
    except Exception:  # numpy raises many kinds for torn files
        return None


def _digest(manifest: pd.DataFrame, size: int, crop: float, countermeasures: Sequence[Countermeasure]) -> str:
    images = manifest["image"].unique().tolist()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        contents = dict(zip(images, pool.map(_content, images), strict=True))
    digest = hashlib.sha256(json.dumps([VERSION, size, crop, *map(repr, countermeasures)]).encode())
    for image, bbox, factor in zip(manifest["image"], manifest["bbox"], manifest["width_factor"], strict=True):
        box = None if bbox is None else [float(value) for value in bbox]
        digest.update(json.dumps([contents[image], box, float(factor)]).encode())
    return digest.hexdigest()[:DIGITS]


def _content(image: str) -> str:
    try:
        return hashlib.sha256(Path(image).read_bytes()).hexdigest()
    except FileNotFoundError as error:
        raise DataError(f"{image}: no such image file; check the data folder") from error
    except OSError as error:
        raise DataError(f"{image}: cannot be read ({error.strerror}); repair or remove it") from error


def _build(
    manifest: pd.DataFrame, size: int, crop: float, countermeasures: Sequence[Countermeasure], path: Path
) -> None:
    with replacing(path, FIX) as partial:
        cells = np.lib.format.open_memmap(partial, "w+", np.uint8, (len(manifest), size, size, 3))
        with partial.open("r+b") as file:  # a full disk would otherwise end the process at a write to memory
            os.posix_fallocate(file.fileno(), 0, partial.stat().st_size)

        def fill(index: int) -> int:
            cells[index] = decode(manifest, index, size, crop, countermeasures)
            return zlib.crc32(cells[index])

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            indices = range(len(manifest))
            progress = tqdm(
                pool.map(fill, indices), total=len(indices), desc="Caching cells", leave=False, disable=None
            )
            checksums = np.array(list(progress), "<u4")
        cells.flush()
        with partial.open("ab") as end:
            checksums.tofile(end)  # after the array, where readers of `.npy` do not look


def _make_room(folder: Path, needed: int, gigabytes: float) -> None:
    """Remove the least recently used files until `needed` bytes fit into the bound.

    Raises:
        ConfigError: they do not fit into it.
        DataError: the disk has not so many free.
    """
    remove_abandoned(folder)
    bound = gigabytes * 1e9
    if needed > bound:
        raise ConfigError(
            f"data.init_args.cache_gigabytes is {gigabytes:g} and the decoded cells take {needed / 1e9:.3g} GB; set it "
            "higher, or take fewer or smaller cells"
        )
    files = sorted(folder.glob("[0-9a-f]" * DIGITS + ".npy"), key=lambda file: file.stat().st_mtime_ns)
    total = sum(file.stat().st_size for file in files)
    for file in files:
        if total + needed <= bound:
            break
        total -= file.stat().st_size
        file.unlink(missing_ok=True)  # processes that have it open keep it
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(f"{folder}: the cell cache needs {needed / 1e9:.3g} GB and {free / 1e9:.3g} GB are free; {FIX}")
