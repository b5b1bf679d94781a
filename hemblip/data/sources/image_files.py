"""Images of which nothing is known."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from hemblip.data.masks import find_mask, has_masks
from hemblip.data.records import MANIFEST_COLUMNS
from hemblip.data.sources.boxes import FORMS, NOT_A_BOX, box_columns, box_of, place_of, written
from hemblip.data.sources.file_names import SUFFIXES, list_images
from hemblip.data.sources.manifest import read_manifest
from hemblip.data.sources.source import Source
from hemblip.data.tables import SUFFIXES as TABLES
from hemblip.data.tables import Table
from hemblip.errors import DataError, shown


class ImageFiles(Source):
    """One image, every image of a folder, or the rows of a table; for prediction.

    Args:
        path: image; or folder, searched recursively; or a manifest; or another table (see `hemblip.data.tables`) with a
            column of images (relative to the table), and of `cell_id`, boxes (see `boxes`) and `width_factor` where
            cells need them. All relative to here.
    """

    name = "images"

    def __init__(self, path: str) -> None:
        self.path = path

    def records(self) -> pd.DataFrame:
        """List the images; see `Source.records`."""
        path = Path(self.path).expanduser()
        if os.path.isdir(path):  # noqa: PTH112 - it takes any name, too long or with NUL
            found = list_images(path)
            if not found:
                raise DataError(f"{path}: no images; looked for {', '.join(SUFFIXES)}")
            masked = has_masks(path)  # else each of a million images would be asked for its own
            return self._manifest(
                {
                    "cell_id": str(file.relative_to(path)),
                    "image": str(file),
                    "masks": find_mask(file) if masked else None,
                }
                for file in found
            )
        if not os.path.exists(path):  # noqa: PTH110 - see above
            raise DataError(f"{shown(str(path))}: no such image, folder or table")
        if path.suffix.lower() in SUFFIXES:
            return self._manifest([{"cell_id": path.name, "image": str(path), "masks": find_mask(path)}])
        if path.suffix.lower() not in (*TABLES, ".xlsx", ".xls", ".ods"):  # those are told what to do
            raise DataError(f"{path}: neither an image nor a table; give images, or one of {', '.join(TABLES)}")
        table = self.table_of(path, ["image"])
        if set(MANIFEST_COLUMNS) <= set(table.columns):
            return read_manifest(path)
        return self._manifest(self._rows(table, path))

    def _manifest(self, rows: Iterable[dict[str, object]]) -> pd.DataFrame:
        return self.manifest([{**row, "source": self.name} for row in rows], str(self.path))

    def _rows(self, table: Table, path: Path) -> list[dict[str, object]]:
        places = box_columns(table.columns, str(path))
        used = {table.known.get(name) for name in ("cell_id", "image")} | {*places, "width_factor"}
        unread = [name for name in table.columns if name not in used]
        if unread:
            print(f"note: {path}: not read: {', '.join(unread)[:300]}; cells are cut out by {FORMS}", file=sys.stderr)
        if len(places) > 1:
            print(f"note: {path}: {', '.join(places)} are read as each cell's bbox, in pixels", file=sys.stderr)
        rows: dict[str, dict[str, object]] = {}
        for number, record in enumerate(table.rows, 1):
            file, cell = record["image"], record.get("cell_id", "")
            entry = f"{cell or file} (row {number})"
            try:
                box, factor = box_of(record, places), float(record.get("width_factor") or 1)
            except ValueError:
                self.exclude(f"{entry}, {written(record, places)}", NOT_A_BOX)
                continue
            cell = cell or Path(file).name + (f"/{place_of(box)}" if box else "")
            if not file:
                self.exclude(entry, "no image named")
            elif cell in rows:
                self.exclude(entry, "cell listed again")
            elif image := self.image_of(entry, path.parent, file):
                rows[cell] = {"cell_id": cell, "image": image, "bbox": box, "width_factor": factor}
        return list(rows.values())
