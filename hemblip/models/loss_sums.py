"""Losses of an evaluation's cells, summed exactly: their mean does not depend on the number of ranks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction


@dataclass
class LossSums:
    """Of the cells of one rank.

    Attributes:
        first: cells of the first batch.
        nats: negative log-likelihood of their captions.
        tokens: of their captions, ends included.
    """

    first: list[str] = field(default_factory=list)
    nats: Fraction = Fraction()
    tokens: int = 0

    def add(self, losses: Iterable[tuple[float, int]]) -> None:
        """Count nats and tokens of cells."""
        for nats, tokens in losses:
            self.nats += Fraction(nats)
            self.tokens += tokens


def mean_loss(ranks: Sequence[LossSums]) -> float | None:
    """Mean in nats over the tokens of all ranks' cells, each cell once; None without tokens.

    A mean of ranks' means would count cells unequally.
    """
    first, *others = ranks
    # A rank without cells of its own has read the first batch too, and nothing else.
    sums = [first, *(other for other in others if other.first != first.first)]
    tokens = sum(one.tokens for one in sums)
    return float(sum((one.nats for one in sums), Fraction()) / tokens) if tokens else None
