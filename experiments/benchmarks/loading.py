"""Cells a second and worker: plain PIL + albumentations against the memory-mapped cache, step by step.

    python experiments/benchmarks/loading.py [--root wbcatt_mini] [--cells 300] [--size 384]

Seconds are of processor time, so that other work on the machine disturbs little; a loader's worker has one core.
Figures are in loading.md.
"""

import argparse
import tempfile
import time
import warnings
from pathlib import Path

import albumentations as A
import cv2
import numpy as np

from hemblip.data.cache import cached_cells
from hemblip.data.dataset import CellDataset
from hemblip.data.images import read_image, square
from hemblip.data.sources import WBCAtt
from hemblip.data.transforms import Augmentation


def speed(name, step, count, repeats=5):
    """Print and give the cells a second of the fastest of a few passes."""
    best = min(timed(step, count) for _ in range(repeats))
    print(f"{name:<46}{count / best:>9,.0f} cells/s{1000 * best / count:>9.2f} ms/cell")
    return count / best


def timed(step, count):
    start = time.process_time()
    for index in range(count):
        step(index)
    return time.process_time() - start


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default="wbcatt_mini")
    parser.add_argument("--cells", type=int, default=300)
    parser.add_argument("--size", type=int, default=384)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    warnings.simplefilter("ignore")
    manifest = WBCAtt(arguments.root).records().sample(arguments.cells, random_state=0).reset_index(drop=True)
    manifest["captions"] = [["A cell."]] * len(manifest)
    paths, size, count = manifest["image"].tolist(), arguments.size, len(manifest)
    augmentation = Augmentation()
    plain_chain = A.Compose(
        [
            A.D4(p=1.0),
            A.Affine(scale=(0.94, 1.06), translate_percent=(-0.06, 0.06), rotate=(-20, 20), border_mode=1, p=1.0),
            A.ColorJitter((0.85, 1.15), (0.85, 1.15), (0.85, 1.15), (-0.03, 0.03), p=1.0),
        ]
    )
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        cells = cached_cells(manifest, size, 1.0, Path(folder))
        print(f"{count} cells of {size} px, cache built in {time.perf_counter() - start:.1f} s\n")
        dataset, plain = CellDataset(manifest, cells, augmentation), CellDataset(manifest, cells)
        decoded = speed("decode and resize (PIL)", lambda i: square(read_image(paths[i]), size), count)
        read = speed("read from the cache", lambda i: np.array(plain[(0, i)]["image"]), count)
        stock = speed("augment (albumentations' own transforms)", lambda i: plain_chain(image=cells[i]), count)
        augmented = speed("augment (one map of places, one of colours)", lambda i: augmentation(cells[i], i), count)
        before = speed(
            "decode + augment (plain PIL + albumentations)",
            lambda i: plain_chain(image=square(read_image(paths[i]), size)),
            count,
        )
        after = speed("cache + augment (what training does)", lambda i: dataset[(0, i)], count)
    print(f"\nreading against decoding {read / decoded:.1f} x, augmentation {augmented / stock:.1f} x,")
    print(f"training cells {after / before:.1f} x")


if __name__ == "__main__":
    main()
