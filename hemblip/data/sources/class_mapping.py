"""What the class names of a collection mean."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from hemblip.errors import DataError
from hemblip.morphology import Attributes, complete

PUBLISHED = Path(__file__).parent / "classes"
"""Mapping files of published collections."""


@dataclass(frozen=True)
class ClassMapping:
    """Class name -> attributes, read from YAML; a class that it lacks is never guessed.

    Its keys are `classes`, from class name to attributes, or to null for what is deliberately left out; and `group`, a
    pattern whose first bracket, found in the file name, is the patient, slide or field (else each image is its own).

    Args:
        classes: mapping file, or the name of a published collection, as configured.
        meanings: of each class, None for what is left out.
        group: the pattern.
    """

    classes: str
    meanings: Mapping[str, Attributes | None]
    group: re.Pattern[str] | None

    @classmethod
    def read(cls, classes: str) -> "ClassMapping":
        """Read a mapping file.

        Raises:
            DataError: there is none, or it is not as described.
        """
        published = PUBLISHED / f"{classes}.yaml"
        path = published if published.is_file() else Path(classes)
        if not path.is_file():
            known = ", ".join(sorted(file.stem for file in PUBLISHED.glob("*.yaml")))
            raise DataError(f"'{classes}': no such mapping file; give one, or one of {known}")
        try:
            mapping = yaml.safe_load(path.read_text(encoding="utf-8"))
            pattern = re.compile(mapping["group"]) if mapping.get("group") else None
            meanings = {
                str(label): None if meaning is None else dict(meaning) for label, meaning in mapping["classes"].items()
            }
        except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError, re.error) as error:
            hint = "it has `classes`, from class name to attributes, and maybe `group`, a pattern with one bracket"
            raise DataError(f"{path}: not a mapping file ({error!r}); {hint}") from error
        if pattern is not None and pattern.groups < 1:
            raise DataError(f"{path}: the group pattern '{pattern.pattern}' has no bracket")
        checked = {
            label: None if meaning is None else complete(meaning, f"{path}: class '{label}'")
            for label, meaning in meanings.items()
        }
        return cls(classes, checked, pattern)

    def flaw(self, label: str) -> str:
        """Why cells of a class are not used, empty if they are."""
        if label not in self.meanings:
            return f"class '{label}' is not in {self.classes}"
        return f"class '{label}' is left out by {self.classes}" if self.meanings[label] is None else ""

    def attributes(self, label: str) -> Attributes:
        """What a class states; nothing if it has a flaw."""
        return self.meanings.get(label) or {}

    def group_of(self, file: str) -> str | None:
        """What the pattern finds in the name of an image file."""
        found = self.group.search(file) if self.group else None
        return found[1] if found else None
