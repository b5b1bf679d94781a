"""Images of which nothing is known."""

import json
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from hemblip.data.masks import find_mask, is_mask
from hemblip.data.records import MANIFEST_COLUMNS, manifest_table
from hemblip.data.sources.manifest import read_manifest
from hemblip.data.sources.source import Source, inside, read_table
from hemblip.errors import DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


class ImageFiles(Source):
    """One image, every image of a folder, or the rows of a table; for prediction.

    Args:
        path: image; or folder, searched recursively; or a manifest; or another Parquet or CSV table with the columns
            `cell_id` and `image` (relative to the table), and `bbox` and `width_factor` where cells need them, as in
            `hemblip.data.records`. All relative to here.
    """

    name = "images"

    def __init__(self, path: str) -> None:
        self.path = path

    def records(self) -> pd.DataFrame:
        """List the images; see `Source.records`."""
        path = Path(self.path).expanduser()
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
            found = [file for file in files if not is_mask(file.relative_to(path))]
            if not found:
                raise DataError(f"{path}: no images; looked for {', '.join(SUFFIXES)}")
            masked = len(found) < len(files)  # else a million images need not be looked at once more
            return self._manifest(
                {
                    "cell_id": str(file.relative_to(path)),
                    "image": str(file),
                    "masks": find_mask(file) if masked else None,
                }
                for file in found
            )
        if not path.is_file():
            raise DataError(f"{path}: no such image, folder or table")
        if path.suffix.lower() in SUFFIXES:
            return self._manifest([{"cell_id": path.name, "image": str(path), "masks": find_mask(path)}])
        if path.suffix not in (".csv", ".parquet"):
            raise DataError(f"{path}: neither an image nor a .csv or .parquet table; give images or a table of them")
        table = _parquet(path) if path.suffix == ".parquet" else pd.DataFrame(read_table(path, ["cell_id", "image"]))
        if set(MANIFEST_COLUMNS) <= set(table.columns):
            return read_manifest(path)
        return self._manifest(_row(row, path) for row in table.to_dict("records"))

    def _manifest(self, rows: Iterable[dict[str, object]]) -> pd.DataFrame:
        return manifest_table([{**row, "source": self.name} for row in rows], str(self.path))


def _parquet(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a readable Parquet file ({error})") from error
    missing = [column for column in ("cell_id", "image") if column not in table.columns]
    if missing:
        raise DataError(f"{path}: missing column {', '.join(missing)}; found {', '.join(map(str, table.columns))}")
    return table.astype(object).where(table.notna(), None)


def _row(row: Mapping[Hashable, Any], table: Path) -> dict[str, object]:
    """Take what says where a cell is: an id, an image, a box; CSV holds text only."""
    cell, image, box, factor = (row.get(name) for name in ("cell_id", "image", "bbox", "width_factor"))
    if not cell or not image:
        raise DataError(f"{table}: a row has cell_id '{cell}' and image '{image}'; give both")
    try:
        read = json.loads(box or "null") if isinstance(box, str) else box
        where = {"bbox": None if read is None else [float(value) for value in read], "width_factor": float(factor or 1)}
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{table}: cell '{cell}' has bbox '{box}' and width_factor '{factor}'; write [x, y, width, height] and a "
            "number, or nothing"
        ) from error
    return {"cell_id": cell, "image": str(inside(table.parent, str(image))), **where}
