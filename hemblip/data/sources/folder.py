"""Images in one folder a class: published collections of single cells, or a user's own."""

from pathlib import Path

import pandas as pd

from hemblip.data.masks import find_mask
from hemblip.data.sources.class_mapping import ClassMapping, source_name
from hemblip.data.sources.file_names import list_images
from hemblip.data.sources.source import Source, locate


class Folder(Source):
    """Cells whose class is the name of their folder; a mapping file says what a class means.

    A class that the mapping lacks is left out and listed, never guessed. Folders named train, val and test above the
    class folders are the published split.

    Args:
        root: folder of class folders, at any depth; relative to `$HEMBLIP_DATA` if set.
        classes: mapping file (see `class_mapping.ClassMapping`), or the name of a published collection: bccd,
            kaggle_apl, kaggle_cancer (the paper's), munich_aml, pbc, raabin.
        name: of the source; if empty, that of the published collection, or of the folder.
    """

    def __init__(self, root: str, classes: str, name: str = "") -> None:
        self.root, self.classes = root, classes
        self.name = name or source_name(classes, Path(root).name)

    def records(self) -> pd.DataFrame:
        """List the images; see `Source.records`."""
        folder = locate(self.root, "give the folder that holds the class folders")
        mapping = ClassMapping.read(self.classes)
        rows = []
        for path in list_images(folder):
            entry, label = path.relative_to(folder).as_posix(), mapping.label_of(path.name, path.parent.name)
            if flaw := mapping.flaw(label):
                self.exclude(entry, flaw)
                continue
            group = mapping.group_of(path.name)
            rows.append(
                {
                    **mapping.attributes(label),
                    "cell_id": f"{self.name}/{entry}",
                    "image": str(path),
                    "masks": find_mask(path),
                    "source": self.name,
                    "group": f"{self.name}/{group}" if group else None,
                }
            )
        return self.manifest(rows, str(folder))
