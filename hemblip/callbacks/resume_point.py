"""The checkpoint from which an interrupted run goes on as if nothing had happened."""

from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Checkpoint, EarlyStopping
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.utilities import rank_zero_only

from hemblip.atomic import remove_abandoned
from hemblip.callbacks.checkpoint_files import keep
from hemblip.errors import CheckpointError, ConfigError, TrainingError
from hemblip.models.checkpoints import check_resumable, check_whole
from hemblip.models.sharding import finite
from hemblip.run import RESUME_POINT

BEFORE = RESUME_POINT.with_name("before_last.ckpt")
"""The point before, in case that the last one is damaged."""


class ResumePoint(Checkpoint):
    """Write `checkpoints/last.ckpt` every few steps and after each epoch, when all else has been done.

    It holds weights and the state of training; the point before it is kept beside it. Settings come from the config,
    also those that Lightning keeps in checkpoints.

    Args:
        every_n_steps: optimiser steps from one point to the next within an epoch.
    """

    def __init__(self, every_n_steps: int = 500) -> None:
        if every_n_steps < 1:
            raise ConfigError(f"resume_point.every_n_steps is {every_n_steps}; it is at least 1")
        self.every_n_steps = every_n_steps
        self._step = self._saved_step = 0

    def on_load_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Keep the patience that the config asks for."""
        for stopping in _early_stopping(trainer):
            if stopping.state_key in checkpoint["callbacks"]:
                checkpoint["callbacks"][stopping.state_key]["patience"] = stopping.patience

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stop at once if the run had stopped early: Lightning keeps the count but not the decision."""
        self._step = self._saved_step = trainer.global_step
        if trainer.is_global_zero:
            remove_abandoned(Path(trainer.default_root_dir, RESUME_POINT).parent)
        stopped = any(stopping.wait_count >= stopping.patience for stopping in _early_stopping(trainer))
        if stopped and trainer.global_step:
            trainer.should_stop = True

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save between steps; not where validation or the epoch's end follows, which would be lost."""
        before, self._step = self._step, trainer.global_step
        due = self._step // self.every_n_steps > self._saved_step // self.every_n_steps
        if self._step == before or not due:  # within an accumulation, or not yet
            return
        if batch_idx + 1 < trainer.num_training_batches and not _validation_follows(trainer, batch_idx):
            _log_step(trainer)
            self._save(trainer, pl_module)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save after validation, early stopping and the choice of the best checkpoint."""
        self._save(trainer, pl_module)

    def _save(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write the point.

        Raises:
            TrainingError: a trained weight is not finite; the point before is kept.
        """
        self._saved_step = trainer.global_step
        path = Path(trainer.default_root_dir) / RESUME_POINT
        trained = (parameter for parameter in pl_module.parameters() if parameter.requires_grad)
        if not trainer.strategy.reduce_boolean_decision(finite(trained)):
            raise TrainingError(
                f"weights are not finite after step {trainer.global_step}; {path} is left as it was: lower "
                "model.init_args.learning_rate or set trainer.gradient_clip_val, and go on with --resume true"
            )
        if trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        if trainer.is_global_zero:
            for logger in trainer.loggers:  # what the run that goes on from here does not log again
                if isinstance(logger, CSVLogger):
                    logger.save()
            if path.is_file():
                keep(path, path.with_name(BEFORE.name))
        trainer.save_checkpoint(path)


def point_to_resume(folder: Path) -> Path | None:
    """Find the point from which a run goes on: the last one, or the one before if that is damaged or missing.

    Args:
        folder: of the run. The first rank puts the point before in the place of a damaged one, and says so.

    Raises:
        CheckpointError: there are points, and all are damaged.
    """
    last, before = folder / RESUME_POINT, folder / BEFORE
    if rank_zero_only.rank == 0 and (last.exists() or before.exists()):  # type: ignore[attr-defined]
        try:
            check_whole(last)
            check_resumable(last)
        except CheckpointError as error:
            reason = error if last.exists() else f"{last}: missing"
            if not before.exists():
                raise CheckpointError(f"{reason}; there is no point before it: start without --resume") from error
            check_whole(before)
            check_resumable(before)
            before.replace(last)
            print(f"note: {reason}; going on from the point before it")
    return last if last.exists() or before.exists() else None


def _log_step(trainer: L.Trainer) -> None:
    """Log to `metrics.csv` what Lightning logs of this step only later: the resumed run does not log it again."""
    connector = trainer._logger_connector
    for logger in trainer.loggers if connector.should_update_logs else ():
        if isinstance(logger, CSVLogger):
            values: dict[str, Any] = {**connector.metrics["log"], "epoch": trainer.current_epoch}
            logger.log_metrics(values, trainer.fit_loop.epoch_loop._batches_that_stepped)


def _early_stopping(trainer: L.Trainer) -> list[EarlyStopping]:
    return [callback for callback in trainer.callbacks if isinstance(callback, EarlyStopping)]  # type: ignore[attr-defined]


def _validation_follows(trainer: L.Trainer, batch_idx: int) -> bool:
    """Whether Lightning may validate after this batch; it counts those of all epochs if told not to count epochs."""
    every = trainer.val_check_batch
    if trainer.check_val_every_n_epoch is None:
        batch_idx = trainer.fit_loop.epoch_loop.total_batch_idx
    return every is not None and (batch_idx + 1) % every == 0
