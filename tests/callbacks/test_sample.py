"""What is described while training, and what is shown of it."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import wandb
from lightning.pytorch.loggers import WandbLogger
from PIL import Image

from hemblip.callbacks.run_report import show_in_wandb
from hemblip.cli.main import main
from hemblip.models.captioner import Captioner

TINY = str(Path(__file__).parents[1] / "conf" / "tiny.yaml")
BEST = "runs/tiny/version_0/checkpoints/best.ckpt"


def test_one_beam_while_fitting_and_the_configured_ones_later(workplace, monkeypatch):
    beams, describe = [], Captioner.describe_batch

    def noting(captioner, batch):
        beams.append(captioner.decoding.num_beams)
        return describe(captioner, batch)

    monkeypatch.setattr(Captioner, "describe_batch", noting)
    words = ["--config", TINY, "--model.init_args.decoding.num_beams", "3", "--trainer.max_epochs", "1"]
    words += ["--data.init_args.limit", "16"]
    assert main(["fit", *words]) == 0
    assert set(beams) == {1}
    beams.clear()
    assert main(["validate", *words, "--ckpt_path", BEST]) == 0
    assert set(beams) == {3}


def test_wandb_shows_the_cell_not_the_field(tmp_path, monkeypatch):
    field = np.zeros((40, 60, 3), np.uint8)
    field[10:20, 30:50] = 200
    Image.fromarray(field).save(tmp_path / "field.png")
    shown, logged = [], []
    monkeypatch.setattr(wandb, "Image", lambda pixels: shown.append(pixels) or "image")
    monkeypatch.setattr(WandbLogger, "experiment", SimpleNamespace(log=logged.append))
    row = {"cell_id": "1", "image": str(tmp_path / "field.png"), "bbox": [30, 10, 20, 10], "width_factor": 0.5}
    table = pd.DataFrame([{**row, "reference": "a", "caption": "b"}])
    show_in_wandb(SimpleNamespace(loggers=[WandbLogger(save_dir=tmp_path)]), table)
    assert shown[0].shape == (10, 10, 3) and (shown[0] == 200).all() and len(logged) == 1
