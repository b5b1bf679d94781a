"""Annotations of LeukemiaAttri as published: COCO JSON, or the text files of AttriDet."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hemblip.errors import DataError

CLASSES: tuple[str, ...] = (
    "None",
    "Myeloblast",
    "Lymphoblast",
    "Neutrophil",
    "Atypical lymphocyte",
    "Promonocyte",
    "Monoblast",
    "Lymphocyte",
    "Myelocyte",
    "Abnormal promyelocyte",
    "Monocyte",
    "Metamyelocyte",
    "Eosinophil",
    "Basophil",
)
"""Names of class ids 0 to 13."""

_NAMES = {str(number): name for number, name in enumerate(CLASSES)}

ATTRIBUTES: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        "cell_size": ("cell_size", ("small", "medium", "large")),  # the authors do not state this order
        "nuclear_chromatio": ("chromatin", ("open", "coarse")),  # sic
        "nuclear_shape": ("nucleus_shape", ("regular", "irregular")),
        "nucleolus": ("nucleoli", ("inconspicuous", "prominent")),
        "cytoplasm": ("cytoplasm_amount", ("scanty", "abundant")),
        "cytoplasmic_basophilia": ("cytoplasm_basophilia", ("slight", "moderate")),
        "cytoplasmic_vacuoles": ("cytoplasm_vacuoles", ("absent", "present")),
    }
)
"""Published name -> schema key and the values of codes 0, 1, 2; the text files have the codes in this order."""

NOT_APPLICABLE = 4
"""Code of artefacts' attributes."""

COLUMNS = (12, 16)
"""Of a text file: class, box and seven codes; the later release has four more before the codes."""


@dataclass(frozen=True)
class Annotation:
    """One annotated box.

    Args:
        field: name of the field's image, without suffix.
        entry: place in the label file, for reports.
        cell_class: published class name, or the number that has none; empty if the label file does not say.
        box: what stands for x, y, width, height: corner and pixels, or centre and shares of the field if `relative`.
        codes: published attribute name -> what stands there; names may be missing.
        relative: see `box`.
        size: what stands for the width and height of the field in pixels, if the label file says.
        flaw: why the entry cannot be read, if it cannot.
    """

    field: str
    entry: str
    cell_class: str
    box: tuple[object, ...]
    codes: Mapping[str, object]
    relative: bool = False
    size: tuple[object, ...] = ()
    flaw: str = ""


def read_json(path: Path) -> list[Annotation]:
    """Read a COCO file; a field may be listed once a box, and `category_name` may be missing.

    Raises:
        DataError: the file is truncated or lacks a part.
    """
    try:
        table = json.loads(path.read_text(encoding="utf-8-sig"))
        images = {str(image["id"]): image for image in table["images"] if isinstance(image, dict) and "id" in image}
        annotations: list[Any] = list(table["annotations"])
        names = {str(category["id"]): str(category["name"]) for category in table.get("categories", [])} or _NAMES
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not complete JSON ({error}); download it again") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: not a COCO file, {error!r} is missing or of another kind") from error
    origin = f"{path.parent.parent.name}/{path.name} annotation"
    return [
        _annotation(entry, images, names, f"{origin} {entry.get('id', number)}")
        if isinstance(entry, dict)
        else Annotation("", f"{origin} {number}", "", (), {}, flaw="no annotation")
        for number, entry in enumerate(annotations)
    ]


def _annotation(
    entry: Mapping[str, Any], images: Mapping[str, Mapping[str, Any]], names: Mapping[str, str], place: str
) -> Annotation:
    image, box = images.get(str(entry.get("image_id")), {}), entry.get("bbox")
    return Annotation(
        field=Path(str(image.get("file_name", ""))).stem,
        entry=place,
        cell_class=str(entry.get("category_name") or _class_name(entry.get("category_id"), names)),
        box=tuple(box) if isinstance(box, list) else (),
        codes={name: entry[name] for name in ATTRIBUTES if entry.get(name) is not None},
        size=(image.get("width"), image.get("height")),
    )


def _class_name(number: object, names: Mapping[str, str] = _NAMES) -> str:
    return "" if number is None else names.get(str(number), str(number))


def read_txt(folder: Path) -> Iterator[Annotation]:
    """Read the text files of a split, one line a box: class, centre, size, (four more,) seven codes."""
    for path in sorted(folder.glob("[!.]*.txt")):
        if path.name == "classes.txt":  # of the labelling tool
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8-sig", errors="replace").splitlines(), 1):
            words = line.split()
            if not words:
                continue
            whole = len(words) in COLUMNS
            yield Annotation(
                field=path.stem,
                entry=f"{folder.parents[2].name}/{path.name} line {number}",
                cell_class=_class_name(words[0]),
                box=tuple(words[1:5]) if whole else (),
                codes=dict(zip(ATTRIBUTES, words[-len(ATTRIBUTES) :], strict=True)) if whole else {},
                relative=True,
                flaw="" if whole else f"line of {len(words)} columns",
            )
