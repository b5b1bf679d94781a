"""From source files to batches of cells."""

from hemblip.data.datamodules import ExternalCells, InternalCells

__all__ = ["ExternalCells", "InternalCells"]
