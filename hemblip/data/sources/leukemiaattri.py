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

from hemblip.data.images import image_size
from hemblip.data.sources.file_names import list_images
from hemblip.data.sources.leukemiaattri_labels import ATTRIBUTES, NOT_APPLICABLE, Annotation, read_json, read_txt
from hemblip.data.sources.source import Source, locate
from hemblip.errors import ConfigError, DataError
from hemblip.morphology import HEALTHY, SCHEMA

SPLITS = ("train", "val", "test")

MIN_SIDE = 8
"""Of a box in pixels, once unsqueezed; no cell can be told in a smaller one, even at 10X."""

MIN_INSIDE = 0.5
"""Share of a box's area that has to lie inside of the field."""

FIELD_NAME = re.compile(r"(?P<slide>[^_]+)_.*_(?P<diagnosis>[A-Za-z]+)$")
"""40X names have one number more in the middle than 100X names."""

Box = tuple[float, float, float, float]
"""x, y, width and height in pixels."""


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
        root = locate(self.root, "`python -m hemblip download leukemiaattri` says where it is published")
        folder = root / self.domain
        if not folder.is_dir():
            found = sorted(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
            raise DataError(f"{folder}: no such domain; folders there: {', '.join(found) or 'none'}")
        rows: dict[str, dict[str, object]] = {}
        for split in SPLITS:
            fields = _fields(folder, split)
            annotations = self._annotations(folder, split)
            for field in fields.values() if annotations is None else ():
                self.exclude(field.path.relative_to(root).as_posix(), "field without labels")
            for annotation in annotations or ():
                row, reason = self._row(annotation, split, fields)
                if row is None:
                    self.exclude(annotation.entry, reason)
                    continue
                first = rows.setdefault(str(row["cell_id"]), row)
                if first is not row:
                    same = first["cell_type"] == row["cell_type"]
                    self.exclude(annotation.entry, "box annotated again" + ("" if same else " as another class"))
        return self.manifest(rows.values(), str(folder))

    def _annotations(self, folder: Path, split: str) -> Iterable[Annotation] | None:
        """What the label files of a split say, None if there are none."""
        table, texts = folder / "json_labels" / f"{split}.json", folder / "txt_labels" / "AttriDet" / split
        if self.labels != "txt" and table.is_file():
            return read_json(table)
        if self.labels != "json" and texts.is_dir():
            return read_txt(texts)
        if split == "train":
            wanted = {"json": [table], "txt": [texts], "auto": [table, texts]}[self.labels]
            raise DataError(f"{' and '.join(map(str, wanted))}: no such labels; keep the published layout")
        return None

    def _row(
        self, annotation: Annotation, split: str, fields: "Mapping[str, _Field]"
    ) -> tuple[dict[str, object] | None, str]:
        """The cell of an annotation, or None and why it is left out."""
        if annotation.flaw:
            return None, annotation.flaw
        name = FIELD_NAME.match(annotation.field)
        diagnosis = name["diagnosis"].upper() if name else ""
        if not name or diagnosis not in SCHEMA["diagnosis"] or diagnosis.lower() == HEALTHY:
            return None, "file name states no slide and diagnosis" if annotation.field else "box of no listed image"
        cell_type = annotation.cell_class.strip().lower()
        if cell_type == "none":
            return None, "class None (artefact)"
        if cell_type not in SCHEMA["cell_type"]:
            return None, f"unknown class '{annotation.cell_class}'" if cell_type else "no class"
        codes = {name: _integer(code) for name, code in annotation.codes.items()}
        if codes and set(codes.values()) == {NOT_APPLICABLE}:
            return None, "attributes not applicable (artefact)"
        field = fields.get(annotation.field)
        if field is None:
            return None, "image missing"
        if field.size is None:
            return None, "image not readable"
        box = self._pixels(annotation, field.size)
        if isinstance(box, str):
            return None, box
        place = "-".join(str(round(value)) for value in box)
        cell_id = f"{self.name}/{self.domain}/{split}/{annotation.field}/{place}"
        row: dict[str, object] = {
            "cell_id": cell_id,
            "image": str(field.path),
            "bbox": list(self._window(box)),
            "width_factor": self.unsqueeze,
            "source": self.name,
            "domain": self.domain,
            "group": f"{self.name}/slide-{name['slide']}",
            "split": split,
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
                said = "not applicable" if code == NOT_APPLICABLE else said
                self.changed[f"{cell_id} {published}"] = f"{published}: {said}, not stated"
        return attributes

    def _pixels(self, annotation: Annotation, size: tuple[int, int]) -> Box | str:
        """The box in pixels, clipped to the field, or what is wrong with it."""
        try:
            first, second, width, height = (float(str(value)) for value in annotation.box)
        except ValueError:
            return "box is not four numbers"
        if not all(map(math.isfinite, (first, second, width, height))):
            return "box is not four numbers"
        if any(said and said != side for said, side in zip(map(_integer, annotation.size), size, strict=False)):
            return "image is not of the annotated size"
        if annotation.relative:
            width, height = width * size[0], height * size[1]
            first, second = first * size[0] - width / 2, second * size[1] - height / 2
        if width <= 0 or height <= 0:
            return "box without area"
        left, top = max(first, 0.0), max(second, 0.0)
        across, down = min(first + width, float(size[0])) - left, min(second + height, float(size[1])) - top
        if across <= 0 or down <= 0:
            return "box outside of the image"
        if across * down < MIN_INSIDE * width * height:
            return "box mostly outside of the image"
        return "box too small" if min(across * self.unsqueeze, down) < MIN_SIDE else (left, top, across, down)

    def _window(self, box: Box) -> Box:
        """Square window, once unsqueezed, of whole pixels with the box in its middle; it may leave the field."""
        x, y, width, height = box
        side = self.window or max(width * self.unsqueeze, height) * (1 + 2 * self.context)
        across, down = max(1, round(side / self.unsqueeze)), max(1, round(side))
        return round(x + (width - across) / 2), round(y + (height - down) / 2), across, down


class _Field(NamedTuple):
    """An image file with its width and height, None if it is not readable."""

    path: Path
    size: tuple[int, int] | None


def _fields(folder: Path, split: str) -> dict[str, _Field]:
    """Fields of a split by the name of their file without suffix."""
    images = [path for path in folder.iterdir() if path.name.lower() == "images" and path.is_dir()]
    if not images:
        raise DataError(f"{folder / 'Images'}: no such folder; keep the published layout")
    found = list_images(images[0] / split)
    return {path.stem: _Field(path, image_size(path)) for path in found if path.suffix.lower() == ".png"}


def _integer(code: object) -> int | None:
    try:
        number = float(str(code))
    except ValueError:
        return None
    return int(number) if number.is_integer() else None
