"""Images beside a table of their classes."""

from pathlib import Path

import pandas as pd

from hemblip.data.masks import find_mask
from hemblip.data.sources.class_mapping import ClassMapping
from hemblip.data.sources.source import Source, find_image, locate, read_table


class LabelTable(Source):
    """Cells whose class stands in a CSV with the columns `image` and `cell_type`.

    A class that the mapping lacks is left out and listed, never guessed.

    Args:
        table: the CSV; relative to `$HEMBLIP_DATA` if set. Images are beside it or in its folder `images`.
        classes: mapping file (see `class_mapping.ClassMapping`), or the name of a published collection: cellavision.
        name: of the source; that of the mapping file if empty.
    """

    def __init__(self, table: str, classes: str, name: str = "") -> None:
        self.table, self.classes = table, classes
        self.name = name or Path(classes).stem

    def records(self) -> pd.DataFrame:
        """Read the table; see `Source.records`."""
        path = locate(self.table, "give a CSV with the columns image and cell_type")
        mapping = ClassMapping.read(self.classes)
        rows: dict[str, dict[str, object]] = {}
        for number, record in enumerate(read_table(path, ("image", "cell_type")), 1):
            file, label = record["image"], record["cell_type"]
            image, cell_id = find_image(path.parent, file), f"{self.name}/{file}"
            flaw = mapping.flaw(label) or ("image missing" if image is None else "")
            if cell_id in rows:
                flaw = "image listed again"
            if flaw:
                self.exclude(f"{cell_id} (row {number})", flaw)
                continue
            group = mapping.group_of(file)
            rows[cell_id] = {
                **mapping.attributes(label),
                "cell_id": cell_id,
                "image": str(image),
                "masks": image and find_mask(image),
                "source": self.name,
                "group": f"{self.name}/{group}" if group else None,
            }
        return self.manifest(rows.values(), str(path))
