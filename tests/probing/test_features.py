"""Embeddings are computed once for an image and a backbone."""

import numpy as np
import pytest
import torch

from hemblip.errors import ConfigError
from hemblip.probing.backbones import RandomProjection, TimmEncoder
from hemblip.probing.features import EmbeddingCache, embed_cells


class Counting(RandomProjection):
    seen = 0

    def encode(self, images):
        self.seen += len(images)
        return super().encode(images)


def batches(seed=0, size=32):
    images = torch.randint(0, 256, (6, 3, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    return [{"images": images[:4], "cell_ids": list("abcd")}, {"images": images[4:], "cell_ids": list("ef")}]


def test_embeddings_are_kept_by_image_content(tmp_path):
    backbone = Counting(width=8, image_size=16)
    ids, first = embed_cells(backbone, batches(), tmp_path)
    assert ids == list("abcdef") and first.shape == (6, 8)
    seen = backbone.seen
    renamed = [{**batch, "cell_ids": [f"x{cell}" for cell in batch["cell_ids"]]} for batch in batches()]
    _, second = embed_cells(backbone, renamed, tmp_path)
    assert np.array_equal(first, second) and backbone.seen - seen == 2  # the two images of its key
    _, other = embed_cells(backbone, batches(seed=1), tmp_path)
    assert not np.array_equal(first, other)
    assert not list(tmp_path.glob("*.partial")) and not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("how", ["empty", "cut", "overwritten", "flipped"])
def test_a_damaged_file_is_made_again_and_said(tmp_path, capsys, how):
    backbone = RandomProjection(width=8, image_size=16)
    _, first = embed_cells(backbone, batches(), tmp_path)
    (path,) = tmp_path.iterdir()
    data = path.read_bytes()
    at = data.index(first[0].tobytes())
    flipped = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    path.write_bytes({"empty": b"", "cut": data[:-30], "overwritten": b"x" * 900, "flipped": flipped}[how])
    _, second = embed_cells(backbone, batches(), tmp_path)
    assert np.array_equal(first, second) and path.read_bytes() == data
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note")]
    assert said == [f"note: {path}: damaged; embeddings are computed again"]


def test_two_processes_keep_what_both_have_embedded(tmp_path):
    one, other = (EmbeddingCache(tmp_path, "key") for _ in range(2))
    one.vectors["a"], other.vectors["b"] = np.ones(3, np.float32), np.zeros(3, np.float32)
    one.save()
    other.save()
    assert EmbeddingCache(tmp_path, "key").vectors.keys() == {"a", "b"}


def test_other_weights_have_another_key():
    assert RandomProjection(seed=0).key() == RandomProjection(seed=0).key()
    assert RandomProjection(seed=0).key() != RandomProjection(seed=1).key()


def test_images_of_any_size_are_fitted():
    assert RandomProjection(width=8, image_size=16).embed(batches(size=40)[0]["images"]).shape == (4, 8)


def test_timm_is_optional(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    with pytest.raises(ConfigError, match="needs timm"):
        TimmEncoder("vit_tiny_patch16_224")
