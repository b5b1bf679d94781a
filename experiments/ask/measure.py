"""Compare three confidences of statements: told (of the deciding words), asked in the caption, asked in a sentence.

    python experiments/ask/measure.py RUN SPLIT CELLS

RUN is a run folder with predictions of SPLIT; of these the first CELLS are asked about.
"""

import sys

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from hemblip import Run
from hemblip.metrics.calibration import expected_calibration_error
from hemblip.models.asking import nearest_style
from hemblip.morphology import KEYS, SCHEMA, describe

BATCH = 32

run, split, count = Run(sys.argv[1]), sys.argv[2], int(sys.argv[3])
captioner, table = run.captioner(), run.predictions(split).head(count)
keys = [key for key in KEYS if table[f"true_{key}"].notna().any() and key not in captioner.untaught()]
asked, alone = ({key: [] for key in keys} for _ in range(2))
for start in range(0, len(table), BATCH):
    rows = table.iloc[start : start + BATCH]
    pictures = np.stack([captioner.preparation.of_cell(row) for row in rows.to_dict("records")])
    images, captions = torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous(), rows["caption"].tolist()
    batch = {"images": images, "captions": captions, "cell_ids": rows["cell_id"].tolist()}
    with torch.inference_mode():
        for key in keys:
            asked[key].append(captioner.answer(batch, key, captions))
            styles = [nearest_style(caption) for caption in captions]
            sentences = [describe({key: value}, style) for style in styles for value in SCHEMA[key]]
            with captioner.repeated(batch, len(SCHEMA[key])) as blank:
                one = {"images": blank, "captions": sentences, "cell_ids": [""] * len(sentences)}
                alone[key].append((-captioner.loss_per_cell(one)[0].view(len(rows), -1)).softmax(1))

print("| attribute | right % | told | asked in the caption | asked in a sentence |\n|---|---|---|---|---|")
for key in keys:
    judged = (table[f"true_{key}"].notna() & table[key].notna()).to_numpy()
    right = (table[key] == table[f"true_{key}"]).to_numpy()[judged]
    places = np.array([SCHEMA[key].index(value) for value in table[key][judged]])
    cells = [f"{100 * right.mean():.1f}"]
    for sure in (
        table[f"confidence_{key}"].to_numpy(dtype=float)[judged],
        *(torch.cat(found[key]).numpy()[judged][np.arange(len(places)), places] for found in (asked, alone)),
    ):
        area = f"{roc_auc_score(right, sure):.2f}" if 0 < right.sum() < len(right) else "–"
        cells.append(f"{area}, {expected_calibration_error(sure.astype(float), right):.3f}")
    print(f"| {key.replace('_', ' ')} | {' | '.join(cells)} |")
