"""Compare told and asked confidence of a run, both calibrated on its validation cells, on its test cells.

python -m hemblip validate --run RUN --evaluation.ask true
python -m hemblip test --run RUN --evaluation.ask true
python experiments/ask/told_asked.py RUN
"""

import sys

import numpy as np

from hemblip import Run
from hemblip.metrics import score
from hemblip.metrics.asked import Sureness, as_answered, choose, told_and_asked


def _cell(found: Sureness) -> str:
    return f"{'–' if found.auroc is None else format(found.auroc, '.2f')}, {found.ece:.3f}"


run = Run(sys.argv[1])
validation, test = run.validation, run.predictions("test")
choices = choose(validation)
areas, errors = [], []
print("| attribute | told | asked | used |\n|---|---|---|---|")
for key, choice in choices.items():
    told, asked = told_and_asked(test, key, choice)
    if told.ece is None:
        continue
    used = asked if choice.asked else told
    errors.append((told.ece, asked.ece, used.ece))
    if told.auroc is not None:
        areas.append((told.auroc, asked.auroc, used.auroc))
    print(f"| {key.replace('_', ' ')} | {_cell(told)} | {_cell(asked)} | {'asked' if choice.asked else 'told'} |")
means = zip(np.mean(areas, axis=0), np.mean(errors, axis=0), strict=True)
print(f"| mean | {' | '.join(f'{area:.3f}, {error:.3f}' for area, error in means)} |")
told, asked = (100 * score(table)["accuracy"] for table in (test, as_answered(test)))
print(f"\nattributes right: {told:.1f} % told, {asked:.1f} % asked; {len(validation)} and {len(test)} cells")
