"""Images with free descriptions: a table, as the paper's external set or Hugging Face's imagefolder has it."""

from collections.abc import Mapping

import pandas as pd

from hemblip.data.sources.boxes import NOT_A_BOX, box_columns, box_of, place_of, written
from hemblip.data.sources.file_names import split_of
from hemblip.data.sources.source import Source, locate
from hemblip.data.tables import tables_in, texts


class CombinedCSV(Source):
    """Described cells; the description is the caption, and there is no annotation.

    Such cells count in the text metrics. No attribute is scored on them, because reading the description would judge
    the reader by itself.

    Args:
        table: with columns of image and caption (see `hemblip.data.tables`), and of source where cells have several; or
            a folder, whose `metadata` files or Parquet files are read. Relative to `$HEMBLIP_DATA` if set.
        images: folder of the images; the table's own if empty.
        columns: what a column holds (image, caption, source, group, split) -> its name, where that is not one of
            `hemblip.data.tables.KNOWN`, such as `{caption: findings, image: file}`.
    """

    name = "combined_csv"

    def __init__(
        self, table: str = "external/combined.csv", images: str = "", columns: Mapping[str, str] | None = None
    ) -> None:
        self.table, self.images, self.columns = table, images, columns

    def records(self) -> pd.DataFrame:
        """Read the table; see `Source.records`."""
        root = locate(self.table, "give a table with the columns image and caption")
        rows: dict[str, dict[str, object]] = {}
        for path in (tables := tables_in(root)):
            shard = path.stem.partition("-")[0] if len(tables) > 1 else ""
            table = self.table_of(path, ("image", "caption"), self.columns)
            places = box_columns(table.columns, str(path))
            folder = locate(self.images, "give the folder of its images") if self.images else path.parent
            below = path.parent.relative_to(root).as_posix() + "/" if root.is_dir() and path.parent != root else ""
            for number, record in enumerate(table.rows, 1):
                file, captions = record["image"], texts(record["caption"])
                source = "_".join(record.get("source", "").lower().split()) or self.name
                cell_id = f"{source}/{below}{file or f'row {number}'}"
                try:
                    box = box_of(record, places)
                except ValueError:
                    self.exclude(f"{cell_id}, {written(record, places)}", NOT_A_BOX)
                    continue
                cell_id += f"/{place_of(box)}" if box else ""
                if not captions:
                    self.exclude(cell_id, "no description" if captions is not None else "description is no text")
                elif cell_id in rows:
                    self.exclude(f"{cell_id}, again", "image listed again")
                elif image := self.image_of(cell_id, folder, file):
                    group = record.get("group")
                    rows[cell_id] = {
                        "cell_id": cell_id,
                        "image": image,
                        "bbox": box,
                        "source": source,
                        "group": f"{source}/{group}" if group else None,
                        "split": split_of(record.get("split") or shard),
                        "captions": captions,
                    }
        return self.manifest(rows.values(), str(root))
