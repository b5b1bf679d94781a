"""Integrated gradients (Sundararajan et al., ICML 2017), the well-known reference, by captum.

The path starts at the blurred image: a black one would make dark nuclei seem unimportant.
"""

from collections.abc import Sequence

import torch
from captum.attr import IntegratedGradients
from torch import Tensor

from hemblip.explain.baselines import blurred, smooth
from hemblip.explain.statement import CaptionReader, Statement

STEPS = 24

SMOOTHING = 0.03
"""Deviation of the smoothing as a share of the side: single pixels of a gradient are noise."""


def integrated_gradients(
    reader: CaptionReader, image: Tensor, statements: Sequence[Statement], parts: Tensor | None = None
) -> Tensor:
    """Maps (N, S, S) of statements on an image (3, S, S), 0 to 255: evidence for each, at least 0."""
    method = IntegratedGradients(lambda images: reader.scores(images, statements))
    found = [
        method.attribute(image[None], blurred(image)[None], target=index, n_steps=STEPS, internal_batch_size=STEPS)[0]
        for index in range(len(statements))
    ]
    evidence = torch.stack([attribution.detach().float().sum(0) for attribution in found])
    return smooth(evidence, SMOOTHING * image.shape[-1]).clamp(min=0)
