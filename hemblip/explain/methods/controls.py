"""The two maps that know nothing of the model; one that does no better explains nothing (Saporta et al., 2022)."""

import zlib
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from hemblip.explain.statement import CaptionReader, Statement

GRID = 6
"""Cells of the random map along a side: as coarse as the maps that it is compared with."""

CENTRE = 0.2
"""Deviation of the blob in the middle as a share of the image's side."""


def random_map(
    reader: CaptionReader, image: Tensor, statements: Sequence[Statement], parts: Tensor | None = None
) -> Tensor:
    """Smooth noise (N, S, S), the same for the same image and statement."""
    size = image.shape[-1]
    pixels = image.to(torch.uint8).cpu().numpy().tobytes()
    maps = []
    for statement in statements:
        draw = torch.Generator().manual_seed(zlib.crc32(pixels + statement.key.encode()))
        maps.append(torch.rand(1, 1, GRID, GRID, generator=draw))
    return functional.interpolate(torch.cat(maps), (size, size), mode="bilinear")[:, 0].to(image.device)


def centre_map(
    reader: CaptionReader, image: Tensor, statements: Sequence[Statement], parts: Tensor | None = None
) -> Tensor:
    """A round blob in the middle (N, S, S): where the cell is in most images."""
    size = image.shape[-1]
    places = (torch.arange(size, device=image.device) + 0.5) / size - 0.5
    squares = places[None, :] ** 2 + places[:, None] ** 2
    return torch.exp(-squares / (2 * CENTRE**2)).expand(len(statements), -1, -1)
