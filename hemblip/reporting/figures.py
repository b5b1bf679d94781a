"""Figures of cells with their captions."""

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd

from hemblip.atomic import replacing
from hemblip.data.images import Pixels, read_cell
from hemblip.reporting.statements import COLOURS, judge, words

RIGHT, WRONG, MUTED = COLOURS["right"], COLOURS["wrong"], COLOURS["omitted"]


def draw_cells(table: pd.DataFrame, path: Path, columns: int = 2) -> Path:
    """Draw cells with reference, caption and the statements that are right (+) and wrong (-).

    Args:
        table: prediction rows of one model.
        path: PNG to write.
        columns: cells side by side.

    Returns:
        `path`.
    """
    rows = -(-len(table) // columns)
    figure, axes = plt.subplots(rows, 2 * columns, figsize=(7.5 * columns, 2.1 * rows), width_ratios=[1, 2.6] * columns)
    for axis in axes.flat:
        axis.axis("off")
    for (image_axis, text_axis), row in zip(axes.reshape(-1, 2), table.to_dict("records"), strict=False):
        image_axis.imshow(cell_pixels(row))
        right, wrong = _statements(row)
        lines = [
            *((line, MUTED) for line in textwrap.wrap(f"Reference: {row['reference']}", 78)[:4]),
            *((line, "black") for line in textwrap.wrap(f"Caption: {row['caption']}", 78)[:4]),
            *((line, RIGHT) for line in textwrap.wrap(f"+ {', '.join(right)}", 78)[:2] if right),
            *((line, WRONG) for line in textwrap.wrap(f"- {', '.join(wrong)}", 78)[:3] if wrong),
        ]
        for number, (line, colour) in enumerate(lines):
            text_axis.text(0, 1 - 0.098 * number, line, color=colour, fontsize=7.6, va="top")
    figure.tight_layout(pad=0.6)
    with replacing(path) as partial:
        figure.savefig(partial, dpi=110, format="png")
    plt.close(figure)
    return path


def cell_pixels(row: Mapping[str, Any]) -> Pixels:
    """Read the cell of a prediction row (H, W, 3), cut out of its field if the row says where it lies.

    Raises:
        DataError: the image cannot be read any more.
    """
    box, factor = row.get("bbox"), row.get("width_factor")
    stretch = 1.0 if factor is None or pd.isna(factor) else float(factor)
    return read_cell(str(row["image"]), None if box is None else list(box), stretch)


def _statements(row: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Right statements, and wrong or missing ones with what would be right."""
    judged = [statement for statement in judge(row) if statement.truth is not None]
    right = [f"{words(s.key).lower()} {s.stated}" for s in judged if s.verdict == "right"]
    wrong = [
        f"{words(s.key).lower()} {s.stated or 'not stated'} (is {s.truth})" for s in judged if s.verdict != "right"
    ]
    return right, wrong
