"""Images in one folder a class: published collections of single cells, or a user's own."""

import re
from pathlib import Path

import pandas as pd
import yaml

from hemblip.data.sources.image_files import SUFFIXES
from hemblip.data.sources.source import Source, locate
from hemblip.errors import DataError
from hemblip.morphology import complete

PUBLISHED = Path(__file__).parent / "classes"
"""Mapping files of published collections."""


class Folder(Source):
    """Cells whose class is the name of their folder; a mapping file says what a class means.

    The mapping is YAML: `classes`, from folder name to attributes, or to null for what is deliberately left out;
    `group`, a pattern whose first bracket, found in the file name, is the patient, slide or field (else each image is
    its own). A class that the mapping lacks is left out and listed, never guessed.

    Args:
        root: folder of class folders, at any depth; relative to `$HEMBLIP_DATA` if set.
        classes: mapping file, or the name of a published collection: bccd, kaggle_apl,
            kaggle_cancer (the paper's), munich_aml, raabin.
        name: of the source; that of the mapping file if empty.
    """

    def __init__(self, root: str, classes: str, name: str = "") -> None:
        self.root, self.classes = root, classes
        self.name = name or Path(classes).stem

    def records(self) -> pd.DataFrame:
        """List the images; see `Source.records`."""
        folder = locate(self.root, "give the folder that holds the class folders")
        meanings, group = self._mapping()
        rows = []
        for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES):
            entry, label = path.relative_to(folder).as_posix(), path.parent.name
            if label not in meanings:
                self.exclude(entry, f"class '{label}' is not in {self.classes}")
                continue
            attributes = meanings[label]
            if attributes is None:
                self.exclude(entry, f"class '{label}' is left out by {self.classes}")
                continue
            member = group.search(path.name) if group else None
            rows.append(
                {
                    **attributes,
                    "cell_id": f"{self.name}/{entry}",
                    "image": str(path),
                    "source": self.name,
                    "group": f"{self.name}/{member[1]}" if member else None,
                }
            )
        return self.manifest(rows, str(folder))

    def _mapping(self) -> tuple[dict[str, dict[str, str | None] | None], re.Pattern[str] | None]:
        published = PUBLISHED / f"{self.classes}.yaml"
        path = published if published.is_file() else Path(self.classes)
        try:
            mapping = yaml.safe_load(path.read_text(encoding="utf-8"))
            pattern = re.compile(mapping["group"]) if mapping.get("group") else None
            classes = {
                str(label): None if meaning is None else dict(meaning) for label, meaning in mapping["classes"].items()
            }
        except FileNotFoundError as error:
            known = ", ".join(sorted(file.stem for file in PUBLISHED.glob("*.yaml")))
            raise DataError(f"{self.classes}: no such mapping file; give one, or one of {known}") from error
        except (yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError, re.error) as error:
            hint = "it has `classes`, from folder name to attributes, and maybe `group`, a pattern with one bracket"
            raise DataError(f"{path}: not a mapping file ({error!r}); {hint}") from error
        if pattern is not None and pattern.groups < 1:
            raise DataError(f"{path}: the group pattern '{pattern.pattern}' has no bracket")
        meanings = {
            label: None if meaning is None else complete(meaning, f"{path}: class '{label}'")
            for label, meaning in classes.items()
        }
        return meanings, pattern
