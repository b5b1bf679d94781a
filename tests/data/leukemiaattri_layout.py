"""Writes a miniature of the published LeukemiaAttri layout: fields of drawn cells, squeezed, with their labels."""

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from hemblip.data.sources.leukemiaattri_labels import ATTRIBUTES, CLASSES
from hemblip.data.synthetic.population import draw_attributes
from hemblip.data.synthetic.renderer import render
from hemblip.data.synthetic.stain import draw_slide

SIDE = 64  # of a drawn cell in pixels, before squeezing
FIELD = (16 * 32, 9 * 32)  # width and height before squeezing: 16:9
SQUEEZED = (288, 288)
SQUEEZE = 9 / 16
UNKNOWN = 9  # a code that the code book lacks
ARTEFACT = {"cell_type": "none"}


@dataclass
class Drawn:
    """One cell: what the reader has to find again."""

    field: str
    slide: str
    split: str
    attributes: dict
    box: list  # of the squeezed field
    pixels: np.ndarray  # (SIDE, SIDE, 3), before squeezing


def write_layout(
    root, domain="H_100X_C2", slides=("31", "7"), fields=2, cells=4, extra_columns=0, seed=0, irregular=False
):
    """Write one domain with JSON and text labels; the last slide is the test split. Gives the drawn cells.

    If irregular, each field also has an artefact (class None, codes 4), and its last cell an unknown code.
    """
    rng = np.random.default_rng(seed)
    folder = Path(root) / domain
    drawn, artefacts = [], []
    for slide in slides:
        diagnosis = ("CML", "ALL", "AML")[int(slide) % 3]
        split = "test" if slide == slides[-1] else "train"
        stain = draw_slide(domain.startswith("L"), rng)
        for number in range(fields):
            name = f"{slide}_{number}_1000_{diagnosis}.png"
            if "_40X_" in domain:
                name = f"{slide}_{number}_72_400_{diagnosis}.png"
            canvas = np.full((FIELD[1], FIELD[0], 3), 235, np.uint8)
            for place in range(cells):
                attributes = draw_attributes(diagnosis, rng)
                pixels = render(attributes, stain, SIDE, rng)
                left, top = 32 + (place % 4) * 112, 16 + (place // 4) * 96
                canvas[top : top + SIDE, left : left + SIDE] = pixels
                box = [left * SQUEEZE, top, SIDE * SQUEEZE, SIDE]
                drawn.append(Drawn(name, slide, split, attributes, box, pixels))
            if irregular:
                drawn[-1].attributes = {**attributes, "cytoplasm_amount": None}
                canvas[216:280, 240:304] = 90
                artefacts.append(Drawn(name, slide, split, ARTEFACT, [240 * SQUEEZE, 216, SIDE * SQUEEZE, SIDE], None))
            path = folder / "Images" / split / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(cv2.resize(canvas, SQUEEZED, interpolation=cv2.INTER_AREA)).save(path)
    for split in ("train", "test"):
        chosen = [cell for cell in drawn + artefacts if cell.split == split]
        table = folder / "json_labels" / f"{split}.json"
        table.parent.mkdir(parents=True, exist_ok=True)
        table.write_text(json.dumps(coco(chosen)))
        texts = folder / "txt_labels" / "AttriDet" / split
        texts.mkdir(parents=True)
        for field in {cell.field for cell in chosen}:
            lines = [text_line(cell, extra_columns) for cell in chosen if cell.field == field]
            (texts / f"{Path(field).stem}.txt").write_text("\n".join(lines) + "\n")
    return drawn


def codes(cell):
    """The seven published codes, in order."""
    if cell.attributes == ARTEFACT:
        return [4] * len(ATTRIBUTES)
    stated = [(values, cell.attributes[key]) for key, values in ATTRIBUTES.values()]
    return [UNKNOWN if value is None else values.index(value) for values, value in stated]


def class_id(cell):
    return [name.lower() for name in CLASSES].index(cell.attributes["cell_type"])


def coco(cells):
    """A COCO table in which each field is listed once a box, and every second box lacks `category_name`."""
    images, annotations = [], []
    for number, cell in enumerate(cells):
        images.append({"id": number, "file_name": cell.field, "width": SQUEEZED[0], "height": SQUEEZED[1]})
        row = {"id": 1000 + number, "image_id": number, "category_id": class_id(cell), "bbox": cell.box}
        row |= dict(zip(ATTRIBUTES, codes(cell), strict=True))
        if number % 2:
            row["category_name"] = CLASSES[class_id(cell)]
        annotations.append(row)
    categories = [{"id": number, "name": name} for number, name in enumerate(CLASSES)]
    return {"images": images, "annotations": annotations, "categories": categories}


def text_line(cell, extra_columns=0):
    x, y, width, height = cell.box
    centre = [(x + width / 2) / SQUEEZED[0], (y + height / 2) / SQUEEZED[1]]
    shares = [*centre, width / SQUEEZED[0], height / SQUEEZED[1]]
    return " ".join(map(str, [class_id(cell), *shares, *[0] * extra_columns, *codes(cell)]))
