"""Decoded, cropped and resized cells in one memory-mapped uint8 file, shared by workers and ranks.

Decoding is most of a loader's time; the file is built once and read through the page cache.
"""

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from hemblip.data.countermeasures import Countermeasure
from hemblip.data.images import Pixels, read_cell, square
from hemblip.errors import DataError

MAX_BYTES = 60_000_000_000
"""Of all files in a cache folder; the least recently used make room for new ones. 14,000 cells of 384 px are 6.2 GB."""


VERSION = 3
"""Raised when the same image, box and settings decode to other pixels, so that old files are not used."""


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
    manifest: pd.DataFrame, size: int, crop: float, folder: Path, countermeasures: Sequence[Countermeasure] = ()
) -> Pixels:
    """Open the cells of a manifest as one array, building its file first if there is none.

    The file's name is a digest of all settings, boxes and of each image's bytes, so any change makes a new one. It
    appears under its name only when complete. Of several processes one builds, the others wait.

    Args:
        manifest: cells, see `hemblip.data.records`.
        size: side of the square in pixels.
        crop: see `images.square`.
        folder: where the files are kept.
        countermeasures: applied to each decoded cell in turn.

    Returns:
        Read-only (N, size, size, 3), memory-mapped.

    Raises:
        DataError: an image cannot be read, or the disk has not enough room.
    """
    path = folder / f"{_digest(manifest, size, crop, countermeasures)}.npy"
    if not path.exists():
        with _alone(path):
            if not path.exists():
                _build(manifest, size, crop, countermeasures, path)
    os.utime(path, ns=(time.time_ns(), time.time_ns()))  # when it was last used; the file system's clock is coarse
    return np.load(path, mmap_mode="r")  # type: ignore[no-any-return]


def _digest(manifest: pd.DataFrame, size: int, crop: float, countermeasures: Sequence[Countermeasure]) -> str:
    images = manifest["image"].unique().tolist()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        contents = dict(zip(images, pool.map(_content, images), strict=True))
    digest = hashlib.sha256(json.dumps([VERSION, size, crop, *map(repr, countermeasures)]).encode())
    for image, bbox, factor in zip(manifest["image"], manifest["bbox"], manifest["width_factor"], strict=True):
        box = None if bbox is None else [float(value) for value in bbox]
        digest.update(json.dumps([contents[image], box, float(factor)]).encode())
    return digest.hexdigest()[:20]


def _content(image: str) -> str:
    try:
        return hashlib.sha256(Path(image).read_bytes()).hexdigest()
    except FileNotFoundError as error:
        raise DataError(f"{image}: no such image file; check the data folder") from error
    except OSError as error:
        raise DataError(f"{image}: cannot be read ({error.strerror}); repair or remove it") from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the lock of a cache file; the system releases it if the process dies."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(f".{path.stem}.lock").open("w")
    except OSError as error:
        raise _unwritable(path, error) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _unwritable(path: Path, error: OSError) -> DataError:
    return DataError(
        f"{path}: cannot write the cell cache ({error.strerror or error}); make room or set data.init_args.cache to a "
        "folder on another disk"
    )


def _build(
    manifest: pd.DataFrame, size: int, crop: float, countermeasures: Sequence[Countermeasure], path: Path
) -> None:
    needed = len(manifest) * size * size * 3
    _make_room(path.parent, needed)
    partial = path.with_name(f".{path.stem}.npy")
    try:
        cells = np.lib.format.open_memmap(partial, "w+", np.uint8, (len(manifest), size, size, 3))
        with partial.open("r+b") as file:  # a full disk would otherwise end the process at a write to memory
            os.posix_fallocate(file.fileno(), 0, partial.stat().st_size)

        def fill(index: int) -> None:
            cells[index] = decode(manifest, index, size, crop, countermeasures)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            indices = range(len(manifest))
            for _ in tqdm(pool.map(fill, indices), total=len(indices), desc="Caching cells", leave=False):
                pass
        cells.flush()
        partial.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        partial.unlink(missing_ok=True)


def _make_room(folder: Path, needed: int) -> None:
    """Remove the least recently used files until `needed` bytes fit into the bound.

    Raises:
        DataError: they do not fit, or the disk has not so many free.
    """
    # Hidden files are being built by other processes.
    finished = [file for file in folder.glob("*.npy") if not file.name.startswith(".")]
    files = sorted(finished, key=lambda file: file.stat().st_mtime_ns)
    total = sum(file.stat().st_size for file in files)
    for file in files:
        if total + needed <= MAX_BYTES:
            break
        total -= file.stat().st_size
        file.unlink(missing_ok=True)  # processes that have it open keep it
    free = min(shutil.disk_usage(folder).free, MAX_BYTES)
    if needed > free:
        raise DataError(
            f"{folder}: the cell cache needs {needed / 1e9:.2f} GB and {free / 1e9:.2f} GB are free; "
            "make room or set data.init_args.cache to a folder on another disk"
        )
