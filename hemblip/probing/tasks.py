"""What is read from frozen embeddings: the leukemia subtype and the cell type, as in the paper's Table 3."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemblip.morphology import HEALTHY, SCHEMA

LEUKEMIAS = tuple(value for value in SCHEMA["diagnosis"] if value != HEALTHY)


@dataclass(frozen=True)
class Task:
    """One classification of cells.

    Attributes:
        key: schema key that holds the label.
        classes: values that take part; cells with another value, or none, are left out.
        title: as the table names it.
    """

    key: str
    classes: tuple[str, ...]
    title: str

    def labels(self, manifest: pd.DataFrame) -> NDArray[np.int64]:
        """Index the class of each row (N,); -1 = does not take part."""
        number = {name: index for index, name in enumerate(self.classes)}
        return np.array([number.get(value, -1) for value in manifest[self.key]], dtype=np.int64)


TASKS: Mapping[str, Task] = MappingProxyType(
    {
        "subtype": Task("diagnosis", LEUKEMIAS, "Leukemia subtype (5)"),
        "subtype_or_healthy": Task("diagnosis", (HEALTHY, *LEUKEMIAS), "Leukemia subtype or healthy (6)"),
        "cell_type": Task("cell_type", SCHEMA["cell_type"], "Cell type (13)"),
    }
)
"""By the name that a config uses."""
