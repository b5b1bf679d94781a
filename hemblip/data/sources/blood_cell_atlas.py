"""Blood Cell Atlas (Mindray, 2022): single cells cut out of the pages of an atlas, with short descriptions.

Layout: a CSV with `image_path,image_filename,page_number,cell_type,binary_label,description,full_text,source` and a
folder of images named like `page_4_img_3_healthy.jpg`.
"""

from collections.abc import Mapping

import pandas as pd

from hemblip.data.sources.class_mapping import ClassMapping
from hemblip.data.sources.source import Source, locate
from hemblip.data.tables import texts
from hemblip.morphology import HEALTHY

COLUMNS = ("image", "page_number", "cell_type", "binary_label", "caption")


class BloodCellAtlas(Source):
    """The cells of the atlas: the columns of type and label are the annotation, the description is the caption.

    A type that the mapping lacks is not stated, and counted. A label of healthy is the diagnosis, any other names no
    subtype. What the description says is no annotation: reading it would judge the reader by itself. The page is the
    group; its text is not read, because it is of many cells.

    Args:
        table: the CSV; relative to `$HEMBLIP_DATA` if set.
        images: folder of the images; the CSV's own if empty.
        classes: mapping file of its cell types, see `class_mapping.ClassMapping`.
        columns: what a column holds -> its name, where that is not the published one.
    """

    name = "blood_cell_atlas"

    def __init__(
        self,
        table: str = "blood_cell_atlas/blood_cell_atlas.csv",
        images: str = "",
        classes: str = "blood_cell_atlas",
        columns: Mapping[str, str] | None = None,
    ) -> None:
        self.table, self.images, self.classes, self.columns = table, images, classes, columns

    def records(self) -> pd.DataFrame:
        """Read the table; see `Source.records`."""
        path = locate(self.table, "give the CSV of the Blood Cell Atlas")
        folder = locate(self.images, "give the folder of its images") if self.images else path.parent
        mapping = ClassMapping.read(self.classes)
        rows: dict[str, dict[str, object]] = {}
        for record in self.table_of(path, COLUMNS, self.columns).rows:
            file, captions = record["image"], texts(record["caption"])
            cell_id = f"{self.name}/{file}"
            if cell_id in rows:
                self.exclude(f"{cell_id}, again", "image listed again")
                continue
            image = self.image_of(cell_id, folder, file, record.get("image_path", ""))
            if not image:
                continue
            cell_type = _known(record["cell_type"], mapping)
            if mapping.flaw(cell_type):
                self.changed[cell_id] = f"cell type '{cell_type}', not stated"
            if captions is None:
                self.changed[f"{cell_id} description"] = "description is no text, not taken"
            healthy = record["binary_label"].lower() in (HEALTHY, "normal")
            rows[cell_id] = {
                **mapping.attributes(cell_type),
                **({"diagnosis": HEALTHY} if healthy else {}),
                "cell_id": cell_id,
                "image": image,
                "source": self.name,
                "group": f"{self.name}/page-{record['page_number']}",
                "captions": captions or [],
            }
        return self.manifest(rows.values(), str(path))


def _known(cell_type: str, mapping: ClassMapping) -> str:
    """A type in lower case, in the singular if the mapping has it so."""
    written = " ".join(cell_type.lower().split())
    singular = written.removesuffix("s")
    return singular if singular in mapping.meanings else written
