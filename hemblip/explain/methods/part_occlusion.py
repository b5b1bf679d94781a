"""Occlusion of whole parts: nucleus, cytoplasm and background, each replaced by what surrounds it.

captum's FeatureAblation with one feature a part. It needs masks; within a part all pixels are worth the same.
"""

from collections.abc import Sequence

import torch
from captum.attr import FeatureAblation
from torch import Tensor

from hemblip.errors import DataError
from hemblip.explain.baselines import blurred
from hemblip.explain.statement import CaptionReader, Statement


@torch.no_grad()
def part_occlusion(
    reader: CaptionReader, image: Tensor, statements: Sequence[Statement], parts: Tensor | None = None
) -> Tensor:
    """Maps (N, S, S) of statements on an image (3, S, S), 0 to 255: what hiding a part costs, spread over its pixels.

    Args:
        reader: of the caption.
        image: of the cell.
        statements: of the caption.
        parts: (S, S), 0 background, 1 cytoplasm, 2 nucleus.

    Raises:
        DataError: the parts are not known.
    """
    if parts is None:
        raise DataError("--method parts needs masks of the cells; take occlusion, or put <name>_mask.png beside images")
    costs = FeatureAblation(lambda images: reader.scores(images, statements)).attribute(
        image[None],
        baselines=_surroundings(image, parts)[None],
        feature_mask=parts.long().expand(1, 3, -1, -1),
        perturbations_per_eval=3,
    )[:, 0]  # (N, S, S)
    areas = torch.stack([(parts == part).sum() for part in range(3)]).clamp(min=1)
    maps: Tensor = costs.clamp(min=0) / areas[parts.long()]
    return maps


def _surroundings(image: Tensor, parts: Tensor) -> Tensor:
    """Nucleus in the colour of the cytoplasm, cytoplasm in that of the background, background blurred."""
    filled = blurred(image)
    for inner, outer in ((2, 1), (1, 0)):
        around = image[:, parts == outer] if (parts == outer).any() else image[:, parts == 0]
        if around.numel():
            filled[:, parts == inner] = around.float().mean(1, keepdim=True)
    return filled
