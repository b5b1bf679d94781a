"""Which pixels of a cell are nucleus and which cytoplasm, from label images beside the cells.

A mask is an image of the size of its cell's, with the nucleus white and the cytoplasm grey (from 192 and from 64 of
255), as Zheng et al. publish them (Micron 107:55, 2018). Where a mask folder holds `mask_labels.yaml`, its masks have
these values instead: `{nucleus: [1, 2], cytoplasm: [3]}`.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image

from hemblip.data.images import cut_box, image_size
from hemblip.errors import DataError

PARTS = ("nucleus", "cytoplasm")

NUCLEUS, CYTOPLASM = 255, 128
"""Grey levels of the two parts in the masks that this project writes."""

MAPPING = "mask_labels.yaml"

ENDING = "_mask"
"""Of a mask's name, before its suffix."""

SUFFIXES = (".png", ".tif", ".tiff", ".bmp")
"""Formats without loss: JPEG would blur labels into each other."""

Mask = NDArray[np.bool_]


class Masks(NamedTuple):
    """The parts of one cell, each (H, W) in the coordinates of its image."""

    nucleus: Mask
    cytoplasm: Mask

    @property
    def cell(self) -> Mask:
        """The whole cell."""
        return self.nucleus | self.cytoplasm

    def union(self, parts: tuple[str, ...]) -> Mask:
        """Pixels of any of `parts`."""
        return np.asarray(np.logical_or.reduce([getattr(self, part) for part in parts]), bool)


def find_mask(image: Path) -> str | None:
    """Find the mask of an image; None if there is none.

    It is `<name>_mask` beside it, or `<name>_mask` or `<name>` in a folder `masks` beside it or beside its folder.
    """
    below = [folder / "masks" for folder in (image.parent, image.parent.parent)]
    places = [(image.parent, (ENDING,)), *((folder, (ENDING, "")) for folder in below)]
    names = (folder / f"{image.stem}{end}{suffix}" for folder, ends in places for end in ends for suffix in SUFFIXES)
    return next((str(path) for path in names if path != image and path.is_file()), None)


def has_masks(folder: Path) -> bool:
    """Whether there is a mask anywhere in a folder."""
    return any(True for pattern in (f"*{ENDING}.*", "masks") for _ in folder.rglob(pattern))


def is_mask(image: Path) -> bool:
    """Whether an image is the mask of another one by its name, or that of its folder: masks, cells-masks."""
    return image.stem.endswith(ENDING) or re.split("[-_ ]", image.parent.name)[-1] == "masks"


def read_masks(row: Mapping[str, Any]) -> Masks:
    """Read the parts of a manifest's cell, cut out as `read_cell` cuts its image, without the stretch.

    Raises:
        DataError: the cell has no mask, it cannot be read, has another size than the image, or no nucleus in the box.
    """
    path = row.get("masks")
    if path is None:
        raise DataError(
            f"cell '{row['cell_id']}' has no mask; explain such cells without --trial and --edits, or put "
            "<name>_mask.png beside its image"
        )
    try:
        with Image.open(path) as image:
            labels = np.asarray(image if image.mode != "1" else image.convert("L"))
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path}: not a readable mask ({error}); repair or remove it") from error
    labels = labels if labels.ndim == 2 else labels[..., 0]
    size = image_size(row["image"])
    if size != labels.shape[::-1]:
        given = "x".join(map(str, labels.shape[::-1]))
        raise DataError(
            f"{path}: mask of {given} pixels, but its image {row['image']} has {size and 'x'.join(map(str, size))}; "
            "export it at the image's size"
        )
    if row["bbox"] is not None:
        labels = cut_box(labels, row["bbox"])
    masks = _parts(labels, _mapping(Path(path).parent))
    if not masks.nucleus.any():
        raise DataError(f"{path}: no nucleus in it; nuclei are white, or as {MAPPING} beside the masks says")
    return masks


def _parts(labels: NDArray[Any], mapping: Mapping[str, list[int]] | None) -> Masks:
    if mapping is None:
        return Masks(labels >= 192, (labels >= 64) & (labels < 192))
    return Masks(np.isin(labels, mapping["nucleus"]), np.isin(labels, mapping["cytoplasm"]))


@cache
def _mapping(folder: Path) -> dict[str, list[int]] | None:
    """What label values mean in a folder's masks, if it says so.

    Raises:
        DataError: the file does not name the values of both parts.
    """
    path = folder / MAPPING
    if not path.is_file():
        return None
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not readable as YAML ({' '.join(str(error).split())[:150]})") from error
    if (
        not isinstance(given, dict)
        or set(given) != set(PARTS)
        or not all(isinstance(v, list) and all(isinstance(n, int) for n in v) for v in given.values())
    ):
        raise DataError(f"{path}: holds {given}; write the label values as {{nucleus: [1], cytoplasm: [2]}}")
    return given
