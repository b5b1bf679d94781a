"""Turns and stains as a transform of albumentations."""

import os
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hemblip.data.images import Pixels

_asking = os.environ.get("NO_ALBUMENTATIONS_UPDATE")
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # on import it would ask the network for its version

import albumentations as A  # noqa: E402

if _asking is None:  # an import leaves the process as it was
    del os.environ["NO_ALBUMENTATIONS_UPDATE"]

LUMINANCE = np.array([0.299, 0.587, 0.114])


def turn_and_stain(zoom: float, colour: float, tilt: float) -> A.Compose:
    """Make the transform of `Augmentation`; see there."""
    return A.Compose([TurnAndStain(zoom, colour, tilt)])


class TurnAndStain(A.ImageOnlyTransform):  # type: ignore[misc]
    """What albumentations' D4, Affine and ColorJitter do, as one map of colours and one of places.

    One after the other those are a loader's bottleneck; this is three times as fast.

    Args:
        zoom: see `Augmentation`.
        colour: see `Augmentation`.
        tilt: see `Augmentation`.
    """

    def __init__(self, zoom: float, colour: float, tilt: float) -> None:
        super().__init__(p=1.0)
        self.zoom, self.colour, self.tilt = zoom, colour, tilt

    def get_params(self) -> dict[str, Any]:
        """Draw the two maps."""
        draw = self.random_generator.uniform
        brightness, contrast, saturation = draw(1 - self.colour, 1 + self.colour, 3)
        stain = saturation * np.eye(3) + (1 - saturation) * np.broadcast_to(LUMINANCE, (3, 3))
        return {
            "pose": int(self.random_generator.integers(8)),
            "tilt": draw(-self.tilt, self.tilt),
            "zoom": draw(1 - self.zoom, 1 + self.zoom),
            "shift": draw(-self.zoom, self.zoom, 2),
            "stain": brightness * contrast * stain @ hue_rotation(draw(-self.colour, self.colour) / 5),
            "lift": brightness * (1 - contrast),
        }

    def apply(
        self,
        img: Pixels,
        pose: int,
        tilt: float,
        zoom: float,
        shift: NDArray[np.float64],
        stain: NDArray[np.float64],
        lift: float,
        **params: Any,
    ) -> Pixels:
        """Change an image (H, W, 3); pose is one of the eight right-angle turns and mirrorings, tilt is in degrees."""
        level = float(img[::8, ::8].reshape(-1, 3).mean(0) @ LUMINANCE)  # contrast is about the image's mean
        colours = np.column_stack([stain, np.full(3, lift * level)]).astype(np.float32)
        # OpenCV moves four channels twice as fast as three.
        changed = cv2.cvtColor(cv2.transform(np.ascontiguousarray(img), colours), cv2.COLOR_RGB2RGBA)
        height, width = changed.shape[:2]
        places = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), tilt + 90 * (pose % 4), zoom)
        places[:, 2] += shift * (width, height)
        if pose >= 4:
            places[0] = (0, 0, width - 1) - places[0]
        moved = cv2.warpAffine(changed, places, (width, height), borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(cv2.cvtColor(moved, cv2.COLOR_RGBA2RGB), np.uint8)


def hue_rotation(share: float) -> NDArray[np.float64]:
    """Rotation (3, 3) of RGB colours around grey by a share of the full circle."""
    angle, axis = 2 * np.pi * share, np.full(3, 3**-0.5)
    across = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    rotation = np.cos(angle) * np.eye(3) + np.sin(angle) * across + (1 - np.cos(angle)) * np.outer(axis, axis)
    return np.asarray(rotation, np.float64)
