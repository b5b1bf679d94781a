"""What takes the place of pixels that are taken away: what lies around them, or an empty slide."""

import torch
from torch import Tensor
from torch.nn import functional

BLUR = 0.12
"""Standard deviation of the blur as a share of the image's side: nothing of a nucleus but its place is left."""


def blurred(image: Tensor, share: float = BLUR) -> Tensor:
    """Make each pixel of (3, S, S) the mean of what surrounds it, far around (Fong & Vedaldi, ICCV 2017)."""
    return smooth(image, share * image.shape[-1])


def empty_slide(image: Tensor) -> Tensor:
    """An image (3, S, S) of nothing but slide: the colour that 15 % of the pixels outshine, in each channel."""
    colour = torch.quantile(image.flatten(1).float(), 0.85, dim=1)
    return colour[:, None, None].expand_as(image).contiguous()


def smooth(image: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of (C, S, S) with a deviation in pixels; borders repeat."""
    reach = min(round(3 * sigma), image.shape[-1] - 1)
    if reach < 1:
        return image
    places = torch.arange(-reach, reach + 1, device=image.device, dtype=torch.float32)
    kernel = torch.exp(-((places / sigma) ** 2) / 2)
    kernel = kernel / kernel.sum()
    padded = functional.pad(image[:, None].float(), (reach, reach, reach, reach), mode="replicate")
    across = functional.conv2d(padded, kernel.view(1, 1, 1, -1))
    return functional.conv2d(across, kernel.view(1, 1, -1, 1))[:, 0]
