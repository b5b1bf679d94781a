"""Arrays in memory-mapped files with checksums, in one bounded folder; workers, ranks and other jobs share them.

A file is named by a digest of all that its content depends on, and appears under its name only when it is complete.
"""

import hashlib
import json
import os
import shutil
import sys
import time
import zlib
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike, NDArray

from hemblip.atomic import alone, remove_abandoned, replacing
from hemblip.errors import ConfigError, DataError

GIGABYTES = 60.0
"""Of all files in a folder, unless set otherwise. 14,000 cells of 384 px are 6.2 GB."""

FIX = "make room or set data.init_args.cache to a folder on another disk"

DIGITS = 20
"""Of a file's name; no other file in the folder is removed."""

Contents = Mapping[str, str]
"""Image file -> digest of its bytes."""


def contents_of(manifest: pd.DataFrame) -> dict[str, str]:
    """Read the image files of a manifest, each once.

    Raises:
        DataError: one cannot be read.
    """
    images = manifest["image"].unique().tolist()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(images, pool.map(_content, images), strict=True))


def _content(image: str) -> str:
    try:
        return hashlib.sha256(Path(image).read_bytes()).hexdigest()
    except FileNotFoundError as error:
        raise DataError(f"{image}: no such image file; check the data folder") from error
    except OSError as error:
        raise DataError(f"{image}: cannot be read ({error.strerror}); repair or remove it") from error


def file_of(folder: Path, manifest: pd.DataFrame, contents: Contents, *settings: object) -> Path:
    """Name the file of what is made of a manifest's cells with settings, which are plain values."""
    digest = hashlib.sha256(json.dumps(settings).encode())
    for image, bbox, factor in zip(manifest["image"], manifest["bbox"], manifest["width_factor"], strict=True):
        box = None if bbox is None else [float(value) for value in bbox]
        digest.update(json.dumps([contents[image], box, float(factor)]).encode())
    return folder / f"{digest.hexdigest()[:DIGITS]}.npy"


def stored(
    path: Path,
    shape: tuple[int, ...],
    kind: DTypeLike,
    fill: Callable[[NDArray[Any]], object],
    make_room: Callable[[], object] = lambda: None,
) -> NDArray[Any]:
    """Open the array of a file, building it first if there is none.

    Of several processes one builds, the others wait. A file that is damaged, as its checksums tell, is built again.

    Args:
        path: see `file_of`.
        shape: of the array; the checksums are those of its rows.
        kind: of its numbers.
        fill: writes into the array that it is given.
        make_room: called before a file is built; see `make_room`.

    Returns:
        Read-only, memory-mapped.

    Raises:
        DataError: the disk has not enough room, or what `fill` raises.
    """
    array = _whole(path, shape, kind)
    if array is None:
        with alone(path, FIX):
            array = _whole(path, shape, kind)
            if array is None:
                if path.exists():
                    print(f"note: {path}: damaged; it is built again", file=sys.stderr)
                make_room()
                _build(path, shape, kind, fill)
                array = np.load(path, mmap_mode="r")
    os.utime(path, ns=(time.time_ns(), time.time_ns()))  # when it was last used; the file system's clock is coarse
    return array


def _whole(path: Path, shape: tuple[int, ...], kind: DTypeLike) -> NDArray[Any] | None:
    """Open a file; None if there is none, or it is not as it was written."""
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r")
        if array.shape != shape or array.dtype != kind:
            return None
        checksums = np.fromfile(path, "<u4", offset=path.stat().st_size - 4 * len(array))
        return array if checksums.tolist() == _checksums(array).tolist() else None
    except Exception:  # numpy raises many kinds for torn files
        return None


def _checksums(array: NDArray[Any]) -> NDArray[np.uint32]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return np.array(list(pool.map(zlib.crc32, array)), "<u4")


def _build(path: Path, shape: tuple[int, ...], kind: DTypeLike, fill: Callable[[NDArray[Any]], object]) -> None:
    with replacing(path, FIX) as partial:
        array = np.lib.format.open_memmap(partial, "w+", kind, shape)
        with partial.open("r+b") as file:  # a full disk would otherwise end the process at a write to memory
            os.posix_fallocate(file.fileno(), 0, partial.stat().st_size + 4 * len(array))
        fill(array)
        checksums = _checksums(array)
        array.flush()
        with partial.open("r+b") as file:
            file.seek(-4 * len(array), os.SEEK_END)  # after the array, where readers of `.npy` do not look
            checksums.tofile(file)


def make_room(
    folder: Path, needed: int, gigabytes: float, what: str, fewer: str, spared: Collection[Path] = ()
) -> None:
    """Remove the least recently used files until `needed` bytes fit into the bound.

    Args:
        folder: of the files.
        needed: bytes of the arrays that are to be built.
        gigabytes: most that the folder's files take, of 1e9 bytes.
        what: the arrays are of.
        fewer: what else the user can do if the bound is too low.
        spared: files that have to stay.

    Raises:
        ConfigError: they do not fit into the bound.
        DataError: the disk has not so many free.
    """
    remove_abandoned(folder)
    bound, staying = gigabytes * 1e9, sum(path.stat().st_size for path in spared if path.exists())
    if staying + needed > bound:
        beside = f" beside {staying / 1e9:.3g} GB that are in use" if staying else ""
        raise ConfigError(
            f"data.init_args.cache_gigabytes is {gigabytes:g} and the {what} take {needed / 1e9:.3g} GB{beside}; set "
            f"it higher, or {fewer}"
        )
    files = sorted(folder.glob("[0-9a-f]" * DIGITS + ".npy"), key=lambda file: file.stat().st_mtime_ns)
    total = sum(file.stat().st_size for file in files)
    for file in files:
        if total + needed <= bound:
            break
        if file not in spared:
            total -= file.stat().st_size
            file.unlink(missing_ok=True)  # processes that have it open keep it
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(f"{folder}: the {what} need {needed / 1e9:.3g} GB and {free / 1e9:.3g} GB are free; {FIX}")
