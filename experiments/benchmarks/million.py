"""Measure what `test` does beside the captioner, at 1,000 to 1,000,000 cells: rows, table, scores, intervals, report.

    OMP_NUM_THREADS=1 python experiments/benchmarks/million.py

A stand-in gives captions and the log-probabilities of their words; rows are drawn and repeated with new ids, so that
captions repeat as they do. Each number of cells is a process of its own: processor time, and the most memory held.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hemblip.metrics import score
from hemblip.metrics.confidence import TokenScore, confidences
from hemblip.metrics.intervals import Measured
from hemblip.morphology import KEYS, SCHEMA, STYLES, describe, extract_attributes
from hemblip.parts import RowParts
from hemblip.predictions import TRUE_PREFIX, ordered, write_predictions
from hemblip.reporting.report import write_report
from hemblip.run import Run

SIZES = (1_000, 10_000, 100_000, 1_000_000)

DIFFERENT = 2_000
"""Cells that differ; the others repeat them with ids of their own."""

BATCH, GROUP = 64, 50
"""Cells of a batch, and of a patient."""

Cell = tuple[dict[str, str], str, str, list[TokenScore]]
"""Annotation, reference, caption and its words."""


def drawn_cells(count: int, seed: int = 0) -> list[Cell]:
    """Cells annotated with all attributes, and captions of which a fifth of the statements are wrong or left out."""
    random, cells = np.random.default_rng(seed), []
    for _ in range(count):
        truth = {key: str(random.choice(SCHEMA[key])) for key in KEYS}
        truth["granules"] = "small"  # absent ones have no colour, and all 15 are to be scored
        said = {
            key: value if random.random() > 0.2 else random.choice([*SCHEMA[key], None]) for key, value in truth.items()
        }
        if said["granules"] == "absent":
            said["granule_colour"] = None
        caption = describe(said, int(random.integers(STYLES)))
        tokens, start = [], 0
        for word in caption.split():
            start = caption.index(word, start)
            tokens.append(TokenScore(start, start + len(word), float(np.log(random.uniform(0.5, 1)))))
        cells.append((truth, describe(truth, int(random.integers(STYLES))), caption, tokens))
    return cells


def described(cells: list[Cell], count: int, image: Path) -> Iterator[list[dict[str, Any]]]:
    """Prediction rows of batches of `count` cells, as `test` makes them."""
    for start in range(0, count, BATCH):
        rows = []
        for number in range(start, min(start + BATCH, count)):
            truth, reference, caption, tokens = cells[number % len(cells)]
            rows.append(
                {
                    **{"cell_id": f"{number:07d}", "split": "test", "source": "drawn"},
                    **{"group": f"{number // GROUP:05d}", "image": str(image), "bbox": None, "width_factor": None},
                    **{"model": "stand-in", "reference": reference, "caption": caption},
                    **confidences(caption, tokens),
                    **extract_attributes(caption),
                    **{TRUE_PREFIX + key: value for key, value in truth.items()},
                }
            )
        yield rows


def measured(count: int) -> dict[str, float]:
    """Take all steps for so many cells: seconds of each, memory (GB) and size of the report (MB)."""
    seconds: dict[str, float] = {}

    def timed(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        start = time.process_time()
        result = function(*arguments)
        seconds[name] = time.process_time() - start
        print(f"{name} {seconds[name]:.1f} s, {_peak():.2f} GB", file=sys.stderr, flush=True)
        return result

    with tempfile.TemporaryDirectory() as folder:
        run, image = Run(Path(folder) / "stand-in"), Path(folder) / "cell.png"
        pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(image)
        cells = drawn_cells(min(count, DIFFERENT))
        parts = RowParts(run.rows_of("test"))
        parts.start({}, go_on=False)

        def make() -> None:
            for rows in described(cells, count, image):
                parts.add(rows)
            parts.flush()

        def write() -> None:
            write_predictions(ordered(parts.rows()), run.rows_of("test"))
            parts.remove()

        timed("rows", make)
        timed("table", write)
        table = timed("read", run.predictions, "test")
        timed("scores", score, table)
        timed("intervals", Measured, [table])
        del table
        report = timed("report", write_report, run.folder)
        size = report.stat().st_size / 1e6
    return {**seconds, "peak": _peak(), "report_size": size}


def _peak() -> float:
    """Most memory that this process has held, GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    """Print a table: a line a number of cells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, nargs="*", default=SIZES)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    settings = parser.parse_args()
    if settings.one:
        print(json.dumps(measured(settings.one)))
        return
    for place, count in enumerate(settings.cells):
        words = [sys.executable, __file__, "--one", str(count)]
        found = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout)
        steps = [name for name in found if name not in ("peak", "report_size")]
        if not place:
            print(f"{'| cells':<12}| {' | '.join(f'{name}, ms a row' for name in steps)} | all | peak GB | report MB |")
        each = [1000 * found[name] / count for name in steps]
        told = " | ".join(f"{value:.3f}" for value in [*each, sum(each)])
        print(f"| {count:<10,}| {told} | {found['peak']:.2f} | {found['report_size']:.1f} |", flush=True)


if __name__ == "__main__":
    main()
