"""Where the values of a run are logged: `metrics.csv` in its folder, and Weights & Biases if asked for."""

import os
import secrets
from pathlib import Path

import pandas as pd
import wandb
from lightning.pytorch.loggers import CSVLogger, Logger, WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from hemblip.atomic import write_text
from hemblip.errors import ConfigError
from hemblip.models.checkpoints import read_checkpoint

WANDB_NUMBER = "wandb_id.txt"
"""In a run folder: the number under which W&B knows the run."""


def fit_loggers(
    folder: Path, checkpoint: str | None, asked: Logger | list[Logger] | bool | None, project: str | None, group: str
) -> list[Logger]:
    """List the loggers of a training.

    Args:
        folder: of the run.
        checkpoint: from which a resumed run goes on.
        asked: `trainer.logger` of the config.
        project: W&B project, if any.
        group: see `wandb_logger`.

    Returns:
        CSV first, because it names the run folder.
    """
    others = asked if isinstance(asked, list) else [asked] if isinstance(asked, Logger) else []
    return [csv_logger(folder, checkpoint), *([wandb_logger(folder, project, group)] if project else []), *others]


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

    Raises:
        ConfigError: W&B knows no account, or cannot be reached.
    """
    number = _number(folder)
    logger = WandbLogger(
        project=project, name=str(folder), group=group, save_dir=folder, id=number, resume="allow", log_model=False
    )
    try:
        logger.experiment  # noqa: B018 - starts it, on the first rank
    except wandb.Error as error:
        raise ConfigError(
            f"--wandb {project}: W&B cannot be used ({error}); run `wandb login` or set WANDB_API_KEY, or "
            "WANDB_MODE=offline to log to the run folder"
        ) from error
    return logger


def _number(folder: Path) -> str:
    """Choose W&B's number of a run once, and keep it with the run; a sweep's agent chooses itself."""
    path = folder / WANDB_NUMBER
    if not path.is_file():
        rank_zero_only(write_text)(path, os.environ.get("WANDB_RUN_ID") or secrets.token_hex(6))
    return path.read_text() if path.is_file() else ""  # other ranks do not log
