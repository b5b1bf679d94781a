"""Callbacks that end a process as a power cut would, or spoil its weights."""

import os
import signal

import lightning as L
import torch


def power_cut():
    os.kill(os.getpid(), signal.SIGKILL)


class KillAfterStep(L.Callback):
    """End `rank` when `step` batches are done in all, or in the validation that follows."""

    def __init__(self, step: int, in_validation: bool = False, rank: int = 0) -> None:
        self.step, self.in_validation, self.rank = step, in_validation, rank

    def _reached(self, trainer):
        return trainer.global_rank == self.rank and trainer.fit_loop.epoch_loop.total_batch_idx + 1 == self.step

    def on_train_batch_end(self, trainer, *_):
        if not self.in_validation and self._reached(trainer):
            power_cut()

    def on_validation_end(self, trainer, *_):
        if self.in_validation and self._reached(trainer):
            power_cut()


class SpoilWeights(L.Callback):
    """Make a weight of `rank` not a number when `step` batches are done in all, or where validation begins."""

    def __init__(self, step: int | None, rank: int = 0) -> None:
        self.step, self.rank = step, rank

    def on_train_batch_end(self, trainer, pl_module, *_):
        if trainer.fit_loop.epoch_loop.total_batch_idx + 1 == self.step:
            self._spoil(trainer, pl_module)

    def on_validation_start(self, trainer, pl_module):
        if self.step is None:
            self._spoil(trainer, pl_module)

    def _spoil(self, trainer, pl_module):
        if trainer.global_rank == self.rank:
            torch.nn.init.constant_(pl_module.model.text_decoder.cls.predictions.bias, torch.nan)


class StopAfterStep(L.Callback):
    """End the command as Ctrl-C does when `step` batches are done in all."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_end(self, trainer, *_):
        if trainer.fit_loop.epoch_loop.total_batch_idx + 1 == self.step:
            raise KeyboardInterrupt
