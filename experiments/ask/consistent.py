"""What captions lose or gain by not contradicting themselves (`Decoding.consistent`).

    python experiments/ask/consistent.py runs/demo/version_0 configs/smoke.yaml 300
    python experiments/ask/consistent.py wbcatt-compact configs/wbcatt_compact.yaml 600

The captioner, the config that its test cells are read by, and how many of them, by a hash of their ids.
"""

import sys
import zlib
from dataclasses import replace
from pathlib import Path

import torch
import yaml
from jsonargparse import ArgumentParser

import hemblip
from hemblip.callbacks.caption_evaluation import described_rows
from hemblip.data.datamodules import CellDataModule
from hemblip.metrics import score
from hemblip.models.consistency import contradicts
from hemblip.models.decoding import Decoding
from hemblip.predictions import prediction_table

captioner, count = hemblip.load(sys.argv[1]), int(sys.argv[3])
parser = ArgumentParser()
parser.add_subclass_arguments(CellDataModule, "data")
settings = yaml.safe_load(Path(sys.argv[2]).read_text())
data = parser.instantiate_classes(parser.parse_object({"data": settings["data"]})).data
data.setup()
cells = data.manifest[data.manifest["split"] == "test"]
order = sorted(cells.index, key=lambda place: zlib.crc32(cells.loc[place, "cell_id"].encode()))[:count]
cells = cells.loc[order].reset_index(drop=True)
known = cells.set_index("cell_id", drop=False).to_dict("index")

print("| decoding | attributes right % | BLEU | contradict by a rule % | contradict at all % |\n|---|---|---|---|---|")
for beams in (1, 4):
    for consistent in (False, True):
        longest = captioner.decoding.max_new_tokens
        captioner.decoding = replace(Decoding(num_beams=beams, max_new_tokens=longest), consistent=consistent)
        rows = []
        with torch.inference_mode():
            for batch in data.cells_loader(cells):
                rows += described_rows(captioner, batch, known, "m")
        table = prediction_table(rows)
        found = score(table)
        broken = 100 * table["caption"].map(contradicts).mean()
        told = f"{100 * found['accuracy']:.2f} | {found['bleu']:.4f} | "
        told += f"{100 * found['incompatible']['share']:.2f} | {broken:.2f}"
        print(f"| {beams} beam{'s' * (beams > 1)}{', consistent' * consistent} | {told} |", flush=True)
