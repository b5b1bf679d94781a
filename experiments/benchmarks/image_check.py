"""Seconds to check the images of a corpus, as `python -m hemblip prepare` does: first time, and again from its log.

    python experiments/benchmarks/image_check.py [--root wbcatt_mini] [--images 20000]

The images are repeated under other names until there are enough. Figures are in loading.md.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

from hemblip.data.image_check import check_images
from hemblip.data.sources.source import locate


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default="wbcatt_mini")
    parser.add_argument("--images", type=int, default=20_000)
    arguments = parser.parse_args()
    found = sorted(locate(arguments.root, "give a folder of images").rglob("*.jpg"))
    with tempfile.TemporaryDirectory() as folder:
        for number in range(arguments.images):
            path = found[number % len(found)]
            (Path(folder) / f"{number}.jpg").write_bytes(path.read_bytes())
        paths = [f"{folder}/{number}.jpg" for number in range(arguments.images)]
        for name in ("first check", "from the log"):
            wall, processor = time.perf_counter(), time.process_time()
            results = check_images(paths, Path(folder) / "log.jsonl")
            wall, processor = time.perf_counter() - wall, time.process_time() - processor
            bad = sum(bool(result.flaw) for result in results.values())
            print(
                f"{name}: {len(results)} images, {bad} bad, {wall:.1f} s ({processor:.1f} s of {os.cpu_count()} cores)"
            )


if __name__ == "__main__":
    main()
