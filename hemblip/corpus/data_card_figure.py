"""The data card's figure: counts, attributes, what was left out, sizes, and example cells."""

from collections import Counter
from pathlib import Path
from textwrap import fill

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hemblip.corpus.data_card import NOT_STATED, Card, cell_size, counts, origins
from hemblip.data.images import read_cell, square
from hemblip.data.sources.synthetic import DRAWN, all_drawn
from hemblip.morphology import KEYS, SCHEMA
from hemblip.morphology.schema import words

COLOURS = {"train": "#2f6f9f", "val": "#c8661a", "test": "#b8b8b8", "external": "#222222"}

EXAMPLES = 16

SIDE = 128
"""Of an example cell in pixels."""


def draw_card(card: Card, path: Path) -> None:
    """Draw two rows of charts over two rows of example cells, and write them to `path` as PNG."""
    figure = Figure(figsize=(15, 13.5), layout="constrained")
    if all_drawn(card.manifest["source"]):
        figure.suptitle(DRAWN, weight="bold")
    above, middle, below = np.asarray(figure.subfigures(3, 1, height_ratios=[1, 1.1, 0.95]))
    values = (origins(card.manifest), None, None)
    for axis, key, named in zip(above.subplots(1, 3), ("source", "diagnosis", "cell_type"), values, strict=True):
        _bars(axis, counts(card.manifest, key, named).iloc[:-1].set_index(key), key)
    attributes, excluded, sizes = middle.subplots(1, 3, width_ratios=[1.7, 1, 0.8])
    _draw_attributes(attributes, card.manifest)
    _draw_excluded(excluded, card.excluded)
    _draw_sizes(sizes, card)
    places = below.subplots(2, EXAMPLES // 2).ravel()
    for axis in places:
        axis.axis("off")
    for axis, row in zip(places, examples(card.manifest).to_dict("records"), strict=False):
        axis.imshow(square(read_cell(row["image"], row["bbox"], row["width_factor"]), SIDE))
        diagnosis, cell_type = (row[key] or NOT_STATED for key in ("diagnosis", "cell_type"))
        axis.set_title(f"{row['origin']}\n{row['split']}, {diagnosis}\n{cell_type}", fontsize=8)
    _settle(figure)
    figure.savefig(path, dpi=100, format="png")


def _settle(figure: Figure) -> None:
    """Round places: the layout's solver differs in its last digits from call to call, and resampled cells show it."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axis in figure.axes:
        axis.set_position(np.round(axis.get_position().bounds, 6))


def examples(manifest: pd.DataFrame) -> pd.DataFrame:
    """Take at most `EXAMPLES` cells, from each source and diagnosis in turn, each time of the type least shown."""
    table = manifest.assign(origin=origins(manifest)).fillna({"diagnosis": NOT_STATED, "cell_type": NOT_STATED})
    keys = ["origin", "diagnosis", "cell_type"]
    cells = {kind: part.sort_values("cell_id").index.tolist() for kind, part in table.groupby(keys, sort=True)}
    shown: Counter[object] = Counter()
    chosen: list[int] = []
    while cells and len(chosen) < EXAMPLES:
        kind = min(cells, key=lambda kind: (shown[kind[:2]], shown[kind[2]], shown[kind], kind))
        chosen.append(cells[kind].pop(0))
        shown.update([kind[:2], kind[2], kind])
        if not cells[kind]:
            del cells[kind]
    return table.loc[chosen].sort_values([*keys, "cell_id"])


def _bars(axis: Axes, table: pd.DataFrame, key: str) -> None:
    rows = table.sort_values("total", kind="stable").drop(columns="total")
    rows.plot.barh(stacked=True, ax=axis, color=[COLOURS[split] for split in rows.columns])
    totals = rows.sum(axis=1)
    for place, total in enumerate(totals):
        axis.annotate(f"{total:,}", (total, place), (3, 0), textcoords="offset points", va="center", fontsize=8)
    axis.set(title=f"Cells by {words(key).lower()}", xlabel="cells", ylabel="", xlim=(0, 1.12 * totals.max()))
    axis.legend(frameon=False, loc="lower right")
    axis.spines[["top", "right"]].set_visible(False)


def _draw_attributes(axis: Axes, manifest: pd.DataFrame) -> None:
    """One bar an attribute, cut into its values; grey is not stated."""
    keys = KEYS[:1:-1]
    for place, key in enumerate(keys):
        left = 0
        for number, value in enumerate((*SCHEMA[key], None)):
            size = int(manifest[key].isna().sum() if value is None else (manifest[key] == value).sum())
            axis.barh(
                place, size, left=left, color="#e4e4e4" if value is None else matplotlib.colormaps["Set2"](number)
            )
            named = "" if value is None else value.split("-")[-1]
            if size > 0.013 * len(named) * len(manifest):  # else it does not fit
                axis.text(left + size / 2, place, named, ha="center", va="center", fontsize=7)
            left += size
    axis.set_yticks(range(len(keys)), [words(key).lower() for key in keys], fontsize=8)
    axis.set(title="Attributes (grey: not stated)", xlabel="cells", xlim=(0, len(manifest)))
    axis.spines[["top", "right"]].set_visible(False)


def _draw_excluded(axis: Axes, excluded: pd.DataFrame) -> None:
    found = excluded["reason"].value_counts().head(12).iloc[::-1]
    axis.set(title=f"Left out: {len(excluded):,}", xlabel="entries")
    axis.spines[["top", "right"]].set_visible(False)
    if found.empty:
        axis.set_yticks([])
        return
    axis.barh([fill(reason, 26) for reason in found.index], found, color="#2f6f9f")
    axis.tick_params(axis="y", labelsize=8)
    for place, count in enumerate(found):
        axis.annotate(f"{count:,}", (count, place), (3, 0), textcoords="offset points", va="center", fontsize=8)
    axis.set_xlim(0, 1.15 * found.max())


def _draw_sizes(axis: Axes, card: Card) -> None:
    for origin, cells in card.manifest.groupby(origins(card.manifest), sort=True):
        sizes = np.array([cell_size(row, card.sizes) for row in cells.to_dict("records")])
        axis.plot(*sizes.T, "o", ms=4, alpha=0.5, label=origin)
    axis.set(title="Size of cells as seen", xlabel="width in pixels", ylabel="height in pixels")
    axis.set(xlim=(0, None), ylim=(0, None))
    axis.legend(frameon=False, fontsize=8, loc="lower right")
    axis.spines[["top", "right"]].set_visible(False)
