"""Whether to believe a map: tests of one cell, a row each statement and method.

- inside: share of the map within the parts that the statement may depend on (`parts.yaml`).
- pointing: whether the map's greatest value lies there (Zhang et al., ECCV 2016), and whether it lies in the cell.
- deletion and insertion: mean log-probability of the statement while the pixels of greatest value are replaced by their
  surroundings, or brought back first (Petsiuk et al., BMVC 2018). Their difference is `gap`; more is better.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hemblip.data.masks import Masks
from hemblip.errors import DataError
from hemblip.explain.baselines import blurred
from hemblip.explain.cells import ExplainedCell
from hemblip.explain.maps import Map
from hemblip.explain.methods import Method
from hemblip.explain.parts import allowed_parts
from hemblip.explain.statement import CaptionReader, Statement

STEPS = 8
"""Steps in which the pixels are taken away."""

BATCH = 64
"""Images a forward pass."""


def trial_rows(cell: ExplainedCell, methods: Mapping[str, Method]) -> Iterator[dict[str, Any]]:
    """Try methods on all statements of one cell.

    Args:
        cell: with masks.
        methods: name -> method, controls among them.

    Yields:
        `cell_id`, `group`, `method`, `key`, `value`, `right` (None where it is not annotated), and the scores above.

    Raises:
        DataError: the cell has no mask.
    """
    if cell.masks is None:
        raise DataError(f"cell '{cell.row['cell_id']}' has no mask, which --trial needs; leave --trial out")
    statements = cell.reader.statements
    for name, method in methods.items():
        grids = cell.explain(method, statements)
        deleted, inserted = curves(cell.reader, cell.image, statements, grids)
        for index, statement in enumerate(statements):
            truth = cell.row.get(statement.key)
            yield {
                "cell_id": cell.row["cell_id"],
                "group": cell.row["group"],
                "method": name,
                "key": statement.key,
                "value": statement.value,
                "right": None if truth is None else float(truth == statement.value),
                **places(cell.in_image(grids[index]), cell.masks, statement.key),
                "deletion": float(deleted[index]),
                "insertion": float(inserted[index]),
                "gap": float(inserted[index] - deleted[index]),
            }


def places(found: Map, masks: Masks, key: str) -> dict[str, float]:
    """Where a map (H, W) lies: `inside`, `pointing` and `pointing_cell`, 0 to 1."""
    parts, whole = masks.union(allowed_parts()[key]), masks.cell
    top = np.unravel_index(int(found.argmax()), found.shape)
    return {
        "inside": float(found[parts].sum()),
        "pointing": float(parts[top]),
        "pointing_cell": float(whole[top]),
    }


@torch.no_grad()
def curves(
    reader: CaptionReader, image: Tensor, statements: Sequence[Statement], grids: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean log-probability of each statement over the steps of deletion and of insertion.

    Args:
        reader: of the caption.
        image: (3, S, S), 0 to 255.
        statements: N of the caption.
        grids: their maps (N, S, S).

    Returns:
        Both (N,), in nats; 8 steps from 1/8 of the pixels to all of them, less the last, which is the same for all.
    """
    around = blurred(image)
    order = grids.flatten(1).argsort(dim=1, descending=True, stable=True)  # (N, S * S)
    ranks = torch.empty_like(order).scatter_(
        1, order, torch.arange(order.shape[1], device=order.device).expand_as(order)
    )
    shares = torch.arange(1, STEPS, device=image.device) / STEPS
    first = (ranks[:, None] < shares[None, :, None] * order.shape[1]).view(
        -1, 1, *image.shape[1:]
    )  # (N * steps, 1, S, S)
    numbers = torch.arange(len(statements), device=image.device).repeat_interleave(len(shares))
    means = []
    for kept, other in ((around, image), (image, around)):
        scores = []
        for start in range(0, len(first), BATCH):
            chosen = first[start : start + BATCH]
            values = reader.scores(torch.where(chosen, kept, other), statements)  # (B, N)
            scores.append(values.gather(1, numbers[start : start + BATCH, None])[:, 0])
        means.append(torch.cat(scores).view(len(statements), -1).mean(1))
    return means[0], means[1]
