"""Augmentation of training cells: a pure function of (seed, epoch, cell)."""

import os
import zlib

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the network for its version on import

import albumentations as A

from hemblip.data.images import Pixels


def derived_seed(*parts: object) -> int:
    """A 32-bit seed that depends on all `parts` and on nothing else."""
    return zlib.crc32("/".join(map(str, parts)).encode())


class Augmentation:
    """Flips, right-angle rotations, a mild shift and zoom, colour and stain jitter.

    Args:
        zoom: largest relative change of size and position, 0 to 0.5; small, because size is an attribute.
        colour: strength of brightness, contrast, saturation and hue jitter, 0 (none) to 1.
    """

    def __init__(self, zoom: float = 0.06, colour: float = 0.15) -> None:
        self.zoom = zoom
        self.colour = colour
        self._compose = A.Compose(
            [
                A.D4(p=1.0),
                A.Affine(
                    scale=(1 - zoom, 1 + zoom),
                    translate_percent=(-zoom, zoom),
                    rotate=(-20, 20),
                    border_mode=1,
                    p=0.9,
                ),
                A.ColorJitter(
                    brightness=(1 - colour, 1 + colour),
                    contrast=(1 - colour, 1 + colour),
                    saturation=(1 - colour, 1 + colour),
                    hue=(-colour / 5, colour / 5),
                    p=0.8,
                ),
            ]
        )

    def __call__(self, pixels: Pixels, seed: int) -> Pixels:
        """Change a cell (H, W, 3), 0 to 255, as `seed` says; same shape out."""
        self._compose.set_random_seed(seed)
        return self._compose(image=pixels)["image"]  # type: ignore[no-any-return]
