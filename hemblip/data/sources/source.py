"""What every dataset offers."""

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import pandas as pd

from hemblip.errors import DataError


class Source(ABC):
    """Cells of one published dataset or of the user's own, read from its own layout."""

    name: ClassVar[str]

    @abstractmethod
    def records(self) -> pd.DataFrame:
        """Read the dataset.

        Returns:
            Manifest (`hemblip.data.records`); a split of None is assigned later by group.

        Raises:
            DataError: the layout is not as published.
        """


def locate(root: str, fix: str) -> Path:
    """Resolve a dataset folder or file: as given if absolute, else below `$HEMBLIP_DATA` if set, else below here.

    Args:
        root: path as written in the config.
        fix: what the user can do when it is not there.

    Raises:
        DataError: nothing exists at the path.
    """
    path = Path(os.environ.get("HEMBLIP_DATA", ".")) / Path(root).expanduser()
    if not path.exists():
        raise DataError(f"{path}: no such folder or file (root '{root}', HEMBLIP_DATA); {fix}")
    return path
