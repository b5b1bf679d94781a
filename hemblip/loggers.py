"""Where the values of a run are logged: `metrics.csv` in its folder, and Weights & Biases if asked for."""

import hashlib
import os
from pathlib import Path

import pandas as pd
from lightning.pytorch.loggers import CSVLogger, WandbLogger

from hemblip.models.checkpoints import read_checkpoint


def csv_logger(folder: Path, checkpoint: str | None) -> CSVLogger:
    """Log to `metrics.csv`.

    Args:
        folder: of the run.
        checkpoint: from which a resumed run goes on: rows from before it are kept.
    """
    logger = CSVLogger(folder.parents[1], folder.parent.name, folder.name)
    path = folder / "metrics.csv"
    if checkpoint is not None and path.is_file():
        kept = pd.read_csv(path, dtype=str)  # as written, to the last digit
        kept = kept[kept["step"].astype(int) < read_checkpoint(checkpoint)["global_step"]]
        logger.experiment.metrics = [row.dropna().to_dict() for _, row in kept.iterrows()]
    return logger


def wandb_logger(folder: Path, project: str, group: str) -> WandbLogger:
    """Log to W&B, one of its runs a folder: a resumed run goes on with its curves, and tests are shown beside them.

    Args:
        folder: of the run, whose name it gets.
        project: W&B project.
        group: under which W&B shows runs together.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number = hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:12]
    # A sweep's agent chooses the number itself.
    number = os.environ.get("WANDB_RUN_ID", number)
    return WandbLogger(
        project=project, name=str(folder), group=group, save_dir=folder, id=number, resume="allow", log_model=False
    )
