"""What rewards change in captions: a row a run, of its test cells.

python experiments/rewards/measure.py RUN ...
"""

import sys
from pathlib import Path

import numpy as np

from hemblip.metrics.verdicts import Verdict, annotated, can_be_judged, verdict_matrix
from hemblip.predictions import read_predictions
from hemblip.run import Run

COLUMNS = ("run", "accuracy %", "macro-F1 %", "contradicted %", "omitted %", "without an error %", "BLEU %", "captions")

print(f"| {' | '.join(COLUMNS)} |")
print("|---" * len(COLUMNS) + "|")
for folder in sys.argv[1:]:
    rows = read_predictions(Path(folder) / "predictions" / "test.parquet")
    judged, scores = verdict_matrix(rows), Run(folder).scores["test"]["model"]
    stated = can_be_judged(judged)
    contradicted = (stated & (judged != Verdict.RIGHT)).sum() / stated.sum()
    omitted = (judged == Verdict.OMITTED).sum() / annotated(judged).sum()
    clean = np.isin(judged, (Verdict.RIGHT, Verdict.SILENT)).all(1).mean()
    shares = [scores["accuracy"], scores["macro_f1"], contradicted, omitted, clean, scores["bleu"]]
    numbers = " | ".join(f"{100 * share:.1f}" for share in shares)
    print(f"| {Path(folder).parent.name} | {numbers} | {rows['caption'].nunique()} |")
