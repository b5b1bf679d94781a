"""LeukemiaAttri: leukemic white blood cells with 7 attributes in microscope fields (Rehman et al., MICCAI 2024).

Layout: `<domain>/Images/{train,test}/<slide>_<field>_<magnification>_<diagnosis>.png`, `json_labels/{train,test}.json`
and `txt_labels/AttriDet/{train,test}/*.txt`; a domain is microscope, magnification and camera, such as H_100X_C2.
"""

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd
from PIL import Image

from hemblip.data.sources.leukemiaattri_labels import ATTRIBUTES, NOT_APPLICABLE, Annotation, read_json, read_txt
from hemblip.data.sources.source import Source, locate
from hemblip.errors import ConfigError, DataError
from hemblip.morphology import HEALTHY, SCHEMA

SPLITS = ("train", "val", "test")

FIELD_NAME = re.compile(r"(?P<slide>[^_]+)_.*_(?P<diagnosis>[A-Za-z]+)$")
"""40X names have one number more in the middle than 100X names."""

Box = tuple[float, float, float, float]


class LeukemiaAttri(Source):
    """The annotated cells of one domain, each a square window around its box.

    The slide is the group, the same in all domains: the low-cost microscope saw the same slides. Cells of class None
    are left out; codes that the code book lacks are not stated.

    Args:
        root: `LeukemiaAttri_Dataset`, which holds the domains; relative to `$HEMBLIP_DATA` if set.
        domain: such as H_100X_C2 (internal in the paper) or L_100X_C2.
        labels: which files; "auto" takes JSON where there is one.
        context: margin on each side, as a share of the box's longer side.
        window: fixed side of the window in pixels of the field's height instead, 0 for none: all cells are then seen at
            one scale, so that their size can be told.
        unsqueeze: factor by which widths are stretched. Published fields are 16:9 pictures squeezed into squares, so
            that aspect ratio alone would tell leukemic from healthy cells; 1 leaves them so.
    """

    name = "leukemiaattri"

    def __init__(
        self,
        root: str = "LeukemiaAttri_Dataset",
        domain: str = "H_100X_C2",
        labels: Literal["auto", "json", "txt"] = "auto",
        context: float = 0.15,
        window: int = 0,
        unsqueeze: float = 16 / 9,
    ) -> None:
        if not 0 <= context <= 2 or window < 0 or not 0.2 <= unsqueeze <= 5:
            raise ConfigError(
                f"LeukemiaAttri: context {context} must be 0 to 2, window {window} at least 0, "
                f"unsqueeze {unsqueeze:g} 0.2 to 5"
            )
        self.root, self.domain, self.labels = root, domain, labels
        self.context, self.window, self.unsqueeze = context, window, unsqueeze

    def records(self) -> pd.DataFrame:
        """Read the labels and the size of each field; see `Source.records`."""
        folder = locate(self.root, "download LeukemiaAttri and set root or HEMBLIP_DATA to it") / self.domain
        if not folder.is_dir():
            found = ", ".join(sorted(path.name for path in folder.parent.iterdir() if path.is_dir())) or "none"
            raise DataError(f"{folder}: no such domain; folders there: {found}")
        fields = _fields(folder)
        rows: dict[str, dict[str, object]] = {}
        for split in SPLITS:
            for annotation in self._annotations(folder, split):
                row, reason = self._row(annotation, fields)
                if row is None:
                    self.exclude(annotation.entry, reason)
                elif str(row["cell_id"]) in rows:
                    self.exclude(annotation.entry, "box annotated again")
                else:
                    rows[str(row["cell_id"])] = {**row, "split": split}
        return self.manifest(rows.values(), str(folder))

    def _annotations(self, folder: Path, split: str) -> Iterable[Annotation]:
        table, texts = folder / "json_labels" / f"{split}.json", folder / "txt_labels" / "AttriDet" / split
        if self.labels != "txt" and table.is_file():
            return read_json(table)
        if self.labels != "json" and texts.is_dir():
            return read_txt(texts)
        if split == "train":
            wanted = {"json": [table], "txt": [texts], "auto": [table, texts]}[self.labels]
            raise DataError(f"{' and '.join(map(str, wanted))}: no such labels; keep the published layout")
        return ()

    def _row(self, annotation: Annotation, fields: "Mapping[str, _Field]") -> tuple[dict[str, object] | None, str]:
        """The cell of an annotation, or None and why it is left out."""
        if annotation.flaw:
            return None, annotation.flaw
        name = FIELD_NAME.match(Path(annotation.file).stem)
        diagnosis = name["diagnosis"].upper() if name else ""
        if not name or diagnosis not in SCHEMA["diagnosis"] or diagnosis.lower() == HEALTHY:
            return None, "file name states no slide and diagnosis" if annotation.file else "box of no listed image"
        cell_type = (annotation.cell_class or "").strip().lower()
        if cell_type == "none":
            return None, "class None (artefact)"
        if cell_type not in SCHEMA["cell_type"]:
            return None, f"unknown class '{annotation.cell_class}'" if cell_type else "no class"
        codes = {name: _integer(code) for name, code in annotation.codes.items()}
        if codes and set(codes.values()) == {NOT_APPLICABLE}:
            return None, "attributes not applicable (artefact)"
        field = fields.get(annotation.file)
        if field is None:
            return None, "image missing"
        if field.size is None:
            return None, "image not readable"
        box = _pixels(annotation, field.size)
        if isinstance(box, str):
            return None, box
        slide, stem = name["slide"], Path(annotation.file).stem
        cell_id = f"{self.name}/{self.domain}/{stem}/{'-'.join(str(round(value)) for value in box)}"
        row: dict[str, object] = {
            "cell_id": cell_id,
            "image": str(field.path),
            "bbox": list(self._window(box, field.size)),
            "width_factor": self.unsqueeze,
            "source": self.name,
            "domain": self.domain,
            "group": f"{self.name}/slide-{slide}",
            "cell_type": cell_type,
            "diagnosis": diagnosis,
        }
        return row | self._attributes(cell_id, annotation.codes, codes), ""

    def _attributes(
        self, cell_id: str, written: Mapping[str, object], codes: Mapping[str, int | None]
    ) -> dict[str, str | None]:
        attributes: dict[str, str | None] = {}
        for published, (key, values) in ATTRIBUTES.items():
            code = codes.get(published)
            attributes[key] = values[code] if code is not None and 0 <= code < len(values) else None
            if attributes[key] is None:
                said = f"unknown code {written[published]}" if published in written else "no code"
                self.changed[f"{cell_id} {published}"] = f"{published}: {said}, not stated"
        return attributes

    def _window(self, box: Box, size: tuple[int, int]) -> Box:
        """Square window around a box, once unsqueezed; moved into the field, and cut only where it is larger."""
        x, y, width, height = box
        side = self.window or max(width * self.unsqueeze, height) * (1 + 2 * self.context)
        left, across = _span(x + width / 2, side / self.unsqueeze, size[0])
        top, down = _span(y + height / 2, side, size[1])
        return left, top, across, down


class _Field(NamedTuple):
    """An image file with its width and height, None if it is not readable."""

    path: Path
    size: tuple[int, int] | None


def _fields(folder: Path) -> dict[str, _Field]:
    images = [path for path in folder.iterdir() if path.name.lower() == "images" and path.is_dir()]
    if not images:
        raise DataError(f"{folder / 'Images'}: no such folder; keep the published layout")
    return {path.name: _Field(path, _size(path)) for path in sorted(images[0].rglob("*.png"))}


def _size(path: Path) -> tuple[int, int] | None:
    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, SyntaxError, ValueError):
        return None


def _integer(code: object) -> int | None:
    try:
        number = float(str(code))
    except ValueError:
        return None
    return int(number) if number.is_integer() else None


def _pixels(annotation: Annotation, size: tuple[int, int]) -> Box | str:
    """The box in pixels, clipped to the field, or what is wrong with it."""
    try:
        first, second, width, height = (float(str(value)) for value in annotation.box)
    except ValueError:
        return "box is not four numbers"
    if not all(map(math.isfinite, (first, second, width, height))):
        return "box is not four numbers"
    if annotation.size is not None and tuple(annotation.size) != size:
        return "image is not of the annotated size"
    if annotation.relative:
        width, height = width * size[0], height * size[1]
        first, second = first * size[0] - width / 2, second * size[1] - height / 2
    if width <= 0 or height <= 0:
        return "box without area"
    left, top = max(first, 0.0), max(second, 0.0)
    right, bottom = min(first + width, float(size[0])), min(second + height, float(size[1]))
    if right - left < 1 or bottom - top < 1:
        return "box outside of the image"
    return left, top, right - left, bottom - top


def _span(centre: float, length: float, limit: int) -> tuple[float, float]:
    """Whole pixels: start and length of an interval of about `length` around `centre` within 0 to `limit`."""
    pixels = min(max(1, round(length)), limit)
    return float(min(max(round(centre - pixels / 2), 0), limit - pixels)), float(pixels)
