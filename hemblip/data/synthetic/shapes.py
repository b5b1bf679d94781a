"""Outlines of cells and nuclei as masks."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.floating]
"""(S, S), 0 to 1, with soft edges."""

REACH = 1.4
"""How far lobes spread at most, over the radius of a round nucleus of their cell: the rest of the way is cytoplasm."""

_SHIFT = 4
_ONE = 1 << _SHIFT


def fill(size: int, points: NDArray[np.float64]) -> Mask:
    """Fill a polygon (N, 2) of x, y in pixels."""
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [np.round(points * _ONE).astype(np.int32)], 255, cv2.LINE_AA, _SHIFT)
    return mask.astype(np.float32) / 255


class Dent(NamedTuple):
    """A smooth hollow of an outline, or a point that stands out from it.

    Attributes:
        angle: from the outline's long axis, in radians.
        depth: over the radius; negative for what stands out.
        width: half of it, in radians.
    """

    angle: float
    depth: float
    width: float


def wobbly(
    size: int,
    centre: tuple[float, float],
    radius: float,
    roughness: float,
    stretch: float,
    rng: np.random.Generator,
    dents: Sequence[Dent] = (),
    turn: float | None = None,
) -> Mask:
    """A closed outline around `centre`: an ellipse with waves, and perhaps dents.

    Args:
        size: side of the mask in pixels.
        centre: x, y in pixels.
        radius: mean radius in pixels.
        roughness: standard deviation of the waves as a share of the radius.
        stretch: long axis over short axis.
        rng: draws phases and directions.
        dents: in the outline.
        turn: direction of the long axis in radians; None to draw it.
    """
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    waves = sum(
        np.cos(k * angle + rng.uniform(0, 2 * np.pi)) * rng.uniform(0.5, 1) / np.sqrt(k - 1) for k in (2, 3, 4, 5)
    )
    r = radius * (1 + roughness * np.asarray(waves) / np.std(waves))  # as rough as it is called, never by chance round
    for dent in dents:
        away = (angle - dent.angle + np.pi) % (2 * np.pi) - np.pi
        r = r * (1 - dent.depth * np.exp(-0.5 * (away / dent.width) ** 2))
    turn = rng.uniform(0, np.pi) if turn is None else turn
    x, y = r * np.cos(angle) * np.sqrt(stretch), r * np.sin(angle) / np.sqrt(stretch)
    points = np.stack(
        [centre[0] + x * np.cos(turn) - y * np.sin(turn), centre[1] + x * np.sin(turn) + y * np.cos(turn)], 1
    )
    return fill(size, points)


def nucleus(shape: str, size: int, centre: tuple[float, float], radius: float, rng: np.random.Generator) -> Mask:
    """Draw a nucleus.

    Args:
        shape: a `nucleus_shape` of the schema.
        size: side of the mask in pixels.
        centre: x, y in pixels.
        radius: of a disc with about the same area, in pixels.
        rng: draws position and turn of lobes.
    """
    if shape in ("unsegmented-round", "regular"):
        return wobbly(size, centre, radius, 0.009, rng.uniform(1.0, 1.12), rng)
    if shape == "irregular":  # several hollows, none of them deep
        first = rng.uniform(0, 2 * np.pi)
        dents = [
            Dent(first + place * 2 * np.pi / 3 + rng.uniform(-0.4, 0.4), rng.uniform(0.2, 0.4), rng.uniform(0.22, 0.34))
            for place in range(3)
        ]
        return wobbly(size, centre, radius * 1.1, 0.04, rng.uniform(1.05, 1.25), rng, dents)
    if shape == "unsegmented-indented":  # a kidney
        hollow = Dent(np.pi / 2, rng.uniform(0.4, 0.55), rng.uniform(0.38, 0.5))
        return wobbly(size, centre, radius * 1.1, 0.009, rng.uniform(1.2, 1.35), rng, [hollow])
    if shape == "unsegmented-band":
        return _arc(size, centre, radius, rng.uniform(0, 2 * np.pi), width=0.62, extent=1.35)
    return _lobes(size, centre, radius, 2 if shape == "segmented-bilobed" else int(rng.integers(3, 6)), rng)


def _arc(size: int, centre: tuple[float, float], radius: float, turn: float, width: float, extent: float) -> Mask:
    """A thick arc of `2 * extent` radians, as points joined by round strokes."""
    angle = turn + np.linspace(-extent, extent, 24)
    reach = radius * 0.92
    points = np.stack([centre[0] + reach * np.cos(angle), centre[1] + reach * np.sin(angle)], 1)
    points -= points.mean(0) - np.asarray(centre)
    return stroke(size, points, radius * width * 1.25)


def _lobes(size: int, centre: tuple[float, float], radius: float, count: int, rng: np.random.Generator) -> Mask:
    """`count` oval lobes of unequal size along a winding path, joined by filaments."""
    usual, gap, filament = {2: (0.6, 0.4, 0.2), 3: (0.52, 0.15, 0.14), 4: (0.46, 0.13, 0.13), 5: (0.41, 0.12, 0.12)}[
        count
    ]
    radii = radius * usual * rng.uniform(0.85, 1.15, count)
    stretch = rng.uniform(1.15, 1.45, count)
    # Two lobes lie side by side like coffee beans, more of them end to end.
    long = np.sqrt(stretch) if count > 2 else 1 / np.sqrt(stretch)
    heading = rng.uniform(0, 2 * np.pi) + np.append(0, np.cumsum(_bends(count, rng)))
    steps = (radii * long)[:-1] + (radii * long)[1:] + radius * gap
    way = np.cumsum(np.stack([np.cos(heading[:-1]), np.sin(heading[:-1])], 1) * steps[:, None], axis=0)
    points = np.vstack([[0.0, 0.0], way])
    points -= (points.min(0) + points.max(0)) / 2
    reach = float((np.hypot(*points.T) + radii * np.sqrt(stretch)).max())
    fit = min(1.0, REACH * radius / reach)
    points, radii = np.asarray(centre) + fit * points, fit * radii
    mask = stroke(size, points, fit * radius * filament)
    for (x, y), lobe, oval, along in zip(points, radii, stretch, heading, strict=True):
        turn = along + (0 if count > 2 else np.pi / 2) + rng.uniform(-0.4, 0.4)
        mask = np.maximum(mask, wobbly(size, (x, y), lobe, 0.04, oval, rng, turn=turn))
    return mask


def _bends(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Changes of direction from lobe to lobe: mostly to one side, for they have to fit into the cell."""
    bends = rng.choice([-1, 1]) * rng.uniform(0.8, 1.5, count - 1)
    if count < 5 and rng.random() < 0.3:
        bends[-1] *= -1
    return np.asarray(bends)


def stroke(size: int, points: NDArray[np.float64], width: float) -> Mask:
    """A line through points (N, 2), `width` pixels wide, with round ends."""
    mask = np.zeros((size, size), np.uint8)
    ends = [np.round(points * _ONE).astype(np.int32)]
    cv2.polylines(mask, ends, False, 255, max(2, round(width)), cv2.LINE_AA, _SHIFT)
    return mask.astype(np.float32) / 255


def disc(size: int, centre: tuple[float, float], radius: float) -> Mask:
    """A filled circle."""
    mask = np.zeros((size, size), np.uint8)
    place = (round(centre[0] * _ONE), round(centre[1] * _ONE))
    cv2.circle(mask, place, max(1, round(radius * _ONE)), 255, -1, cv2.LINE_AA, _SHIFT)
    return mask.astype(np.float32) / 255


def dots(size: int, points: NDArray[np.float64], radii: NDArray[np.float64]) -> Mask:
    """Filled circles at points (N, 2), with radii (N,) in pixels."""
    mask = np.zeros((size, size), np.uint8)
    for (x, y), radius in zip(points, radii, strict=True):
        place = (round(x * _ONE), round(y * _ONE))
        cv2.circle(mask, place, max(4, round(radius * _ONE)), 255, -1, cv2.LINE_AA, _SHIFT)
    return mask.astype(np.float32) / 255
