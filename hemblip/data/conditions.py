"""Bad conditions to test in: what another microscope, camera, stain or detector does to the picture of a cell.

Lengths are shares of the picture's shorter side, so that one strength means the same for all resolutions. Each change
is a function of the cell, the condition and its strength alone: what is random is drawn by the cell's id.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hemblip.data.images import Pixels
from hemblip.errors import ConfigError

Colours = NDArray[np.float32]
"""(H, W, 3), RGB, 0 to 1."""

Change = Callable[[Colours, float, np.random.Generator], Colours]

STAINS = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
"""Optical densities of haematoxylin-like, eosin-like and residual stain in red, green and blue (Ruifrok and Johnston,
Anal Quant Cytol Histol 23:291, 2001); Romanowsky's azure and eosin absorb alike."""


class Condition(NamedTuple):
    """One condition at one strength."""

    name: str
    strength: float

    def __call__(self, pixels: Pixels, cell: str) -> Pixels:
        """Change the picture (H, W, 3), 0 to 255, of a cell; same shape out."""
        from hemblip.data.transforms import derived_seed  # brings torch, which a report does without

        random = np.random.default_rng(derived_seed("stress", self.name, self.strength, cell))
        changed = CONDITIONS[self.name].change((pixels / 255).astype(np.float32), self.strength, random)
        return np.asarray((changed.clip(0, 1) * 255).round(), np.uint8)


class Kind(NamedTuple):
    """How a condition changes a picture, at which strengths it is tested, and what these are."""

    change: Change
    strengths: tuple[float, ...]
    meaning: str


def _blur(picture: Colours, strength: float, random: np.random.Generator) -> Colours:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), strength * min(picture.shape[:2])), np.float32)


def _defocus(picture: Colours, strength: float, random: np.random.Generator) -> Colours:
    """An out-of-focus point is a disc; its border is shared by the pixels that it crosses."""
    radius = strength * min(picture.shape[:2])
    reach = int(np.ceil(radius))
    across = np.arange(-reach, reach + 1)
    disc = np.clip(radius + 0.5 - np.hypot(across[:, None], across), 0, 1)
    return np.asarray(cv2.filter2D(picture, -1, disc / disc.sum(), borderType=cv2.BORDER_REFLECT_101), np.float32)


def _noise(picture: Colours, strength: float, random: np.random.Generator) -> Colours:
    return picture + strength * random.standard_normal(picture.shape, dtype=np.float32)


def _jpeg(picture: Colours, strength: float, random: np.random.Generator) -> Colours:
    stream = io.BytesIO()
    whole = Image.fromarray((picture * 255).round().astype(np.uint8))
    whole.save(stream, "JPEG", quality=round(strength))
    return np.asarray(np.asarray(Image.open(stream)) / 255, np.float32)


def _brightness(picture: Colours, strength: float, random: np.random.Generator) -> Colours:
    return np.asarray(picture * strength, np.float32)


def _white_balance(picture: Colours, strength: float, random: np.random.Generator) -> Colours:
    return picture * np.array([1 + strength, 1, 1 - strength], np.float32)


def _stain(picture: Colours, strength: float, random: np.random.Generator) -> Colours:
    density = -np.log(np.maximum(picture, 1 / 255))
    amounts = density @ np.linalg.inv(STAINS) * np.array([1 + strength, 1 - strength, 1])
    return np.asarray(np.exp(-(amounts @ STAINS)), np.float32)


def _magnification(picture: Colours, strength: float, random: np.random.Generator) -> Colours:
    return _placed(picture, strength, (0.0, 0.0))


def _off_centre(picture: Colours, strength: float, random: np.random.Generator) -> Colours:
    angle = random.uniform(0, 2 * np.pi)
    return _placed(picture, 1.0, (strength * float(np.cos(angle)), strength * float(np.sin(angle))))


def _placed(picture: Colours, scale: float, shift: tuple[float, float]) -> Colours:
    """Enlarge about the middle, and move by shares of the shorter side; what was outside is mirrored."""
    height, width = picture.shape[:2]
    places = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), 0, scale)
    places[:, 2] += np.array(shift) * min(height, width)
    moved = cv2.warpAffine(picture, places, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, np.float32)


CONDITIONS: Mapping[str, Kind] = {
    "blur": Kind(_blur, (0.005, 0.01, 0.02, 0.04), "standard deviation, share of the side"),
    "defocus": Kind(_defocus, (0.01, 0.02, 0.04), "radius of the disc, share of the side"),
    "noise": Kind(_noise, (0.02, 0.05, 0.1), "standard deviation, share of white"),
    "jpeg": Kind(_jpeg, (50, 20, 8), "JPEG quality"),
    "brightness": Kind(_brightness, (0.7, 0.85, 1.15, 1.3), "factor"),
    "white_balance": Kind(_white_balance, (-0.2, -0.1, 0.1, 0.2), "more red and less blue, share"),
    "stain": Kind(_stain, (-0.3, -0.15, 0.15, 0.3), "more azure and less eosin, share"),
    "magnification": Kind(_magnification, (0.8, 0.9, 1.1, 1.25), "factor"),
    "off_centre": Kind(_off_centre, (0.05, 0.1, 0.2), "shift, share of the side"),
}


def conditions(names: Sequence[str] | None = None) -> list[Condition]:
    """Give conditions with all their strengths.

    Args:
        names: of `CONDITIONS`; None for all.

    Raises:
        ConfigError: there is no such condition, or none is named.
    """
    chosen = list(CONDITIONS) if names is None else list(dict.fromkeys(names))
    if not chosen:
        raise ConfigError(f"--stress names no condition; there are {', '.join(CONDITIONS)}")
    for name in chosen:
        if name not in CONDITIONS:
            raise ConfigError(f"--stress {name}: no such condition; there are {', '.join(CONDITIONS)}")
    return [Condition(name, strength) for name in chosen for strength in CONDITIONS[name].strengths]
