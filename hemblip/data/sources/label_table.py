"""Images beside a table of their classes."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from hemblip.data.masks import find_mask
from hemblip.data.sources.boxes import NOT_A_BOX, box_columns, box_of, place_of, written
from hemblip.data.sources.class_mapping import ClassMapping, source_name
from hemblip.data.sources.file_names import split_of
from hemblip.data.sources.source import Source, locate
from hemblip.data.tables import tables_in


class LabelTable(Source):
    """Cells whose class stands in a table (see `hemblip.data.tables`), with a box where an image has several cells.

    A class that the mapping lacks is left out and listed, never guessed.

    Args:
        table: with columns of image and class; or a folder, whose `metadata` files or Parquet files are read. Relative
            to `$HEMBLIP_DATA` if set.
        classes: mapping file (see `class_mapping.ClassMapping`), or the name of a published collection: cellavision, as
            its authors' table has it.
        name: of the source; if empty, that of the published collection, or of the table.
        images: folder of the images; the table's own if empty.
        columns: what a column holds (image, cell_type, group, split) -> its name, where that is not one of
            `hemblip.data.tables.KNOWN`.
    """

    def __init__(
        self, table: str, classes: str, name: str = "", images: str = "", columns: Mapping[str, str] | None = None
    ) -> None:
        self.table, self.classes, self.images, self.columns = table, classes, images, columns
        self.name = name or source_name(classes, Path(table).stem)

    def records(self) -> pd.DataFrame:
        """Read the table; see `Source.records`."""
        root = locate(self.table, "give a table with the columns image and cell_type")
        mapping = ClassMapping.read(self.classes)
        rows: dict[str, dict[str, object]] = {}
        for path in (tables := tables_in(root)):
            shard = path.stem.partition("-")[0] if len(tables) > 1 else ""
            table = self.table_of(path, ("image", "cell_type"), self.columns)
            places = box_columns(table.columns, str(path))
            folder = locate(self.images, "give the folder of its images") if self.images else path.parent
            for number, record in enumerate(table.rows, 1):
                file = record["image"]
                label = mapping.label_of(file, record["cell_type"])
                entry = f"{self.name}/{file} (row {number})"
                try:
                    box = box_of(record, places)
                except ValueError:
                    self.exclude(f"{entry}, {written(record, places)}", NOT_A_BOX)
                    continue
                cell_id = f"{self.name}/{file}" + (f"/{place_of(box)}" if box else "")
                if flaw := "image listed again" if cell_id in rows else mapping.flaw(label):
                    self.exclude(entry, flaw)
                elif image := self.image_of(entry, folder, mapping.file_of(file)):
                    group = record.get("group") or mapping.group_of(file)
                    rows[cell_id] = {
                        **mapping.attributes(label),
                        "cell_id": cell_id,
                        "image": image,
                        "bbox": box,
                        "masks": find_mask(Path(image)),
                        "source": self.name,
                        "group": f"{self.name}/{group}" if group else None,
                        "split": split_of(record.get("split") or shard),
                    }
        return self.manifest(rows.values(), str(root))
