"""Occlusion: how much less probable is a statement when a window is hidden (Zeiler & Fergus, ECCV 2014).

Windows are replaced by what surrounds them. captum's implementation (Kokhlikyan et al., arXiv:2009.07896).
"""

from collections.abc import Sequence

import torch
from captum.attr import Occlusion
from torch import Tensor

from hemblip.explain.baselines import blurred
from hemblip.explain.statement import CaptionReader, Statement

WINDOW, STRIDE = 4, 12
"""The window is a fourth of the image's side, and moves by a twelfth."""


@torch.no_grad()
def occlusion(
    reader: CaptionReader, image: Tensor, statements: Sequence[Statement], parts: Tensor | None = None
) -> Tensor:
    """Maps (N, S, S) of statements on an image (3, S, S), 0 to 255: what hiding a pixel's windows costs, at least 0."""
    window, stride = (max(1, image.shape[-1] // parts) for parts in (WINDOW, STRIDE))
    costs = Occlusion(lambda images: reader.scores(images, statements)).attribute(
        image[None],
        sliding_window_shapes=(3, window, window),
        strides=(3, stride, stride),
        baselines=blurred(image)[None],
        perturbations_per_eval=24,
    )  # (N, 3, S, S)
    maps: Tensor = costs[:, 0].clamp(min=0)
    return maps
