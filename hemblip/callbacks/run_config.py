"""The settings of a run, kept beside its results."""

from pathlib import Path

import lightning as L
import yaml
from lightning.pytorch.cli import SaveConfigCallback
from lightning.pytorch.loggers import WandbLogger


class RunConfig(SaveConfigCallback):
    """Write `config.yaml` when a run is made; testing a trained run leaves its config alone."""

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Save what trains, and what is evaluated without a run of its own."""
        self.overwrite = stage == "fit"
        absent = not Path(trainer.default_root_dir, "config.yaml").exists()
        if stage == "fit" or (stage in ("validate", "test") and absent):
            super().setup(trainer, pl_module, stage)

    def save_config(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Show the settings in W&B too."""
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                settings = yaml.safe_load(self.parser.dump(self.config, skip_none=False))
                logger.experiment.config.update(settings, allow_val_change=True)
