"""Boxes of cells as tables write them: one column `bbox`, or four columns."""

import math
import re
from collections.abc import Mapping, Sequence

from hemblip.errors import DataError

CORNER_AND_SIZE = (("x", "y", "w", "h"), ("x", "y", "width", "height"), ("left", "top", "width", "height"))

CORNERS = (("xmin", "ymin", "xmax", "ymax"), ("x1", "y1", "x2", "y2"), ("left", "top", "right", "bottom"))

HINTS = ("box", "bounding_box", "x_center", "y_center", "xc", "yc", "cx", "cy", "minx", "miny", "bbox_x", "bbox_y")
"""Names of columns that are a box, and are not read as one."""

FORMS = "`bbox` with [x, y, width, height], or columns x, y, w, h or xmin, ymin, xmax, ymax, all in pixels"

NOT_A_BOX = f"not a box; write {FORMS}"


def box_columns(names: Sequence[str], origin: str) -> list[str]:
    """The columns that hold a box, none if cells are whole images.

    Raises:
        DataError: columns look like a box and are not one of the forms; `origin` is named.
    """
    written = {name.lower().replace(" ", "_"): name for name in reversed(names)}
    for form in (("bbox",), *CORNER_AND_SIZE, *CORNERS):
        if all(name in written for name in form):
            return [written[name] for name in form]
    places = {name for form in (*CORNER_AND_SIZE, *CORNERS) for name in form} - {"width", "height", "w", "h"}
    likely = [name for low, name in reversed(written.items()) if low in places or low in HINTS]
    if likely:
        raise DataError(f"{origin}: column {', '.join(likely)} looks like a box that is not read; write {FORMS}")
    return []


def box_of(row: Mapping[str, str], columns: Sequence[str]) -> list[float] | None:
    """The box of a row, [x, y, width, height] in pixels; None for the whole image.

    Args:
        row: of a table.
        columns: see `box_columns`.

    Raises:
        ValueError: it is not four numbers with an area.
    """
    values = [row.get(column, "") for column in columns]
    if len(columns) == 1:
        text = values[0].strip()
        if text in ("", "null", "[]"):
            return None
        values = re.split(r"\s*[,;]\s*|\s+", text.strip("[]() "))
    elif not any(values):
        return None
    box = [float(value.replace(",", ".")) for value in values]
    if len(columns) == 4 and tuple(name.lower() for name in columns) in CORNERS:
        box = [box[0], box[1], box[2] - box[0], box[3] - box[1]]
    if len(box) != 4 or not all(map(math.isfinite, box)) or min(box[2:]) <= 0:
        raise ValueError
    return box


def written(row: Mapping[str, str], columns: Sequence[str]) -> str:
    """What stands for the box of a row, to be shown."""
    return f"{', '.join(columns)} '{', '.join(row.get(column, '') for column in columns)[:80]}'"


def place_of(box: Sequence[float]) -> str:
    """A box as the end of a cell's name, where an image has several cells."""
    return "-".join(f"{value:g}" for value in box)
