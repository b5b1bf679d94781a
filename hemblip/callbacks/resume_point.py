"""The checkpoint from which an interrupted run goes on as if nothing had happened."""

import math
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Checkpoint, EarlyStopping

from hemblip.errors import ConfigError
from hemblip.runs import RESUME_POINT


class ResumePoint(Checkpoint):
    """Write `checkpoints/last.ckpt` every few steps and after each epoch, when all else has been done.

    Args:
        every_n_steps: optimiser steps from one point to the next within an epoch.
    """

    def __init__(self, every_n_steps: int = 500) -> None:
        if every_n_steps < 1:
            raise ConfigError(f"resume_point.every_n_steps is {every_n_steps}; it is at least 1")
        self.every_n_steps = every_n_steps
        self._saved_step = 0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stop at once if the run had stopped early: Lightning keeps the count but not the decision."""
        self._saved_step = trainer.global_step
        stopped = [
            callback
            for callback in trainer.callbacks  # type: ignore[attr-defined]
            if isinstance(callback, EarlyStopping) and callback.wait_count >= callback.patience
        ]
        if stopped and trainer.global_step:
            trainer.should_stop = True

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save between steps; not where validation or the epoch's end follows, which would be lost."""
        step, done = trainer.global_step, batch_idx + 1
        if step == self._saved_step or step % self.every_n_steps:  # within an accumulation, or not yet
            return
        if done < trainer.num_training_batches and done % (trainer.val_check_batch or math.inf):
            self._save(trainer)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save after validation, early stopping and the choice of the best checkpoint."""
        self._save(trainer)

    def _save(self, trainer: L.Trainer) -> None:
        self._saved_step = trainer.global_step
        if not trainer.fast_dev_run:  # type: ignore[attr-defined]
            trainer.save_checkpoint(Path(trainer.default_root_dir) / RESUME_POINT)
