"""Augmentation of training cells: a pure function of (seed, epoch, cell)."""

import zlib

from hemblip.data.images import Pixels
from hemblip.errors import check_range


def derived_seed(*parts: object) -> int:
    """A 32-bit seed that depends on all `parts` and on nothing else."""
    return zlib.crc32("/".join(map(str, parts)).encode())


class Augmentation:
    """Flips, right-angle rotations, a tilt, a mild shift and zoom, colour and stain jitter.

    Args:
        zoom: largest relative change of size and position, 0 to 0.5; small, because size is an attribute.
        colour: strength of brightness, contrast, saturation and hue jitter, 0 (none) to 1; small, because colours are
            attributes.
        tilt: largest rotation beside the right-angle ones, in degrees to either side, 0 (none) to 45; corners that it
            uncovers repeat the border.
    """

    def __init__(self, zoom: float = 0.06, colour: float = 0.07, tilt: float = 20.0) -> None:
        check_range("data.init_args.augmentation.zoom", zoom, at_least=0, at_most=0.5)
        check_range("data.init_args.augmentation.colour", colour, at_least=0, at_most=1)
        check_range("data.init_args.augmentation.tilt", tilt, at_least=0, at_most=45)
        self.zoom, self.colour, self.tilt = zoom, colour, tilt
        # albumentations and what it brings take a second: they are for training alone.
        from hemblip.data.turn_and_stain import turn_and_stain

        self._compose = turn_and_stain(zoom, colour, tilt)

    def __call__(self, pixels: Pixels, seed: int) -> Pixels:
        """Change a cell (H, W, 3), 0 to 255, as `seed` says; same shape out."""
        self._compose.set_random_seed(seed)
        return self._compose(image=pixels)["image"]  # type: ignore[no-any-return]
