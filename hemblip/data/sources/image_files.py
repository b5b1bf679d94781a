"""Images of which nothing is known."""

import pandas as pd

from hemblip.data.records import manifest_table
from hemblip.data.sources.source import Source, locate
from hemblip.errors import DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


class ImageFiles(Source):
    """Every image of a folder, or the rows of a table; for prediction.

    Args:
        path: folder, searched recursively, or a Parquet or CSV table with the columns `cell_id` and `image` (relative
            to the table).
    """

    name = "images"

    def __init__(self, path: str) -> None:
        self.path = path

    def records(self) -> pd.DataFrame:
        """List the images; see `Source.records`."""
        path = locate(self.path, "give a folder of images or a manifest")
        if path.is_dir():
            found = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
            if not found:
                raise DataError(f"{path}: no images; looked for {', '.join(SUFFIXES)}")
            rows = [{"cell_id": str(file.relative_to(path)), "image": str(file)} for file in found]
        else:
            table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, dtype=str)
            missing = [column for column in ("cell_id", "image") if column not in table.columns]
            if missing:
                raise DataError(f"{path}: missing column {', '.join(missing)}; found {', '.join(table.columns)}")
            rows = [
                {
                    str(name): value
                    for name, value in row.items()
                    if name in ("cell_id", "image", "bbox", "width_factor")
                }
                | {"image": str(path.parent / str(row["image"]))}
                for row in table.to_dict("records")
            ]
        return manifest_table([{**row, "source": self.name} for row in rows], self.name)
