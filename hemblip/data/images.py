"""Images of any mode and format as RGB cells."""

import os
import stat
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from hemblip.errors import ImageError

Pixels = NDArray[np.uint8]

MAX_PIXELS = 89_000_000
"""A larger image is refused before decoding: no microscope field has so many, a decompression bomb has."""

PROGRAMS = ("EPS", "WMF")
"""Formats that other software would have to run."""

SHARES, EMPTY, OUTSIDE = "box in shares of the image", "box without a pixel", "box outside of the image"

LARGE = "box too large"

BOX_FLAWS = {
    SHARES: "is in shares of the image",
    EMPTY: "has no pixel",
    OUTSIDE: "lies outside of the image",
    LARGE: f"has more than {MAX_PIXELS:,} pixels",
}
"""What is wrong with a box -> how a message says it."""

WHITES = tuple(2.0**bits - 1 for bits in (8, 10, 12, 14, 16))
"""White of cameras by their bits: files of 16 bits hold any of them, the lowest that no pixel exceeds is taken."""


def read_image(path: str | Path) -> Pixels:
    """Decode an image file to RGB.

    Transparency is laid over white, grey of 10 to 16 bits or within 0 and 1 is scaled to 8 bits, EXIF rotation is
    applied, and the first page of a multi-page file is taken.

    Returns:
        Pixels of shape (H, W, 3), 0 to 255.

    Raises:
        ImageError: the file is missing, no regular file, not an image, truncated, or larger than `MAX_PIXELS`.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - a pipe would be waited for, a device read on and on
            raise ImageError(f"{path}: not a file; remove it", "not a regular file")
        with Image.open(path) as image:
            width, height = image.size
            if image.format in PROGRAMS:
                raise ImageError(f"{path}: {image.format} is a program, not pixels; save it as PNG")
            if width * height > MAX_PIXELS:
                raise ImageError(
                    f"{path}: {width} x {height} pixels is more than the {MAX_PIXELS:,} allowed; crop it first",
                    "image too large",
                )
            return np.asarray(to_rgb(ImageOps.exif_transpose(image)))
    except FileNotFoundError as error:
        raise ImageError(f"{path}: no such image file; check the data folder", "image missing") from error
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(
            f"{path}: more pixels than the {MAX_PIXELS:,} allowed; crop it first", "image too large"
        ) from error
    except Exception as error:  # decoders raise whatever they come across: struct.error, TypeError, MemoryError, ...
        said = " ".join((str(error) or type(error).__name__).replace(str(path), "it").split())[:200]
        raise ImageError(f"{path}: not a readable image ({said}); repair or remove it") from error


def to_rgb(image: Image.Image) -> Image.Image:
    """Give an image of any mode as RGB; see `read_image`."""
    if image.mode.startswith("I") or image.mode == "F":
        grey = np.asarray(image).astype(np.float32)
        if not np.isfinite(grey).all():
            raise ValueError("some of its pixels are no finite numbers")
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
        ImageError: the image cannot be read, or the box has a flaw, see `box_flaw`.
    """
    pixels = read_image(path) if bbox is None else _read_field(path, _change(path))
    if bbox is not None:
        if flaw := box_flaw(bbox, (pixels.shape[1], pixels.shape[0])):
            raise box_error(path, bbox, flaw)
        pixels = cut_box(pixels, bbox)
    if width_factor != 1.0:
        height, width = pixels.shape[:2]
        size = (max(1, round(width * width_factor)), height)
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC)  # type: ignore[assignment]
    return pixels


def image_size(path: str | Path) -> tuple[int, int] | None:
    """Width and height of an image file by its header, None if it is not readable."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - see `read_image`
            return None
        with Image.open(path) as image:
            return image.size
    except Exception:  # see `read_image`
        return None


def box_flaw(bbox: Sequence[float] | None, size: tuple[int, int]) -> str:
    """Why a box cannot be cut out of an image of this width and height, empty if it can."""
    if bbox is None:
        return ""
    if max(map(abs, bbox)) <= 1:
        return SHARES
    x, y, width, height = (round(value) for value in bbox)
    if width < 1 or height < 1:
        return EMPTY
    if x + width <= 0 or y + height <= 0 or x >= size[0] or y >= size[1]:
        return OUTSIDE
    return LARGE if width * height > MAX_PIXELS else ""


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


def box_error(path: str, bbox: Sequence[float], flaw: str) -> ImageError:
    """What is raised for a box that has a flaw."""
    message = f"{path}: box {list(bbox)} {BOX_FLAWS[flaw]}; correct it: boxes are [x, y, width, height] in pixels"
    return ImageError(message, flaw)
