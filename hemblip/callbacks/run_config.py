"""The settings of a run, kept beside its results."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning as L
import yaml
from lightning.pytorch.cli import SaveConfigCallback
from lightning.pytorch.loggers import WandbLogger

from hemblip.errors import HemblipError
from hemblip.run import Run, flat

NOT_COMPARED = ("resume", "resume_point", "ckpt_path", "wandb", "group", "trainer.default_root_dir", "trainer.logger")
"""Where a run is kept and logged: no part of the experiment."""

OF_TESTS = ("stress", "verbose")
"""Settings of `test` and `validate` alone, which `predict --run` would refuse in the config of a run."""


class RunConfig(SaveConfigCallback):
    """Write `config.yaml` when a run is made; testing a trained run leaves its config alone."""

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Save what trains, and what is evaluated without a run of its own."""
        self.overwrite = stage == "fit"
        absent = not Path(trainer.default_root_dir, "config.yaml").exists()
        self.config = self.config.clone()
        for name in OF_TESTS:
            self.config.pop(name, None)
        if stage == "fit" or (stage in ("validate", "test") and absent):
            super().setup(trainer, pl_module, stage)

    def save_config(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Show the settings in W&B too."""
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                settings = yaml.safe_load(self.parser.dump(self.config, skip_none=False))
                logger.experiment.config.update(settings, allow_val_change=True)


def changed_settings(folder: Path, settings: Mapping[str, Any]) -> list[str]:
    """Compare the settings that a run has stored with those that it goes on with.

    Args:
        folder: of the run.
        settings: those of now, as in `config.yaml`.

    Returns:
        A line for each that differs, `name: stored value -> value now`; one line why, if they cannot be compared.
    """
    try:
        stored = flat({**Run(folder).config, "model": Run(folder).model})
    except HemblipError as error:  # they do not decide anything
        return [f"not compared: {error}"]
    now = flat(settings)
    compared = [
        name
        for name in [*now, *(stored.keys() - now.keys())]
        if not any(f"{name}.".startswith(f"{left_out}.") for left_out in NOT_COMPARED)
    ]
    return [
        f"{name}: {json.dumps(stored.get(name), default=str)} -> {json.dumps(now.get(name), default=str)}"
        for name in sorted(compared)
        if stored.get(name) != now.get(name)
    ]
