"""What a run is about to do, and what it took."""

import resource
import sys
import time
from typing import Any

import lightning as L
import torch

from hemblip.data.dataset import Batch

RSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes."""


class RunSummary(L.Callback):
    """Print what is about to happen; log learning rate, cells a second and peak memory."""

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock."""
        self._began = time.monotonic()

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Print five lines."""
        self._epoch_began, self._cells = time.monotonic(), 0
        trainer.print("\n".join(f"{name:<10} {text}" for name, text in _plan(trainer, pl_module).items()))

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start counting."""
        self._epoch_began, self._cells = time.monotonic(), 0

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

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Log throughput and memory at once: what Lightning logs after an epoch comes after the resume point."""
        rates = {"cells_per_second": self._cells / self._seconds, "peak_memory_gb": _peak_memory()}
        for logger in trainer.loggers:
            logger.log_metrics({**rates, "epoch": trainer.current_epoch}, trainer.global_step - 1)

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Print time and memory."""
        minutes, seconds = divmod(round(time.monotonic() - self._began), 60)
        trainer.print(
            f"finished   {trainer.current_epoch} epochs, {trainer.global_step} steps in {minutes}:{seconds:02d} min, "
            f"peak memory {_peak_memory():.1f} GB"
        )


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
    return {
        "data": f"{sizes} cells of {manifest['group'].nunique():,} groups; {', '.join(sorted(set(manifest.source)))}",
        "model": f"{type(captioner).__name__} {captioner.pretrained}, {captioner.adaptation}, "
        f"{parameters:,} parameters, {trained / parameters:.1%} train",
        "training": f"at most {trainer.max_epochs} epochs of {batches} batches of {batch} cells x {trainer.world_size} "
        f"ranks{accumulated}{went_on}",
        "precision": f"{trainer.precision} on {trainer.strategy.root_device.type}",
        "results": trainer.default_root_dir,
    }


def _peak_memory() -> float:
    """Of the first GPU if there is one, otherwise of this process, in GB."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT / 1e9
