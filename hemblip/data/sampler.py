"""Order of training and evaluation cells, the same whatever the number of ranks, and resumable mid-epoch."""

from collections.abc import Container, Iterator

import numpy as np
from torch.utils.data import Sampler

Draw = tuple[int, int]
"""(epoch, row of the manifest): what a dataset needs to make one training example."""


class TrainingBatches(Sampler[list[Draw]]):
    """Shuffled batches of one rank.

    A global batch is a run of `batch_size * world_size` cells of the epoch's permutation and rank r takes every
    `world_size`-th of them, so that one rank with the same global batch sees the same cells in the same steps. The
    last run is filled from the start of the permutation.

    Args:
        length: number of cells.
        batch_size: cells a batch and rank.
        seed: of the permutations, together with the epoch.
        rank: this process.
        world_size: number of processes.
    """

    def __init__(self, length: int, batch_size: int, seed: int, rank: int = 0, world_size: int = 1) -> None:
        self.length, self.batch_size, self.seed = length, batch_size, seed
        self.rank, self.world_size = rank, world_size
        self.epoch = 0
        self.consumed = 0

    def __len__(self) -> int:
        return -(-self.length // (self.batch_size * self.world_size))

    def __iter__(self) -> Iterator[list[Draw]]:
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.length)
        whole = len(self) * self.batch_size * self.world_size
        order = np.resize(order, whole).reshape(len(self), -1)  # (batches, cells of all ranks)
        epoch, start = self.epoch, self.consumed
        self.consumed = 0
        for cells in order[start:, self.rank :: self.world_size]:
            yield [(epoch, int(cell)) for cell in cells]

    def set_position(self, epoch: int, consumed: int = 0) -> None:
        """Start the next pass at batch `consumed` of `epoch`."""
        self.epoch, self.consumed = epoch, consumed

    def set_epoch(self, epoch: int) -> None:
        """Start the next pass with `epoch`, unless that is where it starts anyway, perhaps in its middle."""
        if epoch != self.epoch:
            self.set_position(epoch)

    @property
    def sampler(self) -> "TrainingBatches":
        """Itself: Lightning tells the epoch to the sampler inside a batch sampler."""
        return self


class EvaluationBatches(Sampler[list[Draw]]):
    """Every cell once, in manifest order, in batches that are the same on any number of ranks, dealt out to them.

    A rank for which no batch is left gets the first one again, because all ranks have to take part; who gathers
    knows cells by their ids.

    Args:
        length: number of cells.
        batch_size: cells a batch.
        rank: this process.
        world_size: number of processes.
        done: rows of the manifest that need not be seen again; a batch of nothing else is left out.
    """

    def __init__(
        self, length: int, batch_size: int, rank: int = 0, world_size: int = 1, done: Container[int] = ()
    ) -> None:
        starts = range(0, length, batch_size)
        batches = [range(start, min(start + batch_size, length)) for start in starts]
        left = [cells for cells in batches if not all(cell in done for cell in cells)]
        self.batches = left[rank::world_size] or batches[:1]

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[Draw]]:
        for cells in self.batches:
            yield [(0, cell) for cell in cells]
