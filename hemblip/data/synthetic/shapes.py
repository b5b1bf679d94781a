"""Outlines of cells and nuclei as masks."""

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.floating]
"""(S, S), 0 to 1, with soft edges."""

_SHIFT = 4
_ONE = 1 << _SHIFT


def fill(size: int, points: NDArray[np.float64]) -> Mask:
    """Fill a polygon (N, 2) of x, y in pixels."""
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [np.round(points * _ONE).astype(np.int32)], 255, cv2.LINE_AA, _SHIFT)
    return mask.astype(np.float32) / 255


def wobbly(
    size: int, centre: tuple[float, float], radius: float, roughness: float, stretch: float, rng: np.random.Generator
) -> Mask:
    """A closed outline around `centre`: an ellipse with waves.

    Args:
        size: side of the mask in pixels.
        centre: x, y in pixels.
        radius: mean radius in pixels.
        roughness: height of the waves as a share of the radius.
        stretch: long axis over short axis.
        rng: draws phases and directions.
    """
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    waves = sum(
        np.cos(k * angle + rng.uniform(0, 2 * np.pi)) * rng.uniform(0.5, 1) / np.sqrt(k - 1) for k in (2, 3, 4, 5)
    )
    r = radius * (1 + roughness * np.asarray(waves))
    turn = rng.uniform(0, np.pi)
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
        return wobbly(size, centre, radius, 0.012, rng.uniform(1.0, 1.12), rng)
    if shape == "irregular":
        body = wobbly(size, centre, radius, 0.12, rng.uniform(1.05, 1.25), rng)
        return np.asarray(body * (1 - _notch(size, centre, radius, 0.35, rng.uniform(0, 2 * np.pi))), np.float32)
    turn = rng.uniform(0, 2 * np.pi)
    if shape == "unsegmented-indented":
        body = wobbly(size, centre, radius * 1.08, 0.015, 1.2, rng)
        return np.asarray(body * (1 - _notch(size, centre, radius, 0.5, turn)), np.float32)
    if shape == "unsegmented-band":
        return _arc(size, centre, radius, turn, width=0.62, extent=1.35, beads=0)
    if shape == "segmented-bilobed":
        return _lobes(size, centre, radius, turn, 2)
    return _lobes(size, centre, radius, turn, int(rng.integers(3, 6)))


def _notch(size: int, centre: tuple[float, float], radius: float, depth: float, turn: float) -> Mask:
    """A round bite of `depth` radii out of the side at angle `turn`."""
    away = radius * 1.25
    x, y = centre[0] + away * np.cos(turn), centre[1] + away * np.sin(turn)
    return disc(size, (x, y), radius * (0.25 + depth))


def _arc(
    size: int, centre: tuple[float, float], radius: float, turn: float, width: float, extent: float, beads: int
) -> Mask:
    """A thick arc of `2 * extent` radians, as points joined by round strokes."""
    angle = turn + np.linspace(-extent, extent, 24)
    reach = radius * 0.92
    points = np.stack([centre[0] + reach * np.cos(angle), centre[1] + reach * np.sin(angle)], 1)
    points -= points.mean(0) - np.asarray(centre)
    mask = np.zeros((size, size), np.uint8)
    ends = [np.round(points * _ONE).astype(np.int32)]
    cv2.polylines(mask, ends, False, 255, max(1, round(radius * width * 1.25)), cv2.LINE_AA, _SHIFT)
    return mask.astype(np.float32) / 255


def _lobes(size: int, centre: tuple[float, float], radius: float, turn: float, count: int) -> Mask:
    """`count` round lobes along an arc, joined by thin threads."""
    extent = {2: 0.85, 3: 1.45, 4: 1.9, 5: 2.3}[count]
    lobe = radius * {2: 0.68, 3: 0.52, 4: 0.45, 5: 0.4}[count]
    angle = turn + np.linspace(-extent, extent, count)
    reach = radius * (1.0 if count == 2 else 0.95)
    points = np.stack([centre[0] + reach * np.cos(angle), centre[1] + reach * np.sin(angle)], 1)
    points -= points.mean(0) - np.asarray(centre)
    mask = np.zeros((size, size), np.uint8)
    ends = [np.round(points * _ONE).astype(np.int32)]
    cv2.polylines(mask, ends, False, 255, max(2, round(radius * 0.16)), cv2.LINE_AA, _SHIFT)
    for x, y in points:
        cv2.circle(mask, (round(x * _ONE), round(y * _ONE)), round(lobe * _ONE), 255, -1, cv2.LINE_AA, _SHIFT)
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
