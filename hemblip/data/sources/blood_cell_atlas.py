"""Blood Cell Atlas (Mindray, 2022): single cells cut out of the pages of an atlas, with short descriptions.

Layout: a CSV with `image_path,image_filename,page_number,cell_type,binary_label,description,full_text,source` and a
folder of images named like `page_4_img_3_healthy.jpg`.
"""

import pandas as pd

from hemblip.data.sources.source import Source, find_image, locate, read_table
from hemblip.morphology import HEALTHY, extract_attributes

COLUMNS = ("image_filename", "page_number", "cell_type", "binary_label", "description")


class BloodCellAtlas(Source):
    """The cells of the atlas: what type and description say is the annotation, the description the caption.

    A type outside of the paper's 13 is not stated, and counted. The page is the group; its text is not read, because it
    is of many cells. A label of healthy is the diagnosis, any other names no subtype.

    Args:
        table: the CSV; relative to `$HEMBLIP_DATA` if set.
        images: folder of the images; the CSV's own if empty.
    """

    name = "blood_cell_atlas"

    def __init__(self, table: str = "blood_cell_atlas/blood_cell_atlas.csv", images: str = "") -> None:
        self.table, self.images = table, images

    def records(self) -> pd.DataFrame:
        """Read the table; see `Source.records`."""
        path = locate(self.table, "give the CSV of the Blood Cell Atlas")
        folder = locate(self.images, "give the folder of its images") if self.images else path.parent
        rows: dict[str, dict[str, object]] = {}
        for record in read_table(path, COLUMNS):
            file = record["image_filename"]
            image = find_image(folder, file, record.get("image_path", ""))
            cell_id = f"{self.name}/{file}"
            if not file or image is None:
                self.exclude(cell_id, "image missing")
                continue
            if cell_id in rows:
                self.exclude(f"{cell_id}, again", "image listed again")
                continue
            described = f"{record['cell_type']}. {record['description']}"
            attributes = extract_attributes(described)
            if attributes["cell_type"] is None:
                said = record["cell_type"].strip().lower() or "no type"
                self.changed[cell_id] = f"cell type outside of the schema: {said}, not stated"
            if record["binary_label"].strip().lower() in (HEALTHY, "normal"):
                attributes["diagnosis"] = HEALTHY
            rows[cell_id] = {
                **attributes,
                "cell_id": cell_id,
                "image": str(image),
                "source": self.name,
                "group": f"{self.name}/page-{record['page_number']}",
                "captions": [record["description"]] if record["description"] else [],
            }
        return self.manifest(rows.values(), str(path))
