"""What the class names of a collection mean."""

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hemblip.data.sources.file_names import SUFFIXES
from hemblip.errors import DataError
from hemblip.morphology import Attributes, complete

PUBLISHED = Path(__file__).parent / "classes"
"""Mapping files of published collections."""

KEYS = ("classes", "group", "label", "image")

HINT = "it has `classes`, from class name to attributes, and maybe `group` and `label`, patterns with one bracket"


class _Texts(yaml.SafeLoader):
    """Reads names as they are written: classes are called 01, no and on, too."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Read a mapping, refusing a name that stands there twice, of which YAML would keep the last."""
        names: set[Any] = set()
        for key in [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]:
            if key.value in names:
                raise yaml.MarkedYAMLError(problem=f"'{key.value}' stands there twice", problem_mark=key.start_mark)
            names.add(key.value)
        return super().construct_mapping(node, deep)


_Texts.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag == "tag:yaml.org,2002:null"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class ClassMapping:
    """Class name -> attributes, read from YAML; a class that it lacks is never guessed.

    Its keys are `classes`, from class name (in any case) to attributes, or to null for what is deliberately left out;
    `group`, a pattern whose first bracket, found in the file name, is the patient, slide or field (else each image is
    its own); `label`, a pattern whose first bracket, found in the file name, is the class in place of the folder's
    name; and `image`, how a table's image number becomes a file name, in Python's format, such as `{:0>3}.bmp`.

    Args:
        classes: mapping file, or the name of a published collection, as configured.
        meanings: of each class in lower case, None for what is left out.
        group: the pattern.
        label: the pattern.
        image: the format.
    """

    classes: str
    meanings: Mapping[str, Attributes | None]
    group: re.Pattern[str] | None = None
    label: re.Pattern[str] | None = None
    image: str = ""

    @classmethod
    def read(cls, classes: str) -> "ClassMapping":
        """Read a mapping file.

        Raises:
            DataError: there is none, or it is not as described.
        """
        path = _published(classes) or Path(classes)
        if not path.is_file():
            known = ", ".join(sorted(file.stem for file in PUBLISHED.glob("*.yaml")))
            raise DataError(f"'{classes}': no such mapping file; give one, or one of {known}")
        mapping = _load(path)
        unknown = [str(key) for key in mapping if key not in KEYS]
        if unknown or not isinstance(mapping.get("classes"), dict):
            said = f"unknown key '{unknown[0]}'" if unknown else "`classes` is missing"
            raise DataError(f"{path}: not a mapping file ({said}); {HINT}")
        meanings: dict[str, Attributes | None] = {}
        for label, meaning in mapping["classes"].items():
            name = "null" if label is None else label
            if not isinstance(name, str) or not _is_meaning(meaning):
                raise DataError(
                    f"{path}: not a mapping file (class '{str(name)[:80]}' is not followed by attributes, such as "
                    f"{{cell_type: basophil}}, or null); {HINT}"
                )
            attributes = None if meaning is None else complete(meaning, f"{path}: class '{name}'")
            if meanings.setdefault(name.casefold(), attributes) != attributes:
                raise DataError(f"{path}: class '{name}' is there twice, in another case; keep one")
        patterns = {key: _pattern(path, key, mapping.get(key)) for key in ("group", "label")}
        return cls(classes, meanings, **patterns, image=_format(path, mapping.get("image")))

    def flaw(self, label: str) -> str:
        """Why cells of a class are not used, empty if they are."""
        if label.casefold() not in self.meanings:
            return f"class '{label}' is not in {self.classes}"
        return f"class '{label}' is left out by {self.classes}" if self.meanings[label.casefold()] is None else ""

    def attributes(self, label: str) -> Attributes:
        """What a class states; nothing if it has a flaw."""
        return self.meanings.get(label.casefold()) or {}

    def label_of(self, file: str, otherwise: str) -> str:
        """The class that stands in the name of an image file, or else `otherwise`."""
        found = self.label.search(file) if self.label else None
        return found[1] if found and found[1] else otherwise

    def group_of(self, file: str) -> str | None:
        """What the pattern finds in the name of an image file."""
        found = self.group.search(file) if self.group else None
        return found[1] if found else None

    def file_of(self, image: str) -> str:
        """The file of an image as a table names it."""
        named = not self.image or image.lower().endswith(SUFFIXES)
        return image if named or not image else self.image.format(image)


def source_name(classes: str, data: str) -> str:
    """Return what cells are called that have these classes: the published collection, or `data`, their folder or table.

    Cells of two places with one mapping are not mixed up.
    """
    return classes if _published(classes) else data.strip(".") or Path(classes).stem


def _published(classes: str) -> Path | None:
    path = PUBLISHED / f"{classes}.yaml"
    return path if path.is_file() else None


def _load(path: Path) -> dict[str, Any]:
    try:
        mapping = yaml.load(path.read_text(encoding="utf-8-sig"), _Texts)  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        said = f"{place}{error.problem or error.context}; put names with special signs in quotes"
        raise DataError(f"{path}: not a mapping file ({said}); {HINT}") from error
    except (OSError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: not a mapping file ({' '.join(str(error).split())[:200]}); {HINT}") from error
    if not isinstance(mapping, dict):
        raise DataError(f"{path}: not a mapping file; {HINT}")
    return mapping


def _is_meaning(meaning: object) -> bool:
    if meaning is None:
        return True
    return isinstance(meaning, dict) and all(
        isinstance(key, str) and (value is None or isinstance(value, str)) for key, value in meaning.items()
    )


def _pattern(path: Path, key: str, written: object) -> re.Pattern[str] | None:
    if written is None:
        return None
    try:
        pattern = re.compile(written) if isinstance(written, str) else None
    except (re.error, RecursionError, OverflowError) as error:
        raise DataError(f"{path}: not a mapping file (`{key}` is no regular expression: {error}); {HINT}") from error
    if pattern is None or pattern.groups < 1:
        raise DataError(f"{path}: the {key} pattern '{str(written)[:80]}' has no bracket")
    return pattern


def _format(path: Path, written: object) -> str:
    try:
        named = "" if written is None else str(written).format("1")
    except (ValueError, IndexError, KeyError, AttributeError, TypeError):
        named = None
    if named is None or (written is not None and (not isinstance(written, str) or len(named) > 200)):
        raise DataError(f"{path}: `image` is '{str(written)[:80]}'; write a format such as '{{:0>3}}.bmp'")
    return str(written or "")
