"""What every dataset offers."""

import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import pandas as pd

from hemblip.data.records import manifest_table
from hemblip.errors import DataError


class Source(ABC):
    """Cells of one published dataset or of the user's own, read from its own layout.

    A new dataset is one class in one file. Configs name it by its `class_path`, wherever the class lives:

        class MyClinic(Source):
            name = "my_clinic"

            def __init__(self, root: str = "my_clinic") -> None:
                self.root = root

            def records(self) -> pd.DataFrame:
                folder = locate(self.root, "ask the clinic for the cells")
                table = pd.read_csv(folder / "cells.csv", dtype=str)
                rows = [
                    {"cell_id": f"my_clinic/{cell.file}", "image": str(inside(folder, cell.file)), "source": self.name,
                     "group": f"my_clinic/{cell.patient}", "cell_type": cell.type}
                    for cell in table.itertuples()
                ]
                return self.manifest(rows, str(folder))

    Whatever a row leaves out (`hemblip.data.records.MANIFEST_COLUMNS`) gets its default; attributes that are not given
    are not stated. Entries that cannot be used are named with `exclude`, so that `prepare` counts them by reason.
    """

    name: str

    @abstractmethod
    def records(self) -> pd.DataFrame:
        """Read the dataset.

        Returns:
            Manifest (`hemblip.data.records`); a split of None is assigned later by group.

        Raises:
            DataError: the layout is not as published.
        """

    @cached_property
    def excluded(self) -> dict[str, str]:
        """Each entry that `records` left out -> reason."""
        return {}

    @cached_property
    def changed(self) -> dict[str, str]:
        """Each value of an entry that `records` did not take as written -> reason."""
        return {}

    def exclude(self, entry: object, reason: str) -> None:
        """Note that an entry is left out; `reason` is what such entries have in common."""
        self.excluded[str(entry)] = reason

    def manifest(self, rows: Iterable[Mapping[str, object]], origin: str) -> pd.DataFrame:
        """Make a manifest of what was not excluded; see `hemblip.data.records.manifest_table`.

        Raises:
            DataError: nothing is left, or see there.
        """
        kept = list(rows)
        if not kept and self.excluded:
            reasons = ", ".join(f"{reason} ({count})" for reason, count in Counter(self.excluded.values()).items())
            raise DataError(f"{origin}: none of {len(self.excluded)} entries can be used: {reasons}")
        return manifest_table(kept, origin)


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


def inside(folder: Path, relative: str) -> Path:
    """Join a path from a table to its data folder.

    Raises:
        DataError: the path leads out of the folder.
    """
    path = folder / relative
    if not path.resolve().is_relative_to(folder.resolve()):
        raise DataError(f"{relative}: this path leaves the data folder {folder}; correct the table")
    return path


def find_image(folder: Path, *names: str) -> Path | None:
    """Find an image by any of its names in `folder` or its folder of images, None if it is nowhere.

    Tables name images by paths on their authors' machines, of which only the end is of use here.

    Raises:
        DataError: a name leads out of the folder.
    """
    for name in filter(None, names):
        written = Path(name)
        path = inside(folder, written.name if written.is_absolute() else name)
        if path.is_file():
            return path
        for below in ("images", "Images"):
            if (folder / below / written.name).is_file():
                return folder / below / written.name
    return None


def read_table(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Read a CSV as text, without white space around its values.

    Raises:
        DataError: it is no table, or a column is missing.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", skipinitialspace=True)
    except (OSError, ValueError) as error:  # the parser's and the decoder's errors are ValueErrors
        raise DataError(f"{path}: not a readable CSV ({error})") from error
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise DataError(f"{path}: missing column {', '.join(missing)}; found {', '.join(map(str, table.columns))}")
    return [{str(name): str(value).strip() for name, value in row.items()} for row in table.to_dict("records")]
