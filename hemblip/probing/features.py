"""Embeddings of cells, kept on disk by content: an image and a backbone that were met before cost nothing."""

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from hemblip.atomic import alone, replacing
from hemblip.probing.backbones import Backbone


class EmbeddingCache:
    """One file a backbone: the digests of its images and their embeddings.

    Args:
        folder: where the files are.
        key: the backbone's `key()`.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.path = folder / f"{key}.npz"
        self.vectors = self._read(tell=True)

    def _read(self, tell: bool = False) -> dict[str, NDArray[np.float32]]:
        """What is stored; nothing if the file is damaged, which the checksums in it tell."""
        if not self.path.is_file():
            return {}
        try:
            with np.load(self.path) as stored:
                return dict(zip(stored["digests"].tolist(), stored["embeddings"], strict=True))
        except Exception:  # numpy and zipfile raise many kinds for torn files
            if tell:
                print(f"note: {self.path}: damaged; embeddings are computed again", file=sys.stderr)
            return {}

    def save(self) -> None:
        """Write all vectors, with those that another process has added."""
        with alone(self.path):
            vectors = {**self._read(), **self.vectors}
            with replacing(self.path) as partial, partial.open("wb") as file:
                np.savez(file, digests=np.array(list(vectors)), embeddings=np.stack(list(vectors.values())))


def digest(image: torch.Tensor) -> str:
    """Name the content of a uint8 image (3, H, W)."""
    return hashlib.blake2b(str(tuple(image.shape)).encode() + image.numpy().tobytes(), digest_size=12).hexdigest()


def embed_cells(
    backbone: Backbone, batches: Iterable[dict[str, Any]], cache_folder: Path, total: int | None = None
) -> tuple[list[str], NDArray[np.float32]]:
    """Embed every cell of `batches`.

    Args:
        backbone: the frozen encoder.
        batches: with `images` uint8 (B, 3, H, W) and `cell_ids`; not augmented.
        cache_folder: where embeddings are kept.
        total: number of batches, for the progress bar.

    Returns:
        Cell ids, and their embeddings (N, D) in the same order.
    """
    cache = EmbeddingCache(cache_folder, backbone.key())
    known = len(cache.vectors)
    cell_ids: list[str] = []
    digests: list[str] = []
    for batch in tqdm(batches, desc=f"embedding: {backbone.name}", total=total, leave=False, disable=None):
        names = [digest(image) for image in batch["images"]]
        new = [index for index, name in enumerate(names) if name not in cache.vectors]
        if new:
            embedded = backbone.embed(batch["images"][new]).numpy()
            cache.vectors.update(zip((names[index] for index in new), embedded, strict=True))
        cell_ids += batch["cell_ids"]
        digests += names
    if len(cache.vectors) > known:
        cache.save()
    return cell_ids, np.stack([cache.vectors[name] for name in digests])
