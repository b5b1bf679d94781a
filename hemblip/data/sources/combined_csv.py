"""Images with free descriptions: a CSV with `image_filename,true_description,source`, as the paper's external set."""

import pandas as pd

from hemblip.data.sources.source import Source, find_image, locate, read_table

COLUMNS = ("image_filename", "true_description", "source")


class CombinedCSV(Source):
    """Described cells; the description is the caption, and there is no annotation.

    Such cells count in the text metrics. No attribute is scored on them, because reading the description would judge
    the reader by itself.

    Args:
        table: the CSV; relative to `$HEMBLIP_DATA` if set.
        images: folder of the images; the CSV's own if empty.
    """

    name = "combined_csv"

    def __init__(self, table: str = "external/combined.csv", images: str = "") -> None:
        self.table, self.images = table, images

    def records(self) -> pd.DataFrame:
        """Read the table; see `Source.records`."""
        path = locate(self.table, f"give a CSV with the columns {', '.join(COLUMNS)}")
        folder = locate(self.images, "give the folder of its images") if self.images else path.parent
        rows: dict[str, dict[str, object]] = {}
        for record in read_table(path, COLUMNS):
            file, description = record["image_filename"], record["true_description"]
            source = "_".join(record["source"].lower().split()) or self.name
            cell_id = f"{source}/{file}"
            image = find_image(folder, file)
            if not file or image is None:
                self.exclude(cell_id, "image missing")
            elif not description:
                self.exclude(cell_id, "no description")
            elif cell_id in rows:
                self.exclude(f"{cell_id}, again", "image listed again")
            else:
                rows[cell_id] = {
                    "cell_id": cell_id,
                    "image": str(image),
                    "source": source,
                    "captions": [description],
                }
        return self.manifest(rows.values(), str(path))
