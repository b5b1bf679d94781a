"""The causal test on real cells with masks: one part is blurred, or taken from another cell of the same source.

The background's edit must change no statement; the nucleus's may change those about the nucleus, see `parts.yaml`.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from hemblip.data.images import Pixels, square
from hemblip.data.masks import Mask
from hemblip.errors import DataError
from hemblip.explain.cells import ExplainedCell
from hemblip.explain.parts import allowed_parts
from hemblip.explain.statement import as_batch
from hemblip.explain.verdict import means
from hemblip.morphology import KEYS, extract_attributes

PARTS = ("nucleus", "cytoplasm", "background")

KINDS = ("blurred", "swapped")

BLUR = 0.05
"""Deviation of the blur as a share of the image's shorter side."""


def part_mask(cell: ExplainedCell, part: str) -> Mask:
    """Pixels (H, W) of a part of a cell.

    Raises:
        DataError: the cell has no mask.
    """
    if cell.masks is None:
        raise DataError(f"cell '{cell.row['cell_id']}' has no mask, which --edits needs; leave --edits out")
    return ~cell.masks.cell if part == "background" else np.asarray(getattr(cell.masks, part), bool)


def blurred_part(pixels: Pixels, mask: Mask) -> Pixels:
    """Blur the pixels of a part among themselves: nothing else runs into them."""
    sigma = BLUR * min(mask.shape)
    inside = mask.astype(np.float32)
    weights = cv2.GaussianBlur(inside, (0, 0), sigma)
    smooth = cv2.GaussianBlur(pixels.astype(np.float32) * inside[..., None], (0, 0), sigma)
    return _laid(pixels, smooth / np.maximum(weights, 1e-3)[..., None], mask)


def swapped_part(pixels: Pixels, mask: Mask, other: Pixels, other_mask: Mask) -> Pixels:
    """Fill a part with what the same part of another cell looks like.

    Its bounding box is stretched to that of the part; where the other cell has another part, there is the mean colour.
    """
    filled = other.astype(np.float32).copy()
    filled[~other_mask] = filled[other_mask].mean(0)
    (top, bottom, left, right), (y0, y1, x0, x1) = _box(mask), _box(other_mask)
    patch = cv2.resize(filled[y0:y1, x0:x1], (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
    layer = np.zeros(pixels.shape, np.float32)
    layer[top:bottom, left:right] = patch
    return _laid(pixels, layer, mask)


def part_edit_rows(cells: Sequence[ExplainedCell]) -> pd.DataFrame:
    """Describe cells with each part blurred and swapped.

    Args:
        cells: with masks; the other cell is the next one of the same source.

    Returns:
        One row an edit and statement made before it: `cell_id`, `group`, `part`, `kind`, `key`, `may` (whether
        the statement may depend on the part), `changed`.
    """
    rows: list[dict[str, Any]] = []
    for index, cell in enumerate(cells):
        images, labels = [cell.pixels], [("", "")]
        following = [*cells[index + 1 :], *cells[:index]]
        other = next((one for one in following if one.row["source"] == cell.row["source"]), None)
        for part in PARTS:
            mask = part_mask(cell, part)
            if not mask.any():
                continue
            images.append(blurred_part(cell.pixels, mask))
            labels.append((part, "blurred"))
            if other is not None and part_mask(other, part).any():
                images.append(swapped_part(cell.pixels, mask, other.pixels, part_mask(other, part)))
                labels.append((part, "swapped"))
        before, *after = _stated(cell, images)
        for (part, kind), stated in zip(labels[1:], after, strict=True):
            rows += [
                {
                    "cell_id": cell.row["cell_id"],
                    "group": cell.row["group"],
                    "part": part,
                    "kind": kind,
                    "key": key,
                    "may": part in allowed_parts()[key],
                    "changed": float(before[key] != stated[key]),
                }
                for key in KEYS
                if before[key] is not None
            ]
    return pd.DataFrame(rows)


def part_table(rows: pd.DataFrame) -> pd.DataFrame:
    """How often statements changed: one row a part, kind, and whether they may, with 95 % intervals over groups."""
    table = []
    for (part, kind, may), of in rows.groupby(["part", "kind", "may"], sort=False):
        found = means({"rate": of["changed"].to_numpy()}, of["group"].tolist())["rate"]
        bounds = {"rate": found.value, "low": found.low, "high": found.high}
        table.append({"part": part, "kind": kind, "may": may, **bounds, "statements": len(of), "groups": found.groups})
    return pd.DataFrame(table)


def _stated(cell: ExplainedCell, images: Sequence[Pixels]) -> list[dict[str, str | None]]:
    captioner, factor = cell.reader.captioner, float(cell.row["width_factor"])
    seen = []
    for pixels in images:
        height, width = pixels.shape[:2]
        if factor != 1.0:
            pixels = np.asarray(cv2.resize(pixels, (max(1, round(width * factor)), height)), np.uint8)
        seen.append(torch.from_numpy(square(pixels, captioner.image_size, cell.crop)).permute(2, 0, 1))
    return [extract_attributes(caption) for caption in captioner.generate(as_batch(torch.stack(seen)))]


def _laid(pixels: Pixels, layer: NDArray[Any], mask: Mask) -> Pixels:
    return np.asarray(np.where(mask[..., None], layer, pixels).clip(0, 255).round(), np.uint8)


def _box(mask: Mask) -> tuple[int, int, int, int]:
    ys, xs = np.nonzero(mask)
    return int(ys.min()), int(ys.max()) + 1, int(xs.min()), int(xs.max()) + 1
