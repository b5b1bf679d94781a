"""What a run is about to do, and what it took."""

import resource
import sys
import time
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import EarlyStopping

from hemblip.data.dataset import Batch
from hemblip.models.captioner import Captioner

RSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes."""


MINUTE = 60.0
"""Seconds between two lines within an epoch, at least."""


class RunSummary(L.Callback):
    """Print what is about to happen and what has; log learning rate, cells a second and peak memory.

    Args:
        lines: print a line an epoch, and at most one a minute, for logs in which a progress bar would be litter.
    """

    def __init__(self, lines: bool = False) -> None:
        self.lines = lines
        self._best: float | None = None
        self._best_epoch = 0

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock."""
        self._began = time.monotonic()
        self._done_before = trainer.fit_loop.epoch_loop.total_batch_idx + 1

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Print a few lines."""
        self._epoch_began, self._cells = time.monotonic(), 0  # a run that goes on within an epoch does not start one
        self._told = self._epoch_began
        trainer.print("\n".join(f"{name:<10} {text}" for name, text in _plan(trainer, pl_module).items()))
        if told := _ends_before_validation(trainer):
            trainer.print(f"note       {told}")

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start counting."""
        self._note_best(trainer, trainer.current_epoch - 1)
        self._epoch_began, self._cells = time.monotonic(), 0
        self._told = self._epoch_began

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        """Log the rate that this step takes: after it, the schedule has set that of the next."""
        pl_module.log("learning_rate", trainer.optimizers[0].param_groups[0]["lr"], batch_size=1)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Count, and measure up to the last step, before validation."""
        self._cells += len(batch["cell_ids"]) * trainer.world_size
        self._seconds = time.monotonic() - self._epoch_began
        if self.lines and time.monotonic() - self._told > MINUTE:
            self._told = time.monotonic()
            trainer.print(self._line(trainer, batch_idx + 1))

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Log throughput and memory at once: what Lightning logs after an epoch comes after the resume point."""
        rates = {"cells_per_second": self._cells / self._seconds, "peak_memory_gb": _peak_memory()}
        for logger in trainer.loggers:
            logger.log_metrics({**rates, "epoch": trainer.current_epoch}, trainer.global_step - 1)
        if self.lines:
            trainer.print(self._line(trainer, int(trainer.num_training_batches)))

    def _line(self, trainer: L.Trainer, batches: int) -> str:
        """Say where training stands: losses and rate so far, and how long it would take to the last epoch."""
        total, epochs = int(trainer.num_training_batches), trainer.max_epochs or 0
        done = trainer.current_epoch * total + batches
        found = [
            f"{name} {float(trainer.callback_metrics[name]):.4g}"
            for name in ("train_loss", "val_loss", "val_accuracy")
            if name in trainer.callback_metrics
        ]
        rate = self._cells / max(self._seconds, 1e-9)
        left = (epochs * total - done) * (time.monotonic() - self._began) / max(done - self._done_before, 1)
        end = f", at most {_minutes(left)} min to go" if epochs > 0 and left > 0 else ""
        place = f"epoch {trainer.current_epoch + 1} of {epochs if epochs > 0 else 'no end'}, batch {batches} of {total}"
        return f"{place}: {', '.join([*found, f'{rate:.0f} cells/s'])}{end}"

    def _note_best(self, trainer: L.Trainer, epoch: int) -> None:
        score = getattr(trainer.checkpoint_callback, "best_model_score", None)
        if score is not None and float(score) != self._best:
            self._best, self._best_epoch = float(score), epoch + 1

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Print time and memory, why it ended, which weights are the best, and what to do next."""
        self._note_best(trainer, trainer.current_epoch - 1)
        trainer.print(
            f"finished   {trainer.current_epoch} epochs, {trainer.global_step} steps in "
            f"{_minutes(time.monotonic() - self._began)} min, peak memory {_peak_memory():.1f} GB; {_why(trainer)}"
        )
        if self._best is not None:
            monitor = getattr(trainer.checkpoint_callback, "monitor", None)
            weights = getattr(trainer.checkpoint_callback, "best_model_path", "")
            trainer.print(f"best       epoch {self._best_epoch}, {monitor} {self._best:.4g}: {_short(weights)}")
        if getattr(trainer.checkpoint_callback, "best_model_path", "missing"):
            trainer.print(f"next       python -m hemblip test --run {trainer.default_root_dir}")
        else:
            trainer.print("best       none: training ended before its first validation; train longer")


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def _why(trainer: L.Trainer) -> str:
    """Say why training ended."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, EarlyStopping) and callback.stopped_epoch:
            return f"{callback.monitor} has not become better for {callback.wait_count} validations"
    if trainer.max_steps > 0 and trainer.global_step >= trainer.max_steps:
        return f"all {trainer.max_steps} steps are done"
    if trainer.max_epochs is not None and trainer.current_epoch >= trainer.max_epochs > -1:
        return "all epochs are done"
    return "stopped before its end"


def _short(path: str) -> str:
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path


def _plan(trainer: L.Trainer, captioner: L.LightningModule) -> dict[str, str]:
    manifest = trainer.datamodule.manifest  # type: ignore[attr-defined]
    counts = manifest["split"].value_counts()
    sizes = ", ".join(f"{counts.get(split, 0):,} {split}" for split in ("train", "val", "test"))
    parameters = sum(parameter.numel() for parameter in captioner.parameters())
    trained = sum(parameter.numel() for parameter in captioner.parameters() if parameter.requires_grad)
    batches = int(trainer.num_training_batches)
    batch = trainer.datamodule.batch_size  # type: ignore[attr-defined]
    accumulated = f" x {trainer.accumulate_grad_batches} accumulated" if trainer.accumulate_grad_batches > 1 else ""
    went_on = f", from epoch {trainer.current_epoch}, step {trainer.global_step}" if trainer.global_step else ""
    lacking = captioner.never_seen() if isinstance(captioner, Captioner) else ""
    return {
        "data": f"{sizes} cells of {manifest['group'].nunique():,} groups; {', '.join(sorted(set(manifest.source)))}",
        **({"note": lacking} if lacking else {}),
        "model": f"{type(captioner).__name__} {captioner.pretrained}, {captioner.adaptation}, "
        f"{parameters:,} parameters, {trained / parameters:.1%} train",
        "training": f"at most {trainer.max_epochs} epochs of {batches} batches of {batch} cells x {trainer.world_size} "
        f"ranks{accumulated}{went_on}",
        "precision": f"{trainer.precision} on {trainer.strategy.root_device.type}",
        "results": trainer.default_root_dir,
    }


def _ends_before_validation(trainer: L.Trainer) -> str:
    """Say so if the settings let training end before its first validation; `HemblipCLI` says what is without any."""
    batches, first, every = int(trainer.num_training_batches), trainer.val_check_batch, trainer.check_val_every_n_epoch
    if first is None or getattr(trainer.checkpoint_callback, "monitor", None) is None:
        return ""
    first += batches * (every - 1) if every is not None else 0
    ends = [trainer.max_epochs * batches] if trainer.max_epochs is not None and trainer.max_epochs >= 0 else []
    ends += [trainer.max_steps * trainer.accumulate_grad_batches] if trainer.max_steps >= 0 else []
    if not ends or first <= min(ends):
        return ""
    return f"training ends after {min(ends)} batches, before its first validation after {int(first)}: no best weights"


def _peak_memory() -> float:
    """Of the first GPU if there is one, otherwise of this process, in GB."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT / 1e9
