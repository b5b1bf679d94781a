"""Maps in the image's own coordinates."""

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Map = NDArray[np.float32]
"""(H, W), at least 0, summing to one."""


def in_image(grid: Tensor, size: tuple[int, int], crop: float, factor: float = 1.0) -> Map:
    """Undo what `hemblip.data.images.square` did to an image, for a map.

    Args:
        grid: (S, S) map of the model's input, at least 0.
        size: height and width of the cell in pixels of its image.
        crop: side of the central square as a share of the shorter side.
        factor: by which the cell's width was stretched before.

    Returns:
        (H, W) float32 that sums to one; 0 outside of the square, and evenly spread where the map is 0 everywhere.
    """
    height, width = size[0], max(1, round(size[1] * factor))
    side = max(1, round(min(height, width) * crop))
    top, left = (height - side) // 2, (width - side) // 2
    values = grid.float().clamp(min=0).cpu().numpy()
    kind = cv2.INTER_AREA if side < len(values) else cv2.INTER_LINEAR
    central = np.asarray(cv2.resize(values, (side, side), interpolation=kind), np.float64)
    if central.sum() <= 0:
        central[:] = 1.0
    full = np.zeros((height, width))
    full[top : top + side, left : left + side] = central / central.sum()
    if width != size[1]:
        full = np.asarray(cv2.resize(full, size[::-1], interpolation=cv2.INTER_LINEAR), np.float64)
    return np.asarray(full / full.sum(), np.float32)


def at_input(labels: NDArray[np.uint8], input_size: int, crop: float, factor: float = 1.0) -> NDArray[np.uint8]:
    """Do to label values (H, W) what is done to an image: stretch, cut the central square, resize to (S, S)."""
    height, width = labels.shape[0], max(1, round(labels.shape[1] * factor))
    stretched = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST)
    side = max(1, round(min(height, width) * crop))
    top, left = (height - side) // 2, (width - side) // 2
    central = np.ascontiguousarray(stretched[top : top + side, left : left + side])
    return np.asarray(cv2.resize(central, (input_size, input_size), interpolation=cv2.INTER_NEAREST), np.uint8)
