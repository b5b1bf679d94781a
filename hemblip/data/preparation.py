"""From a picture to the square that a model takes: the same in training, in testing and in use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from hemblip.data.countermeasures import Countermeasure
from hemblip.data.images import Pixels, read_cell, square, to_rgb
from hemblip.errors import CheckpointError, DataError, check_range

Picture = str | Path | Image.Image | Pixels
"""A path, a Pillow image, or an array (H, W), (H, W, 3) or (H, W, 4) of 0 to 255."""


@dataclass(frozen=True)
class Preparation:
    """How cells are cut and resized.

    Attributes:
        size: side of the square in pixels.
        crop: its side as a share of the image's shorter side, above 0 to 1.
        countermeasures: applied to each cell first, see `hemblip.data.countermeasures`.
    """

    size: int
    crop: float = 1.0
    countermeasures: tuple[Countermeasure, ...] = ()

    def __post_init__(self) -> None:
        check_range("data.init_args.image_size", self.size, at_least=1)
        check_range("data.init_args.crop", self.crop, above=0, at_most=1)

    def __call__(self, picture: Picture) -> Pixels:
        """Prepare one picture: (size, size, 3).

        Raises:
            ImageError: a file cannot be read.
            DataError: it is no picture.
        """
        pixels = as_pixels(picture)
        for countermeasure in self.countermeasures:
            pixels = countermeasure(pixels)
        return square(pixels, self.size, self.crop)

    def of_cell(self, row: Mapping[str, Any]) -> Pixels:
        """Prepare a cell of a manifest: cut out by its box; errors as of `read_cell`."""
        return self(read_cell(row["image"], row["bbox"], float(row["width_factor"])))

    def settings(self) -> dict[str, Any]:
        """Give it as plain values, for checkpoints and exported models."""
        kinds = [
            {"class_path": f"{type(one).__module__}.{type(one).__qualname__}", "init_args": dict(vars(one))}
            for one in self.countermeasures
        ]
        return {"size": self.size, "crop": self.crop, "countermeasures": kinds}

    @classmethod
    def of_settings(cls, settings: Mapping[str, Any], origin: str) -> Preparation:
        """Make it from plain values.

        Args:
            settings: from `settings`, or of `data.init_args` in a config.
            origin: where they come from, named in the error.

        Raises:
            CheckpointError: a countermeasure is not HemBLIP's; another's code is not imported from a file of weights.
        """
        made = []
        for given in settings.get("countermeasures") or ():
            kind = given if isinstance(given, str) else given["class_path"]
            name = kind.rsplit(".", 1)[-1]
            known = getattr(import_module("hemblip.data.countermeasures"), name, None)
            if not (isinstance(known, type) and issubclass(known, Countermeasure)):
                raise CheckpointError(f"{origin}: countermeasure '{kind}' is not one of hemblip.data.countermeasures")
            made.append(known(**({} if isinstance(given, str) else given.get("init_args") or {})))
        return cls(int(settings["size"]), float(settings.get("crop") or 1.0), tuple(made))


def as_pixels(picture: Picture) -> Pixels:
    """Read a picture as RGB (H, W, 3), 0 to 255; errors as of `Preparation`."""
    if isinstance(picture, str | Path):
        return read_cell(str(picture))
    if isinstance(picture, Image.Image):
        return np.asarray(to_rgb(ImageOps.exif_transpose(picture)))
    pixels = np.asarray(picture)
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or 0 in pixels.shape:
        raise DataError(
            f"a picture is an array of shape {pixels.shape} and type {pixels.dtype}; give (H, W, 3) of uint8, 0 to 255"
        )
    if pixels.ndim == 3 and pixels.shape[2] not in (3, 4):
        raise DataError(f"a picture has {pixels.shape[2]} channels; give (H, W, 3), RGB")
    return np.asarray(to_rgb(Image.fromarray(pixels)))
