"""Take away what tells sources apart without the cell: stain, background, aspect ratio and resolution.

They are applied to each decoded cell, in training and testing alike, before it is resized and cached. The shortcut
audit measures what they leave.
"""

from abc import ABC, abstractmethod
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from hemblip.data.images import Pixels, square
from hemblip.errors import ConfigError

Mask = NDArray[np.bool_]


class Countermeasure(ABC):
    """A change of every cell that depends on nothing but its pixels."""

    @abstractmethod
    def __call__(self, pixels: Pixels) -> Pixels:
        """Change a cell (H, W, 3), RGB, 0 to 255; the size may change too."""

    def __repr__(self) -> str:
        """Class and settings, by which cached cells are told apart."""
        settings = ", ".join(f"{name}={value!r}" for name, value in sorted(vars(self).items()))
        return f"{type(self).__name__}({settings})"


class FixedAspect(Countermeasure):
    """The central square, at one resolution: no crop is wider, larger or sharper than another.

    Args:
        side: in pixels; that of the smallest cells, since enlarged ones stay blurred.
    """

    def __init__(self, side: int = 96) -> None:
        if side < 8:
            raise ConfigError(f"FixedAspect: side is {side}; at least 8 pixels are needed")
        self.side = side

    def __call__(self, pixels: Pixels) -> Pixels:
        """See `Countermeasure`."""
        return square(pixels, self.side)


class BackgroundMask(Countermeasure):
    """Paints over what is not the cell.

    Of CellaVision's 100 masked cells, "cell" keeps 97 % of the cell's pixels and paints over 82 % of the others.

    Args:
        shape: "cell" keeps the central nucleus and its cytoplasm, "disc" a circle of 0.9 of its width.
        margin: width of what is kept around the nucleus, as a share of its radius (that of a disc of its area).
        reach: how far from the nucleus stained pixels that hang together with it are kept, likewise.
        grey: level that is painted, 0 to 255.
    """

    def __init__(
        self, shape: Literal["cell", "disc"] = "cell", margin: float = 0.4, reach: float = 1.2, grey: int = 235
    ) -> None:
        if not 0 <= margin <= reach <= 5 or not 0 <= grey <= 255:
            raise ConfigError(f"BackgroundMask: margin {margin} up to reach {reach} up to 5, grey {grey} 0 to 255")
        self.shape, self.margin, self.reach, self.grey = shape, margin, reach, grey

    def __call__(self, pixels: Pixels) -> Pixels:
        """See `Countermeasure`."""
        return np.where(self.kept(pixels)[..., None], pixels, np.uint8(self.grey))

    def kept(self, pixels: Pixels) -> Mask:
        """Pixels (H, W) that are not painted over; the disc where no nucleus is found."""
        height, width = pixels.shape[:2]
        nucleus = central_nucleus(pixels) if self.shape == "cell" else np.zeros((height, width), np.bool_)
        if not nucleus.any():
            return _disc(height, width)
        hull = np.zeros((height, width), np.uint8)
        cv2.fillConvexPoly(hull, cv2.convexHull(cv2.findNonZero(nucleus.astype(np.uint8))), 1)
        radius = float(np.sqrt(hull.sum() / np.pi))
        distance = cv2.distanceTransform(1 - hull, cv2.DIST_L2, 5)
        stained = (optical_density(pixels).mean(-1) > FAINT) & (distance <= self.reach * radius) | (hull > 0)
        return np.asarray(distance <= self.margin * radius) | _connected(stained, hull > 0, 0.15 * radius)


def _disc(height: int, width: int) -> Mask:
    """The inscribed circle, less a rim that a later resizing would smear outwards."""
    y, x = np.ogrid[:height, :width]
    return np.asarray(np.hypot(y - (height - 1) / 2, x - (width - 1) / 2) <= 0.45 * min(height, width))


def _connected(mask: Mask, seed: Mask, bridge: float) -> Mask:
    """The parts of a mask that hang together with `seed` by more than bridges of `bridge` pixels half their width."""
    side = 2 * max(1, int(bridge)) + 1
    opened = cv2.morphologyEx(
        mask.astype(np.uint8), cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    )
    _, labels = cv2.connectedComponents(opened)
    chosen = np.unique(labels[seed])
    return np.isin(labels, chosen[chosen > 0])


def central_nucleus(pixels: Pixels) -> Mask:
    """Find the nucleus, all its lobes, of the cell in the centre.

    Nuclei are the darkest things in green light; those parts count that lie mostly in the middle.
    """
    height, width = pixels.shape[:2]
    green = cv2.GaussianBlur(np.ascontiguousarray(pixels[..., 1]), (0, 0), max(height, width) / 120)
    level, _ = cv2.threshold(green, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    dark = green <= level
    if dark.any():  # Otsu's first level may be that between background and red cells
        again, _ = cv2.threshold(green[dark].reshape(1, -1), 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
        dark &= green <= again
    count, labels = cv2.connectedComponents(dark.astype(np.uint8))
    y, x = np.ogrid[:height, :width]
    central = np.hypot((y - height / 2) / height, (x - width / 2) / width) <= 0.33
    inside = np.bincount(labels[central], minlength=count)
    share = inside / np.bincount(labels.ravel(), minlength=count)
    chosen = (share >= 0.4) & (inside >= 0.003 * height * width)
    chosen[0] = False
    return np.asarray(chosen[labels])


class Reinhard(Countermeasure):
    """Gives the stained pixels of each cell one mean and spread of colour (Reinhard et al., 2001), on a white slide.

    Macenko's method is not offered: its two stains are those of histology, and on blood cells it exchanges them.

    Args:
        mean: of L, a and b (OpenCV's 8-bit scale) that the stained pixels get; the median of WBCAtt's cells by default.
        spread: their standard deviations.
    """

    def __init__(
        self,
        mean: tuple[float, float, float] = (172.5, 143.5, 112.7),
        spread: tuple[float, float, float] = (37.9, 11.8, 15.5),
    ) -> None:
        if min(spread) <= 0:
            raise ConfigError(f"Reinhard: spread {spread} must be above 0")
        self.mean, self.spread = tuple(mean), tuple(spread)

    def __call__(self, pixels: Pixels) -> Pixels:
        """See `Countermeasure`; a cell without stained pixels only gets its background's light."""
        density = optical_density(pixels)
        white = np.clip(SLIDE * np.exp(-density), 0, 255).astype(np.uint8)
        share = np.clip(density.mean(-1, keepdims=True) / STAINED, 0, 1)  # of stain in each pixel, (H, W, 1)
        lab = np.asarray(cv2.cvtColor(white, cv2.COLOR_RGB2LAB), np.float32)
        stained = lab[share[..., 0] == 1]
        if len(stained) < 2:
            return np.asarray(white, np.uint8)
        changed = (lab - stained.mean(0)) / (stained.std(0) + 1e-3) * np.asarray(self.spread) + np.asarray(self.mean)
        mixed = np.clip(lab + share * (changed - lab), 0, 255).round().astype(np.uint8)
        return np.asarray(cv2.cvtColor(mixed, cv2.COLOR_LAB2RGB), np.uint8)


STAINED, FAINT = 0.12, 0.06
"""Optical density from which a pixel is stained, and from which it is not the empty slide."""

SLIDE = 240
"""Level of the empty slide after normalisation."""


def optical_density(pixels: Pixels) -> NDArray[np.float32]:
    """Density (H, W, 3) of each channel against the empty slide, which is taken to be the image's brightest pixels."""
    light = np.maximum(np.percentile(pixels[::2, ::2].reshape(-1, 3), 95, axis=0), 1.0).astype(np.float32)
    return np.asarray(-np.log((pixels.astype(np.float32) + 1) / (light + 1)), np.float32)
