"""How often training cells are drawn, so that rare classes are seen more often than they occur."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemblip.errors import ConfigError, check_range
from hemblip.morphology import KEYS

Shares = NDArray[np.float64]
"""(N,), how many times each cell is drawn in an epoch on average; the sum is N."""


@dataclass(frozen=True)
class Balance:
    """Draw each class by a power of its frequency: square-root sampling (Mahajan et al., ECCV 2018) by default.

    A class is a combination of values; not annotated is a value too.

    Args:
        keys: attributes that make the classes.
        power: of a class's frequency, 0 to 1; 1 leaves cells as frequent as they are, 0 draws all classes equally.

    Raises:
        ConfigError: an attribute is not in the schema, none is named, or the power is out of range.
    """

    keys: Sequence[str] = ("cell_type", "diagnosis")
    power: float = 0.5

    def __post_init__(self) -> None:
        unknown = [key for key in self.keys if key not in KEYS]
        if unknown or not self.keys:
            named = f"names '{unknown[0]}'" if unknown else "is empty"
            raise ConfigError(f"data.init_args.balance.keys {named}; attributes are {', '.join(KEYS)}")
        check_range("data.init_args.balance.power", self.power, at_least=0, at_most=1)

    def shares(self, cells: pd.DataFrame) -> Shares:
        """Say how often each of N cells of a manifest is drawn."""
        classes = cells.groupby(list(self.keys), dropna=False, sort=False).ngroup().to_numpy()
        weights = (np.bincount(classes) ** (self.power - 1.0))[classes]
        shares: Shares = weights * (len(cells) / weights.sum())
        return shares


def drawn(shares: Shares, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw N cells of N by systematic sampling: each as often as its share says, rounded up or down.

    Args:
        shares: of the cells.
        rng: draws which are rounded up, and the order.

    Returns:
        Numbers of cells (N,), in random order.
    """
    order = rng.permutation(len(shares))
    # Ticks a unit apart: a cell is drawn once for each that falls on its stretch. The last stretch has no end, for sums
    # of floats may fall short.
    ends = shares[order].cumsum()[:-1]
    ticks = np.arange(len(shares)) + rng.random()
    return rng.permutation(order[np.searchsorted(ends, ticks, side="right")])
