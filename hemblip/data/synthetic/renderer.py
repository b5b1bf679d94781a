"""Drawings of stained white blood cells from schema attributes."""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hemblip.data.masks import Masks
from hemblip.data.synthetic.shapes import Dent, Mask, dots, nucleus, wobbly
from hemblip.data.synthetic.stain import Colours, Slide, photograph
from hemblip.morphology import HEALTHY

Cell = dict[str, str | None]

Streams = Callable[[str], np.random.Generator]
"""The generator of a stage of the drawing: one for all, or one each, so that a change leaves other stages alone."""


class Drawing(NamedTuple):
    """A drawn cell (S, S, 3), 0 to 255, and its parts."""

    pixels: NDArray[np.uint8]
    masks: Masks


SUPERSAMPLING = 2

RADIUS = {"small": 0.25, "medium": 0.315, "large": 0.385}
"""Of the cell, as a share of the image's side at magnification 1."""

RED_CELL_RADIUS = 0.15

NUCLEUS_SHARE = {"low": 0.62, "high": 0.83, "scanty": 0.84, "moderate": 0.72, "abundant": 0.6}
"""Radius of the nucleus over that of the cell."""

CYTOPLASM = {
    "light blue": (0.80, 0.86, 0.95),
    "blue": (0.55, 0.68, 0.90),
    "purple blue": (0.67, 0.61, 0.86),
    "slight": (0.80, 0.82, 0.93),
    "moderate": (0.55, 0.61, 0.86),
}

MATURING = ("myelocyte", "metamyelocyte", "neutrophil", "eosinophil", "basophil")
"""Types whose cytoplasm has lost most of its blue: "moderate" is less there than in a blast."""

CHROMATIN = {
    "dense": (0.34, 0.16, 0.47),
    "loose": (0.52, 0.33, 0.64),
    "open": (0.62, 0.45, 0.74),
    "coarse": (0.44, 0.25, 0.58),
}

GRANULE = {"pink": (0.90, 0.50, 0.66), "red": (0.87, 0.30, 0.24), "purple": (0.30, 0.10, 0.42)}

DRAWN_GRANULES: dict[str, tuple[str, str]] = {
    "neutrophil": ("small", "pink"),
    "eosinophil": ("round", "red"),
    "basophil": ("coarse", "purple"),
    "myelocyte": ("small", "pink"),
    "metamyelocyte": ("small", "pink"),
    "abnormal promyelocyte": ("crowded", "purple"),
    "myeloblast": ("few", "purple"),
}
"""Leukemic cells have their type's granules too, though LeukemiaAttri does not annotate them."""

DRAWN_NUCLEUS: dict[str, str] = {
    "neutrophil": "segmented-multilobed",
    "eosinophil": "segmented-bilobed",
    "basophil": "segmented-bilobed",
    "metamyelocyte": "unsegmented-indented",
    "monocyte": "unsegmented-indented",
}
"""What an "irregular" nucleus of a mature leukemic cell looks like."""


def render(cell: Cell, slide: Slide, size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw one cell (size, size, 3), RGB, 0 to 255; see `draw`."""
    return draw(cell, slide, size, one_stream(rng)).pixels


def one_stream(rng: np.random.Generator) -> Streams:
    """Let all stages draw from one generator."""
    return lambda stage: rng


def draw(cell: Cell, slide: Slide, size: int, streams: Streams) -> Drawing:
    """Draw one cell in the centre of its image, among red cells.

    Args:
        cell: all schema keys; what is None is drawn as usual for the type.
        slide: stain and camera of the patient.
        size: side of the image in pixels.
        streams: draw everything else.
    """
    side = size * SUPERSAMPLING
    scale = side * slide.magnification
    canvas = np.empty((side, side, 3), np.float32)
    canvas[:] = slide.background
    rng = streams("place")
    radius = RADIUS[cell["cell_size"] or "medium"] * scale * rng.uniform(0.965, 1.035)
    centre = (side / 2 + rng.normal(0, 0.012) * side, side / 2 + rng.normal(0, 0.012) * side)
    _red_cells(canvas, centre, radius, scale, slide, streams("red cells"))

    irregular = _irregular(cell, streams("irregular"))
    rng = streams("outline")
    rough, stretch = (0.07, rng.uniform(1.1, 1.3)) if irregular else (0.009, rng.uniform(1.0, 1.06))
    body = wobbly(side, centre, radius, rough, stretch, rng, _projections(rng) if irregular else ())
    _cytoplasm(canvas, body, cell, streams("cytoplasm"))

    share = NUCLEUS_SHARE[cell["nuclear_cytoplasmic_ratio"] or cell["cytoplasm_amount"] or "moderate"]
    off = radius * (1 - share) * (0.75 if cell["cell_type"] in ("myelocyte", "abnormal promyelocyte") else 0.35)
    rng = streams("nucleus")
    turn = rng.uniform(0, 2 * np.pi)
    place = (centre[0] + off * np.cos(turn), centre[1] + off * np.sin(turn))
    shape = cell["nucleus_shape"] or "regular"
    if cell["diagnosis"] != HEALTHY and shape == "irregular":
        shape = DRAWN_NUCLEUS.get(str(cell["cell_type"]), shape)
    core = nucleus(shape, side, place, radius * share, rng) * _within(body, radius * 0.05)
    granules = _granule_kind(cell)
    if granules is not None:
        _granules(canvas, body * (1 - core), body, granules, radius, streams("granules"))
    _vacuoles(canvas, body * (1 - core), cell, radius, streams("vacuoles"))
    _nucleus(canvas, core, cell, place, radius * share, streams("chromatin"))
    if granules is not None and granules[0] in ("coarse", "crowded"):
        _granules_over_nucleus(canvas, core, granules, radius, streams("granules over the nucleus"))
    return Drawing(photograph(canvas, slide, size, streams("camera")), _masks(body, core, size))


def _masks(body: Mask, core: Mask, size: int) -> Masks:
    """Pixels of which more than half is nucleus, or cell without nucleus."""
    whole, inner = (
        cv2.resize(np.asarray(part, np.float32), (size, size), interpolation=cv2.INTER_AREA) for part in (body, core)
    )
    return Masks(np.asarray(inner > 0.5), np.asarray((whole > 0.5) & (inner <= 0.5)))


def _irregular(cell: Cell, rng: np.random.Generator) -> bool:
    if cell["cell_shape"] is not None:
        return cell["cell_shape"] == "irregular"
    return cell["cell_type"] in ("atypical lymphocyte", "promonocyte") or rng.random() < 0.2


def _projections(rng: np.random.Generator) -> list[Dent]:
    """Corners, points and blebs that stand out from an irregular cell, as they do on real ones."""
    count = int(rng.integers(3, 5))
    turns = rng.uniform(0, 2 * np.pi) + 2 * np.pi / count * (np.arange(count) + rng.uniform(-0.25, 0.25, count))
    return [Dent(turn, -rng.uniform(0.14, 0.28), rng.uniform(0.09, 0.2)) for turn in turns]


def _granule_kind(cell: Cell) -> tuple[str, str] | None:
    if cell["granules"] not in (None, "absent"):
        return str(cell["granules"]), cell["granule_colour"] or "purple"
    return None if cell["granules"] == "absent" else DRAWN_GRANULES.get(str(cell["cell_type"]))


def _paint(canvas: Colours, mask: Mask, colour: object) -> None:
    """Lay `colour`, one or one a pixel, over the canvas where `mask` says, in place."""
    canvas += mask[..., None] * (np.asarray(colour, np.float32) - canvas)


@cache
def _noise(grain: float) -> NDArray[np.float32]:
    """A fixed field (1024, 1024) of smooth noise with standard deviation 1; callers cut random windows out of it."""
    field = np.random.default_rng(round(1000 * grain)).standard_normal((1024, 1024)).astype(np.float32)
    smooth = np.asarray(cv2.GaussianBlur(field, (0, 0), grain), np.float32)
    return np.asarray((smooth - smooth.mean()) / smooth.std(), np.float32)


def _window(grain: float, side: int, rng: np.random.Generator) -> NDArray[np.float32]:
    y, x = rng.integers(0, 1024 - min(side, 1000), 2)
    window = _noise(grain)[y : y + side, x : x + side]
    return window if window.shape == (side, side) else np.asarray(cv2.resize(window, (side, side)), np.float32)


def _red_cells(
    canvas: Colours, centre: tuple[float, float], radius: float, scale: float, slide: Slide, rng: np.random.Generator
) -> None:
    """Red cells with central pallor around the white cell, few of them overlapping."""
    side = canvas.shape[0]
    placed: list[tuple[float, float]] = []
    wanted = rng.integers(5, 11)
    size = RED_CELL_RADIUS * scale
    for _ in range(40):
        if len(placed) >= wanted:
            break
        x, y = rng.uniform(-0.1 * side, 1.1 * side, 2)
        if np.hypot(x - centre[0], y - centre[1]) < radius + 0.8 * size:
            continue
        if any(np.hypot(x - a, y - b) < 1.75 * size for a, b in placed):
            continue
        placed.append((x, y))
        _red_cell(canvas, x, y, size * rng.normal(1, 0.05), slide, rng)


def _red_cell(canvas: Colours, x: float, y: float, radius: float, slide: Slide, rng: np.random.Generator) -> None:
    side = canvas.shape[0]
    reach = int(radius * 1.3) + 2
    x0, x1 = max(0, int(x) - reach), min(side, int(x) + reach)
    y0, y1 = max(0, int(y) - reach), min(side, int(y) + reach)
    if x0 >= x1 or y0 >= y1:
        return
    stretch, turn = rng.uniform(1.0, 1.15), rng.uniform(0, np.pi)
    dx = np.arange(x0, x1, dtype=np.float32)[None, :] - np.float32(x)
    dy = np.arange(y0, y1, dtype=np.float32)[:, None] - np.float32(y)
    u, v = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
    r = np.sqrt((u / stretch) ** 2 + (v * stretch) ** 2).astype(np.float32) / np.float32(radius)
    alpha = ((1 - r) * radius / 1.5).clip(0, 1)
    pallor = np.exp(-((r / 0.42) ** 2)) * 0.75
    patch = canvas[y0:y1, x0:x1]
    colour = np.asarray(slide.red_cells, np.float32)
    target = colour + pallor[..., None] * (np.asarray(slide.background, np.float32) - colour)
    patch += alpha[..., None] * (target - patch)


def _cytoplasm(canvas: Colours, body: Mask, cell: Cell, rng: np.random.Generator) -> None:
    side = canvas.shape[0]
    colour = np.asarray(CYTOPLASM[cell["cytoplasm_colour"] or cell["cytoplasm_basophilia"] or "slight"], np.float32)
    if cell["cytoplasm_basophilia"] == "moderate" and cell["cell_type"] in MATURING:
        colour = 0.6 * colour + 0.4 * np.asarray(CYTOPLASM["slight"], np.float32)
    if cell["cell_type"] == "eosinophil":
        colour = 0.75 * colour + 0.25 * np.asarray((0.95, 0.75, 0.72), np.float32)
    grain, depth = (1.6, 0.085) if cell["cytoplasm_texture"] == "frosted" else (6.0, 0.018)
    texture = _window(grain, side, rng) * depth
    edge = body - cv2.GaussianBlur(body, (0, 0), side * 0.012)
    field = colour + texture[..., None] - 0.22 * np.clip(edge, 0, 1)[..., None]
    if cell["cell_type"] == "atypical lymphocyte":  # a skirt: deeper blue where it touches its neighbours
        rim = 1 - cv2.GaussianBlur(body, (0, 0), side * 0.035)
        field = field - (0.45 * rim[..., None]) * np.asarray((1.0, 0.8, 0.3), np.float32)
    _paint(canvas, body, field)


def _within(mask: Mask, margin: float) -> Mask:
    """The mask without a seam `margin` pixels wide, its edge soft."""
    distance = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    return np.asarray((distance - margin + 0.5).clip(0, 1), np.float32)


def _inside(mask: Mask, count: int, margin: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """`count` random points (N, 2) of x, y, `margin` pixels from the mask's edge, or as far as there is room."""
    distance = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    deepest = float(distance.max())
    ys, xs = np.nonzero((distance > 0) & (distance >= min(margin, 0.8 * deepest)))
    if len(xs) == 0:
        return np.empty((0, 2))
    chosen = rng.integers(0, len(xs), count)
    return np.stack([xs[chosen], ys[chosen]], 1) + rng.uniform(-0.5, 0.5, (count, 2))


GRANULES = {
    "small": (0.026, 140),
    "few": (0.03, 9),
    "round": (0.068, 75),
    "coarse": (0.08, 36),
    "crowded": (0.034, 110),
}
"""Radius over that of the cell, and number in a cell without a nucleus."""


def _granules(
    canvas: Colours, area: Mask, body: Mask, kind: tuple[str, str], radius: float, rng: np.random.Generator
) -> None:
    """Scatter granules in `area`; large ones leave the nucleus's outline free, because its shape is annotated."""
    name, _ = kind
    share, number = GRANULES[name]
    room = float(area.sum()) / (np.pi * radius**2)
    margin = radius * share * 1.3 if name in ("coarse", "crowded") else 0.0
    points = _inside(area, max(6, round(number * min(1.0, room * 1.4))), margin, rng)
    radii = radius * share * rng.uniform(0.75, 1.25, len(points))
    shade = _shade(kind)
    _paint(canvas, dots(canvas.shape[0], points, radii) * body * 0.92, shade)
    if name == "round":
        _paint(canvas, dots(canvas.shape[0], points - radii[:, None] * 0.25, radii * 0.4) * body * 0.5, shade + 0.15)


def _granules_over_nucleus(
    canvas: Colours, core: Mask, kind: tuple[str, str], radius: float, rng: np.random.Generator
) -> None:
    """A few granules that lie on the nucleus, within its outline."""
    share, number = GRANULES[kind[0]]
    points = _inside(core, number // 8, radius * share * 1.3, rng)
    radii = radius * share * rng.uniform(0.75, 1.25, len(points))
    _paint(canvas, dots(canvas.shape[0], points, radii) * core * 0.6, _shade(kind))


def _shade(kind: tuple[str, str]) -> NDArray[np.float32]:
    """Colour of granules; azurophil ones are redder than a basophil's."""
    name, colour = kind
    return np.asarray((0.58, 0.14, 0.42) if name == "crowded" else GRANULE[colour], np.float32)


def _vacuoles(canvas: Colours, area: Mask, cell: Cell, radius: float, rng: np.random.Generator) -> None:
    """Clear round holes in the cytoplasm, none of them across its rim."""
    if cell["cytoplasm_vacuoles"] != "present":
        return
    points = _inside(area, int(rng.integers(6, 12)), radius * 0.11, rng)
    radii = radius * rng.uniform(0.075, 0.115, len(points))
    inner = _within(area, 0.0)
    _paint(canvas, dots(canvas.shape[0], points, radii * 1.25) * inner * 0.35, (0.45, 0.45, 0.7))
    _paint(canvas, dots(canvas.shape[0], points, radii) * inner * 0.95, (0.97, 0.96, 0.98))


def _nucleus(
    canvas: Colours, core: Mask, cell: Cell, place: tuple[float, float], radius: float, rng: np.random.Generator
) -> None:
    side = canvas.shape[0]
    chromatin = cell["chromatin"] or "coarse"
    colour = np.asarray(CHROMATIN[chromatin], np.float32)
    if chromatin == "coarse":  # blocks with pale gaps
        texture = np.tanh(2.2 * _window(3.6, side, rng)) * 0.11
    elif chromatin == "open":  # a fine, even stipple
        texture = _window(1.2, side, rng) * 0.05
    elif chromatin == "loose":  # a wide-meshed net
        texture = (np.abs(_window(3.2, side, rng)) - 0.8) * 0.15
    else:  # dark, its blocks hardly apart
        texture = np.tanh(2.2 * _window(3.6, side, rng)) * 0.035
    inner = cv2.GaussianBlur(core, (0, 0), side * 0.015)
    field = colour + texture[..., None] - 0.14 * (core - inner).clip(0, 1)[..., None]
    _paint(canvas, core, field)
    if cell["cell_type"] == "promonocyte":  # folds
        for _ in range(2):
            ends = np.asarray(place) + rng.uniform(-0.8, 0.8, (2, 2)) * radius
            fold = np.zeros((side, side), np.uint8)
            start, end = (tuple(int(value) for value in point) for point in ends)
            cv2.line(fold, start, end, 255, max(1, side // 90), cv2.LINE_AA)
            _paint(canvas, fold.astype(np.float32) / 255 * core * 0.7, colour - 0.2)
    if cell["nucleoli"] == "prominent":  # pale blue places in the chromatin, without a rim
        for _ in range(int(rng.integers(1, 4))):
            turn, away = rng.uniform(0, 2 * np.pi), radius * rng.uniform(0.1, 0.5)
            spot = (place[0] + away * np.cos(turn), place[1] + away * np.sin(turn))
            oval = wobbly(side, spot, radius * rng.uniform(0.17, 0.24), 0.03, rng.uniform(1.0, 1.25), rng)
            _paint(canvas, cv2.GaussianBlur(oval, (0, 0), radius * 0.035) * core * 0.9, (0.64, 0.66, 0.93))
