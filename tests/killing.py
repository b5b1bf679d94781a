"""Callbacks that end a process as a power cut would."""

import os
import signal

import lightning as L


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
