"""Try the maps of the captioner that ships, on real cells with masks; what the page believes is made of this.

python experiments/explain/shipped_trial.py <folder of CellaVision cells with masks> hemblip/weights/wbcatt-compact
"""

import sys
from pathlib import Path

import pandas as pd
import yaml
from tqdm import tqdm

from hemblip import load
from hemblip.data import ExternalCells
from hemblip.data.sources import ImageFiles
from hemblip.explain.cells import choose_cells, explained_cells
from hemblip.explain.findings import write_trial
from hemblip.explain.methods import CONTROLS, METHODS
from hemblip.explain.trial import trial_rows
from hemblip.explain.verdict import verdicts

CELLS = 16
METHOD = "integrated"
"""The fastest of those that beat both controls on drawn cells."""


def main(images: str, weights: str) -> None:
    """Write `trial.csv` and its rows to the current folder's `trial/`."""
    told = yaml.safe_load((Path(weights) / "predict.yaml").read_text())["data"]["init_args"]
    settings = {name: told[name] for name in ("image_size", "crop", "batch_size")}
    data = ExternalCells(sources=[ImageFiles(images)], **settings)
    chosen = choose_cells(data, images, "external", CELLS)
    methods = {METHOD: METHODS[METHOD], **CONTROLS}
    cells = tqdm(explained_cells(load(weights), data, chosen), total=len(chosen), unit="cell")
    rows = [row for cell in cells for row in trial_rows(cell, methods)]
    table = pd.DataFrame(rows)
    print("\n".join(write_trial(Path("trial"), table, verdicts(table), {})))


if __name__ == "__main__":
    main(*sys.argv[1:])
