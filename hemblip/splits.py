"""The sets of cells that a captioner is tested on, as tables and sentences name them."""

from collections.abc import Mapping
from types import MappingProxyType

PLACES: Mapping[str, str] = MappingProxyType({"test": "Internal", "external": "External"})
"""Split -> where its cells come from, as the paper's tables name it."""


def place_of(split: str) -> str:
    """Name the column of a split; that of an external set with a name of its own is that name."""
    return PLACES.get(split, split)


def cells_of(split: str) -> str:
    """Name the cells of a split within a sentence."""
    return f"{PLACES[split].lower() if split in PLACES else split} cells"


def order_of(split: str) -> tuple[int, str]:
    """Sort splits as the paper does, and others by name after them."""
    return ([*PLACES].index(split) if split in PLACES else len(PLACES)), split
