"""The data card's figure: counts, and cells of each source and diagnosis."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from hemblip.atomic import replacing
from hemblip.data.data_card import NOT_STATED, Card, counts
from hemblip.data.images import read_cell, square

COLOURS = {"train": "#2f6f9f", "val": "#c8661a", "test": "#b8b8b8", "external": "#222222"}

EXAMPLES = 16

SIDE = 128
"""Of an example cell in pixels."""


def draw_card(card: Card, path: Path) -> None:
    """Draw three bar charts over two rows of example cells."""
    figure = plt.figure(figsize=(15, 8.6), layout="constrained")
    above, below = np.asarray(figure.subfigures(2, 1, height_ratios=[1.35, 1]))
    for axis, key in zip(above.subplots(1, 3), ("source", "diagnosis", "cell_type"), strict=True):
        _bars(axis, counts(card.manifest, key).iloc[:-1].set_index(key), key)
    places = below.subplots(2, EXAMPLES // 2).ravel()
    for axis in places:
        axis.axis("off")
    for axis, row in zip(places, examples(card.manifest).to_dict("records"), strict=False):
        axis.imshow(square(read_cell(row["image"], row["bbox"], row["width_factor"]), SIDE))
        lines = (row["source"], row["diagnosis"] or NOT_STATED, row["cell_type"] or NOT_STATED)
        axis.set_title("\n".join(lines), fontsize=8)
    with replacing(path) as partial:
        figure.savefig(partial, dpi=100, format="png")
    plt.close(figure)


def examples(manifest: pd.DataFrame) -> pd.DataFrame:
    """Take cells in turn from each source, diagnosis and cell type, at most `EXAMPLES`."""
    keys = [manifest[key].fillna(NOT_STATED) for key in ("source", "diagnosis", "cell_type")]
    turn = manifest.groupby(keys, sort=True).cumcount()
    of_source = manifest.assign(turn=turn).sort_values(["turn", "cell_id"]).groupby(["source", keys[1]]).cumcount()
    order = manifest.assign(turn=turn, place=of_source).sort_values(["place", "source", "turn", "cell_id"])
    return order.head(EXAMPLES).sort_values(["source", "diagnosis", "cell_type", "cell_id"])


def _bars(axis: Axes, table: pd.DataFrame, key: str) -> None:
    rows = table.sort_values("total", kind="stable").drop(columns="total")
    rows.plot.barh(stacked=True, ax=axis, color=[COLOURS[split] for split in rows.columns])
    totals = rows.sum(axis=1)
    for place, total in enumerate(totals):
        axis.annotate(f"{total:,}", (total, place), (3, 0), textcoords="offset points", va="center", fontsize=8)
    axis.set(title=f"Cells by {key.replace('_', ' ')}", xlabel="cells", ylabel="", xlim=(0, 1.12 * totals.max()))
    axis.legend(frameon=False, loc="lower right")
    axis.spines[["top", "right"]].set_visible(False)
