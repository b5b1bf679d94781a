"""Images of any mode and format as RGB cells."""

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from hemblip.errors import ImageError

Pixels = NDArray[np.uint8]

MAX_PIXELS = 100_000_000
"""A larger image is refused before decoding: no microscope field has so many, a decompression bomb has."""

WHITES = tuple(2.0**bits - 1 for bits in (8, 10, 12, 14, 16))
"""White of cameras by their bits: files of 16 bits hold any of them, the lowest that no pixel exceeds is taken."""

# The limit above replaces Pillow's, which only warns between one and two times its own.
Image.MAX_IMAGE_PIXELS = None


def read_image(path: str | Path) -> Pixels:
    """Decode an image file to RGB.

    Transparency is laid over white, grey of 10 to 16 bits or within 0 and 1 is scaled to 8 bits, EXIF rotation is
    applied, and the first page of a multi-page file is taken.

    Returns:
        Pixels of shape (H, W, 3), 0 to 255.

    Raises:
        ImageError: the file is missing, not an image, truncated, or larger than `MAX_PIXELS`.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise ImageError(
                    f"{path}: {width} x {height} pixels is more than the {MAX_PIXELS:,} allowed; crop it first",
                    "image too large",
                )
            return np.asarray(_to_rgb(ImageOps.exif_transpose(image)))
    except FileNotFoundError as error:
        raise ImageError(f"{path}: no such image file; check the data folder", "image missing") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(f"{path}: not a readable image ({error}); repair or remove it") from error


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        grey = np.asarray(image).astype(np.float32)
        top = 1.0 if image.mode == "F" and grey.max() <= 1 else next((t for t in WHITES if grey.max() <= t), WHITES[-1])
        return Image.fromarray(np.clip(grey / top * 255, 0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return image.convert("RGB")


def read_cell(path: str, bbox: Sequence[float] | None = None, width_factor: float = 1.0) -> Pixels:
    """Read one cell: decode, crop to its box, undo a horizontal squeeze.

    Args:
        path: image file.
        bbox: [x, y, width, height] in pixels of the file, None for the whole image. What lies outside of the image is
            mirrored at the border, so that the middle of the box stays the middle of the cell.
        width_factor: the crop's width is multiplied by it.

    Returns:
        Pixels of shape (H, W, 3), 0 to 255.

    Raises:
        ImageError: the image cannot be read, or the box lies outside of it.
    """
    pixels = read_image(path) if bbox is None else _read_field(path, _change(path))
    if bbox is not None:
        if is_outside(bbox, (pixels.shape[1], pixels.shape[0])):
            raise outside_error(path, bbox)
        pixels = cut_box(pixels, bbox)
    if width_factor != 1.0:
        height, width = pixels.shape[:2]
        size = (max(1, round(width * width_factor)), height)
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC)  # type: ignore[assignment]
    return pixels


def image_size(path: str | Path) -> tuple[int, int] | None:
    """Width and height of an image file by its header, None if it is not readable."""
    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, SyntaxError, ValueError):
        return None


def is_outside(bbox: Sequence[float] | None, size: tuple[int, int]) -> bool:
    """Does a box have no pixel of an image of this width and height."""
    if bbox is None:
        return False
    x, y, width, height = (round(value) for value in bbox)
    return x + width <= 0 or y + height <= 0 or x >= size[0] or y >= size[1]


def cut_box(pixels: Pixels, bbox: Sequence[float]) -> Pixels:
    """Cut [x, y, width, height] out of an image (H, W, ...), mirrored where it leaves it."""
    x, y, width, height = (round(value) for value in bbox)
    limits = pixels.shape[:2]
    before, after = (max(-y, 0), max(-x, 0)), (max(y + height - limits[0], 0), max(x + width - limits[1], 0))
    inside = pixels[max(y, 0) : y + height, max(x, 0) : x + width]
    if not any((*before, *after)):
        return inside
    sides = [(before[0], after[0]), (before[1], after[1]), *[(0, 0)] * (pixels.ndim - 2)]
    return np.pad(inside, sides, mode="symmetric")


@lru_cache(maxsize=16)
def _read_field(path: str, change: int) -> Pixels:
    """Fields hold several cells, which are read one after the other."""
    pixels = read_image(path)
    pixels.setflags(write=False)
    return pixels


def _change(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - called for each cell
    except OSError:
        return 0


def square(pixels: Pixels, size: int, crop: float = 1.0) -> Pixels:
    """Cut the central square out of a cell and resize it; scale is preserved between cells of one magnification.

    Args:
        pixels: (H, W, 3).
        size: side of the result in pixels.
        crop: side of the square as a share of the shorter side, 0 to 1.

    Returns:
        (size, size, 3).
    """
    height, width = pixels.shape[:2]
    side = max(1, round(min(height, width) * crop))
    top, left = (height - side) // 2, (width - side) // 2
    interpolation = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    central = np.ascontiguousarray(pixels[top : top + side, left : left + side])
    return cv2.resize(central, (size, size), interpolation=interpolation)  # type: ignore[return-value]


def outside_error(path: str, bbox: Sequence[float]) -> ImageError:
    """What is raised for a box that has no pixel of its image."""
    message = f"{path}: box {list(bbox)} lies outside of the image; correct the annotation"
    return ImageError(message, "box outside of the image")
