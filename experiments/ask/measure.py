"""Compare four confidences of statements: told (of the deciding words), asked in the caption, asked in a sentence, and
the share of 8 sampled captions that state the value.

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
from hemblip.morphology import KEYS, SCHEMA, describe, extract_attributes

BATCH = 32
SAMPLES = 8

run, split, count = Run(sys.argv[1]), sys.argv[2], int(sys.argv[3])
captioner, table = run.captioner(), run.predictions(split).head(count)
keys = [key for key in KEYS if table[f"true_{key}"].notna().any() and key not in captioner.untaught()]
asked, alone, sampled = ({key: [] for key in keys} for _ in range(3))
dice = torch.Generator().manual_seed(0)
for start in range(0, len(table), BATCH):
    rows = table.iloc[start : start + BATCH]
    pictures = np.stack([captioner.preparation.of_cell(row) for row in rows.to_dict("records")])
    images, captions = torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous(), rows["caption"].tolist()
    batch = {"images": images, "captions": captions, "cell_ids": rows["cell_id"].tolist()}
    with torch.inference_mode():
        read = []
        for _ in range(SAMPLES):
            chances = torch.rand(len(rows), captioner.decoding.max_new_tokens, generator=dice)
            texts = captioner.texts(captioner.generate_tokens(batch, chances))
            read.append([extract_attributes(text) for text in texts])
        for key in keys:
            share = [[[one[key] == value for value in SCHEMA[key]] for one in sample] for sample in read]
            sampled[key].append(torch.tensor(share, dtype=torch.float).mean(0))
            asked[key].append(captioner.answer(batch, key, captions))
            styles = [nearest_style(caption) for caption in captions]
            sentences = [describe({key: value}, style) for style in styles for value in SCHEMA[key]]
            with captioner.repeated(batch, len(SCHEMA[key])) as blank:
                one = {"images": blank, "captions": sentences, "cell_ids": [""] * len(sentences)}
                alone[key].append((-captioner.loss_per_cell(one)[0].view(len(rows), -1)).softmax(1))

print("| attribute | right % | told | asked in the caption | in a sentence | sampled |\n" + "|---" * 6 + "|")
areas, errors = [], []
for key in keys:
    judged = (table[f"true_{key}"].notna() & table[key].notna()).to_numpy()
    right = (table[key] == table[f"true_{key}"]).to_numpy()[judged]
    places = np.array([SCHEMA[key].index(value) for value in table[key][judged]])
    cells = [f"{100 * right.mean():.1f}"]
    for sure in (
        table[f"confidence_{key}"].to_numpy(dtype=float)[judged],
        *(torch.cat(found[key]).numpy()[judged][np.arange(len(places)), places] for found in (asked, alone, sampled)),
    ):
        area = roc_auc_score(right, sure) if 0 < right.sum() < len(right) else np.nan
        error = expected_calibration_error(sure.astype(float), right)
        areas.append(area)
        errors.append(error)
        cells.append(f"{'–' if np.isnan(area) else f'{area:.2f}'}, {error:.3f}")
    print(f"| {key.replace('_', ' ')} | {' | '.join(cells)} |")

means = [values.reshape(len(keys), -1) for values in map(np.array, (areas, errors))]
cells = [f"{area:.3f}, {error:.3f}" for area, error in zip(np.nanmean(means[0], 0), means[1].mean(0), strict=True)]
print(f"| mean | | {' | '.join(cells)} |")
