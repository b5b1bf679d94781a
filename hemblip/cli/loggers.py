"""Where the values of a run are logged: `metrics.csv` in its folder, and Weights & Biases if asked for."""

import csv
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import wandb
from lightning.pytorch.loggers import CSVLogger, Logger, WandbLogger
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor

from hemblip.atomic import replacing, write_text
from hemblip.errors import ConfigError, DataError
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
    return [RunMetrics(folder, checkpoint), *([wandb_logger(folder, project, group)] if project else []), *others]


class RunMetrics(CSVLogger):
    """Log to `metrics.csv`, one row a step; the file is whole at any time: a save replaces it.

    Args:
        folder: of the run.
        checkpoint: from which a resumed run goes on: rows from before it are kept.
    """

    def __init__(self, folder: Path, checkpoint: str | None = None) -> None:
        super().__init__(folder.parents[1], folder.parent.name, folder.name)
        self._path = folder / "metrics.csv"
        self._rows: list[dict[str, object]] = []
        if checkpoint is not None:
            self._take_up(checkpoint)

    @rank_zero_only
    def _take_up(self, checkpoint: str) -> None:
        if self._path.is_file():
            try:
                kept = pd.read_csv(self._path, dtype=str)  # as written, to the last digit
                steps = kept["step"].astype(int)
            except (ValueError, KeyError) as error:
                raise DataError(f"{self._path}: not as it was written ({error}); move it away to go on") from error
            kept = kept[steps < read_checkpoint(checkpoint)["global_step"]]
            self._rows = [{**row.dropna().to_dict(), "step": int(row["step"])} for _, row in kept.iterrows()]

    @property
    def experiment(self) -> None:
        """Nothing: Lightning's removes the file of a resumed run, long before the next save."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, object], step: int | None = None) -> None:
        """Keep what is told of a step until the next save."""
        step = len(self._rows) if step is None else step
        values = {name: value.item() if isinstance(value, Tensor) else value for name, value in metrics.items()}
        if self._rows and self._rows[-1]["step"] == step:
            self._rows[-1].update(values)
        else:
            self._rows.append({**values, "step": step})
        if (step + 1) % self._flush_logs_every_n_steps == 0:
            self.save()

    @rank_zero_only
    def save(self) -> None:
        """Write all rows."""
        if self._rows:
            names = sorted(set().union(*self._rows))
            with replacing(self._path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, names)
                writer.writeheader()
                writer.writerows(self._rows)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write what has been logged."""
        self.save()

    def log_hyperparams(self, *_: object) -> None:
        """Nothing: `config.yaml` has them."""


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
