"""From source files to batches of cells."""

import importlib
from typing import TYPE_CHECKING, Any

_HOMES = {
    "ExternalCells": "hemblip.data.datamodules",
    "InternalCells": "hemblip.data.datamodules",
}
"""Name -> module that defines it; loaded on first use, because they bring torch."""

__all__ = ["ExternalCells", "InternalCells"]

if TYPE_CHECKING:
    from hemblip.data.datamodules import ExternalCells, InternalCells


def __getattr__(name: str) -> Any:
    """Load a name of the package."""
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)
