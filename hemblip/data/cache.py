"""Decoded, cropped and resized cells in one memory-mapped uint8 file, shared by workers and ranks.

Decoding is most of a loader's time; the file is built once and read through the page cache.
"""

import hashlib
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from hemblip.data.images import Pixels, read_cell, square
from hemblip.errors import DataError


def decode(manifest: pd.DataFrame, index: int, size: int, crop: float) -> Pixels:
    """Read row `index` of the manifest as a (size, size, 3) cell."""
    row = manifest.iloc[index]
    return square(read_cell(row["image"], row["bbox"], float(row["width_factor"])), size, crop)


def cached_cells(manifest: pd.DataFrame, size: int, crop: float, folder: Path) -> Pixels:
    """Open the cells of a manifest as one array, building its file first if there is none.

    The file's name is a digest of size, crop, boxes and of each image's path, byte count and time of change, so any
    change makes a new one. It appears under its name only when complete; two builders at once do no harm.

    Args:
        manifest: cells, see `hemblip.data.records`.
        size: side of the square in pixels.
        crop: see `images.square`.
        folder: where the files are kept.

    Returns:
        Read-only (N, size, size, 3), memory-mapped.

    Raises:
        DataError: an image cannot be read, or the disk has not enough room.
    """
    path = folder / f"{_digest(manifest, size, crop)}.npy"
    if not path.exists():
        _build(manifest, size, crop, path)
    return np.load(path, mmap_mode="r")  # type: ignore[no-any-return]


def _digest(manifest: pd.DataFrame, size: int, crop: float) -> str:
    digest = hashlib.sha256(json.dumps([size, crop]).encode())
    for image, bbox, factor in zip(manifest["image"], manifest["bbox"], manifest["width_factor"], strict=True):
        try:
            status = Path(image).stat()
        except FileNotFoundError as error:
            raise DataError(f"{image}: no such image file; check the data folder") from error
        box = None if bbox is None else [float(value) for value in bbox]
        entry = [str(Path(image).absolute()), status.st_size, status.st_mtime_ns, box, float(factor)]
        digest.update(json.dumps(entry).encode())
    return digest.hexdigest()[:20]


def _build(manifest: pd.DataFrame, size: int, crop: float, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    needed = len(manifest) * size * size * 3
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        raise DataError(
            f"{path.parent}: the cell cache needs {needed / 1e9:.2f} GB and {free / 1e9:.2f} GB are free; "
            "make room or set data.init_args.cache to a folder on another disk"
        )
    partial = path.with_name(f".{path.stem}.{os.getpid()}.npy")
    try:
        cells = np.lib.format.open_memmap(partial, "w+", np.uint8, (len(manifest), size, size, 3))

        def fill(index: int) -> None:
            cells[index] = decode(manifest, index, size, crop)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            indices = range(len(manifest))
            for _ in tqdm(pool.map(fill, indices), total=len(indices), desc="Caching cells", leave=False):
                pass
        cells.flush()
        partial.replace(path)
    except OSError as error:
        raise DataError(f"{path}: cannot write the cell cache ({error}); make room or choose another folder") from error
    finally:
        partial.unlink(missing_ok=True)
