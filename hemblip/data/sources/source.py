"""What every dataset offers."""

import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

import pandas as pd

from hemblip.data.records import manifest_table
from hemblip.data.sources.file_names import ImageFinder, copies, name_flaw, published_splits
from hemblip.data.tables import Table, read_table
from hemblip.errors import DataError, shown


class Source(ABC):
    """Cells of one published dataset or of the user's own, read from its own layout.

    A new dataset is one class in one file. Configs name it by its `class_path`, wherever the class lives:

        import pandas as pd

        from hemblip.data.sources import Source, locate


        class MyClinic(Source):
            name = "my_clinic"

            def __init__(self, root: str = "my_clinic") -> None:
                self.root = root

            def records(self) -> pd.DataFrame:
                folder = locate(self.root, "ask the clinic for the cells")
                table = self.table_of(folder / "cells.csv", ["file", "patient", "type"])
                rows = [
                    {"cell_id": f"my_clinic/{cell['file']}", "image": image, "source": self.name,
                     "group": f"my_clinic/{cell['patient']}", "cell_type": cell["type"]}
                    for cell in table.rows
                    if (image := self.image_of(cell["file"], folder, cell["file"]))
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

    @cached_property
    def _finders(self) -> dict[Path, ImageFinder]:
        return {}

    def exclude(self, entry: object, reason: str) -> None:
        """Note that an entry is left out; `reason` is what such entries have in common."""
        self.excluded[shown(str(entry))] = shown(reason)

    def table_of(self, path: Path, needed: Iterable[str] = (), columns: Mapping[str, str] | None = None) -> Table:
        """Read a table; rows that cannot be read are left out. See `hemblip.data.tables.read_table`."""
        return read_table(path, list(needed), columns, self.exclude)

    def image_of(self, entry: str, folder: Path, *names: str) -> str:
        """Find the image of an entry in a folder by any of its names; leave it out if there is none.

        Returns:
            Path, empty if there is none.
        """
        found = self._finders.setdefault(folder, ImageFinder(folder)).find(*names)
        if isinstance(found, Path):
            return str(found)
        self.exclude(entry, found)
        return ""

    def exclusions(self) -> str:
        """Why entries were left out, with their number, and where the first missing image was looked for."""
        counts = Counter(self.excluded.values())
        looked_for = next((finder.looked_for for finder in self._finders.values() if finder.looked_for), "")
        said = ", ".join(f"{reason} ({count})" for reason, count in counts.items())
        return said + (f"; looked for {shown(looked_for)} first" if looked_for else "")

    def manifest(self, rows: Iterable[Mapping[str, object]], origin: str) -> pd.DataFrame:
        """Make a manifest of what was not excluded; see `hemblip.data.records.manifest_table`.

        Where rows say neither: copies of one image that augmentation made share a group, and folders named train, val
        and test are splits.

        Raises:
            DataError: nothing is left, or see there.
        """
        kept = []
        for row in rows:
            if flaw := name_flaw(f"{row['cell_id']}{row['image']}"):
                self.exclude(row["cell_id"], flaw)
            else:
                kept.append(dict(row))
        if not kept and self.excluded:
            raise DataError(
                f"{origin}: none of {len(self.excluded)} entries can be used: {self.exclusions()} "
                f"(first entry: {next(iter(self.excluded))})"
            )
        images = [Path(str(row["image"])) for row in kept]
        for row, group, split in zip(kept, copies(images), published_splits(images), strict=True):
            if row.get("group") is None and group:
                row["group"] = f"{row['source']}/{group}"
            if row.get("split") is None:
                row["split"] = split
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
    if not os.path.exists(path):  # noqa: PTH110 - it takes any name, too long or with NUL
        raise DataError(f"{shown(str(path))}: no such folder or file (root '{shown(root)}', HEMBLIP_DATA); {fix}")
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
