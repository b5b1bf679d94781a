"""Order of training and evaluation cells, the same whatever the number of ranks, and resumable mid-epoch."""

from collections import Counter
from collections.abc import Container, Iterator

import numpy as np
from torch.utils.data import Sampler

from hemblip.data.balance import Shares, drawn

Draw = tuple[int, ...]
"""(epoch, row of the manifest): what a dataset needs to make one training example.

A cell that is drawn for the n-th time in an epoch, n > 1, has n as a third number, so that it is augmented otherwise.
"""


class TrainingBatches(Sampler[list[Draw]]):
    """Shuffled batches of one rank.

    A global batch is a run of `batch_size * world_size` cells of the epoch's permutation and rank r takes every
    `world_size`-th of them, so that one rank with the same global batch sees the same cells in the same steps. The
    last run is filled from the start of the permutation. With `shares`, as many draws take the permutation's place.

    Args:
        length: number of cells.
        batch_size: cells a batch and rank.
        seed: of the permutations, together with the epoch.
        rank: this process.
        world_size: number of processes.
        shares: how often cells are drawn, see `Balance`; None for each once an epoch.
    """

    def __init__(
        self,
        length: int,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        shares: Shares | None = None,
    ) -> None:
        self.length, self.batch_size, self.seed = length, batch_size, seed
        self.rank, self.world_size, self.shares = rank, world_size, shares
        self.epoch = 0
        self.consumed = 0

    def __len__(self) -> int:
        return -(-self.length // (self.batch_size * self.world_size))

    def __iter__(self) -> Iterator[list[Draw]]:
        draws = self._draws()
        across = self.batch_size * self.world_size
        filled = [draws[place % self.length] for place in range(len(self) * across)]
        start, self.consumed = self.consumed, 0
        for batch in range(start, len(self)):
            yield filled[batch * across + self.rank : (batch + 1) * across : self.world_size]

    def _draws(self) -> list[Draw]:
        """The epoch's draws, as many as there are cells."""
        rng = np.random.default_rng((self.seed, self.epoch))
        if self.shares is None:
            return [(self.epoch, int(cell)) for cell in rng.permutation(self.length)]
        draws: list[Draw] = []
        times: Counter[int] = Counter()
        for cell in drawn(self.shares, rng).tolist():
            times[cell] += 1
            draws.append((self.epoch, cell) if times[cell] == 1 else (self.epoch, cell, times[cell]))
        return draws

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
