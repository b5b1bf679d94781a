"""Cells that occur more than once: byte-identical, or near-identical by a perceptual hash.

The hash is the DCT hash of pHash (Zauner, 2010) with 16 x 16 frequencies. Centred single cells resemble each other
more than photographs do, so a pair also needs equal pixels up to compression noise.
"""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from hemblip.data.images import Pixels, read_cell
from hemblip.errors import DataError
from hemblip.morphology import KEYS

SIDE = 64
"""Of the thumbnails that are compared, in pixels."""

FREQUENCIES = 16

MAX_BITS = 24
"""Of 256: a JPEG copy at another size differs in fewer than 16, two different WBCAtt cells nearly always in over 60."""

MAX_DIFFERENCE = 6.0
"""Mean absolute difference of thumbnails, in grey levels, up to which a pair is one image."""

EXACT, NEAR = "exact", "near"


def find_duplicates(manifest: pd.DataFrame, thumbnails: Pixels | None = None) -> pd.DataFrame:
    """Find all pairs of cells that show the same image.

    Args:
        manifest: cells, see `hemblip.data.records`.
        thumbnails: from `read_thumbnails`, if they have been read already.

    Returns:
        One row a pair: `kind` (exact: same bytes and box; near: same picture, also mirrored or turned), `first` and
        `second` (cell ids in manifest order), `bits` (of 256 in which the hashes differ), `splits` ("train",
        "train+val"), `conflicts` (attributes that differ, comma-separated).
    """
    digests = _digests(manifest)
    thumbnails = read_thumbnails(manifest) if thumbnails is None else thumbnails
    found: dict[tuple[int, int], tuple[str, int]] = {pair: (NEAR, bits) for pair, bits in _similar(thumbnails).items()}
    for _, rows in pd.Series(range(len(digests))).groupby(digests):
        members = rows.tolist()
        found |= {(i, j): (EXACT, 0) for k, i in enumerate(members) for j in members[k + 1 :]}
    cells = manifest.to_dict("records")
    pairs = []
    for (i, j), (kind, bits) in sorted(found.items()):
        first, second = cells[i], cells[j]
        splits = "+".join(sorted({str(first["split"]), str(second["split"])}))
        conflicts = [key for key in KEYS if first[key] and second[key] and first[key] != second[key]]
        pairs.append((kind, first["cell_id"], second["cell_id"], bits, splits, ", ".join(conflicts)))
    return pd.DataFrame(pairs, columns=["kind", "first", "second", "bits", "splits", "conflicts"])


def _digests(manifest: pd.DataFrame) -> list[str]:
    """Digest of each file's bytes and the cell's box in it."""
    try:
        files = {path: hashlib.md5(Path(path).read_bytes()).hexdigest() for path in manifest["image"].unique()}
    except FileNotFoundError as error:
        raise DataError(f"{error.filename}: no such image file; check the data folder") from error
    return [
        f"{files[path]} {None if box is None else [float(value) for value in box]}"
        for path, box in zip(manifest["image"], manifest["bbox"], strict=True)
    ]


def read_thumbnails(manifest: pd.DataFrame) -> Pixels:
    """Read every cell as grey levels (N, SIDE, SIDE), whatever its size."""

    def thumbnail(row: tuple[str, list[float] | None, float]) -> Pixels:
        grey = cv2.cvtColor(read_cell(*row), cv2.COLOR_RGB2GRAY)
        return cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]

    rows = list(zip(manifest["image"], manifest["bbox"], manifest["width_factor"].astype(float), strict=True))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return np.stack(
            list(
                tqdm(pool.map(thumbnail, rows), total=len(rows), desc="Reading cells", disable=len(rows) < 500 or None)
            )
        )


def perceptual_hashes(thumbnails: Pixels) -> NDArray[np.float32]:
    """Signs (N, 256) of each thumbnail's lowest frequencies against their median, +1 or -1."""
    hashes = np.empty((len(thumbnails), FREQUENCIES**2), np.float32)
    for index, thumbnail in enumerate(thumbnails):
        low = cv2.dct(thumbnail.astype(np.float32))[:FREQUENCIES, :FREQUENCIES].ravel()
        hashes[index] = np.where(low > np.median(low[1:]), 1, -1)
    return hashes


def _poses(thumbnails: Pixels) -> list[Pixels]:
    """The eight turns and mirrorings of each thumbnail."""
    turned = [np.rot90(thumbnails, quarter, (1, 2)) for quarter in range(4)]
    return [np.ascontiguousarray(pose) for turn in turned for pose in (turn, turn[:, :, ::-1])]


def _similar(thumbnails: Pixels, block: int = 2048) -> dict[tuple[int, int], int]:
    """Pairs (i < j) of one picture, with the bits in which their hashes differ."""
    hashes = perceptual_hashes(thumbnails)
    close = FREQUENCIES**2 - 2 * MAX_BITS  # the scalar product of two hashes is 256 - 2 x differing bits
    found: dict[tuple[int, int], int] = {}
    for pose in _poses(thumbnails):
        turned = perceptual_hashes(pose)
        for start in range(0, len(hashes), block):
            products = turned[start : start + block] @ hashes[start:].T  # (block, N - start)
            for row, column in np.argwhere(products >= close):
                i, j = start + int(row), start + int(column)
                if i < j and np.abs(pose[i].astype(np.int16) - thumbnails[j]).mean() <= MAX_DIFFERENCE:
                    bits = int((FREQUENCIES**2 - products[row, column]) / 2)
                    found[i, j] = min(bits, found.get((i, j), bits))
    return found
