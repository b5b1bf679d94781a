"""Checkpoints on disk: written beside their target, flushed and renamed, so that the one before stays until then.

Lightning's own writer goes by way of the temporary folder. Where that is another file system, as on clusters and in
containers, it copies into the target, and whoever is killed in the copy has lost both.
"""

import os
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.fabric.utilities.types import _PATH

from hemblip.atomic import replacing

FIX = "make room and go on with --resume true: the checkpoints written before are whole"


class CheckpointFiles(TorchCheckpointIO):
    """Write checkpoints so that the file of a name is always whole."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: _PATH, storage_options: Any = None) -> None:
        """Write `checkpoint` to `path`.

        Raises:
            DataError: the disk is full, or the folder read-only; the file before it is whole.
        """
        with replacing(Path(path), FIX) as partial, partial.open("wb") as file:
            torch.save(checkpoint, file)


def keep(path: Path, kept: Path) -> None:
    """Let `kept` be the present file of `path` too, until `path` is written again; nothing is copied."""
    link = kept.with_name(f".{kept.name}.{os.getpid()}.partial")
    try:
        link.unlink(missing_ok=True)
        os.link(path, link)
    except OSError:  # a file system without links: for a moment there is the kept one only
        path.replace(kept)
    else:
        link.replace(kept)
        link.unlink(missing_ok=True)  # the system leaves it where `kept` is that file already
