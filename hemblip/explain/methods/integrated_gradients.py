"""Integrated gradients (Sundararajan et al., ICML 2017), the well-known reference, by captum.

Evidence depends on where the path starts, so that the mean over two starts is taken (Sturmfels et al., Distill 2020):
the blurred image, which shows what detail says, and the empty slide, which shows what the cell says by being there. A
black start would make dark nuclei seem unimportant.
"""

from collections.abc import Sequence

from captum.attr import IntegratedGradients
from torch import Tensor

from hemblip.explain.baselines import blurred, empty_slide, smooth
from hemblip.explain.statement import CaptionReader, Statement

STEPS = 12
"""Of each path."""

SMOOTHING = 0.03
"""Deviation of the smoothing as a share of the side: single pixels of a gradient are noise."""


def integrated_gradients(
    reader: CaptionReader, image: Tensor, statements: Sequence[Statement], parts: Tensor | None = None
) -> Tensor:
    """Maps (N, S, S) of statements on an image (3, S, S), 0 to 255: evidence for each, at least 0."""
    method = IntegratedGradients(lambda images: reader.scores(images, statements))
    evidence = image.new_zeros(len(statements), *image.shape[1:])
    for start in (blurred(image), empty_slide(image)):
        for index in range(len(statements)):
            found = method.attribute(image[None], start[None], index, n_steps=STEPS, internal_batch_size=STEPS)
            evidence[index] += found[0].detach().float().sum(0)
    return smooth(evidence, SMOOTHING * image.shape[-1]).clamp(min=0)
