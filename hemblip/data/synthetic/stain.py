"""What a patient's slide and camera add: stain strength, light, blur, noise, magnification."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Colours = NDArray[np.floating]
"""(S, S, 3), RGB, 0 to 1."""


@dataclass(frozen=True)
class Slide:
    """How one patient's cells are stained and photographed.

    Healthy and leukemic patients of one domain draw from the same distributions: nothing of this tells them apart.

    Args:
        strength: optical density of each colour channel relative to the drawing.
        brightness: of the lamp, relative.
        background: colour of the empty slide.
        red_cells: colour of red cells.
        blur: standard deviation in pixels of a 96-pixel cell.
        noise: standard deviation, 0 to 1.
        magnification: size of everything relative to the drawing.
    """

    strength: tuple[float, float, float]
    brightness: float
    background: tuple[float, float, float]
    red_cells: tuple[float, float, float]
    blur: float
    noise: float
    magnification: float


def draw_slide(external: bool, rng: np.random.Generator) -> Slide:
    """Draw a patient's slide in the internal or the external domain."""
    tone = rng.normal(0, 0.045, 3)
    if external:
        strength = np.asarray([0.92, 1.12, 1.02]) + tone
        background, red = (0.95, 0.93, 0.88), (0.86, 0.62, 0.56)
        blur, noise, magnification = rng.uniform(0.6, 0.9), rng.uniform(0.015, 0.03), rng.uniform(0.86, 0.92)
    else:
        strength = 1 + tone
        background, red = (0.95, 0.93, 0.94), (0.88, 0.70, 0.68)
        blur, noise, magnification = rng.uniform(0.3, 0.6), rng.uniform(0.005, 0.015), rng.uniform(0.97, 1.03)
    shade = rng.normal(0, 0.012, 3)
    return Slide(
        strength=tuple(strength.clip(0.7, 1.4)),
        brightness=float(rng.normal(1.0, 0.02)),
        background=tuple(np.asarray(background) + shade),
        red_cells=tuple(np.asarray(red) + 1.5 * shade),
        blur=float(blur),
        noise=float(noise),
        magnification=float(magnification),
    )


def photograph(drawing: Colours, slide: Slide, size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Stain, light, blur, sample and quantise a drawing.

    Args:
        drawing: supersampled (S, S, 3).
        slide: the patient's.
        size: side of the result in pixels.
        rng: draws the light's direction and the noise.

    Returns:
        (size, size, 3), 0 to 255.
    """
    scale = drawing.shape[0] / size
    sigma = slide.blur * size / 96 * scale
    image = cv2.GaussianBlur(drawing, (0, 0), sigma)
    image = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    np.power(image, np.asarray(slide.strength, np.float32), out=image)  # Beer-Lambert: density scales the exponent
    ramp = np.linspace(-1, 1, size, dtype=np.float32)
    tilt = rng.uniform(-0.025, 0.025, 2).astype(np.float32)
    image *= (slide.brightness + tilt[0] * ramp[None, :] + tilt[1] * ramp[:, None])[..., None]
    image = image + rng.standard_normal(image.shape, dtype=np.float32) * slide.noise
    return (image.clip(0, 1) * 255).round().astype(np.uint8)
