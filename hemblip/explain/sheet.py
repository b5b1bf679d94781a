"""Maps laid over cells: one picture a statement, and one sheet a cell.

The cell is pale and grey, the map yellow to dark red: lightness falls with the map's value, so that it can be read
without colours and in print. Its scale says how many times more of the map a pixel has than if it were spread evenly.
"""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from hemblip.atomic import replacing
from hemblip.data.images import Pixels
from hemblip.data.masks import Masks
from hemblip.explain.maps import Map
from hemblip.explain.statement import CAPTION, Statement
from hemblip.morphology.schema import words

COLOURS = "YlOrRd"

OPAQUE = 0.85
"""Of the map's greatest value; smaller ones are more transparent."""

COLUMNS = 4


def write_overlay(
    path: Path, pixels: Pixels, statement: Statement, found: Map, masks: Masks | None, banner: str = ""
) -> None:
    """Write the overlay of one statement, with its scale, and a banner above it if there is one."""
    figure = Figure(figsize=(3.2, 3.1), layout="constrained")
    axes = figure.subplots()
    top = _top([found])
    draw_overlay(axes, pixels, found, masks, top)
    axes.set_title("\n".join(filter(None, (banner, _title(statement)))), fontsize=8)
    _scale(figure, [axes], top)
    _save(figure, path)


def write_sheet(
    path: Path,
    title: str,
    pixels: Pixels,
    caption: str,
    statements: Sequence[Statement],
    maps: Mapping[str, Map],
    masks: Masks | None,
) -> None:
    """Write all statements of one cell, on one scale.

    Args:
        path: PNG.
        title: cell and method.
        pixels: the cell (H, W, 3).
        caption: of the cell.
        statements: of the caption.
        maps: key of a statement -> its map.
        masks: parts of the cell, whose outlines are drawn if known.
    """
    rows = -(-(len(statements) + 1) // COLUMNS)
    figure = Figure(figsize=(7.2, 1.95 * rows + 0.9), layout="constrained")
    grid = figure.subplots(rows, COLUMNS, squeeze=False)
    places = list(grid.flat)
    for axes in places:
        axes.set_axis_off()
    places[0].imshow(pixels)
    _outlines(places[0], masks)
    places[0].set_title("cell", fontsize=8)
    top = _top(list(maps.values()))
    for axes, statement in zip(places[1:], statements, strict=False):
        draw_overlay(axes, pixels, maps[statement.key], masks, top)
        axes.set_title(_title(statement), fontsize=7)
    _scale(figure, places, top)
    figure.suptitle(title, fontsize=9)
    figure.supxlabel("\n".join(textwrap.wrap(caption, 130)), fontsize=7)
    _save(figure, path)


def draw_overlay(axes: Axes, pixels: Pixels, found: Map, masks: Masks | None, top: float) -> None:
    """Lay a map over a cell; `top` is the value, in times of an even spread, of the darkest colour."""
    grey = pixels.astype(np.float32).mean(2) / 255
    axes.imshow(0.35 + 0.65 * grey, cmap="gray", vmin=0, vmax=1)
    values = (found * found.size / top).clip(0, 1)
    layer = matplotlib.colormaps[COLOURS](0.15 + 0.85 * values)
    layer[..., 3] = OPAQUE * values**0.7
    axes.imshow(layer)
    _outlines(axes, masks)
    axes.set_axis_off()


def _outlines(axes: Axes, masks: Masks | None) -> None:
    if masks is None:
        return
    for part, dash in ((masks.cell, "solid"), (masks.nucleus, (0, (2, 1.5)))):
        if part.any() and not part.all():
            axes.contour(part.astype(float), levels=[0.5], colors="#1a3a6e", linewidths=0.8, linestyles=[dash])


def _top(maps: Sequence[Map]) -> float:
    """Value of the darkest colour, in times of an even spread.

    At least 2, so that a flat map stays pale; that of the middle map, so that one with a single spot leaves the others
    their colours.
    """
    return max(2.0, float(np.median([np.quantile(found, 0.995) * found.size for found in maps])))


def _scale(figure: Figure, axes: Sequence[Axes], top: float) -> None:
    mappable = ScalarMappable(Normalize(0, top), matplotlib.colormaps[COLOURS])
    bar = figure.colorbar(mappable, ax=list(axes), shrink=0.7, pad=0.02, extend="max")
    bar.set_label("times an even spread", fontsize=7)
    bar.ax.tick_params(labelsize=7)


def _title(statement: Statement) -> str:
    if statement.key == CAPTION:
        return "whole caption"
    name = words(statement.key).lower()
    return f"{name}:\n{textwrap.shorten(statement.value, 26)}"


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as partial:
        figure.savefig(partial, format="png", dpi=160, metadata={"Software": None})
