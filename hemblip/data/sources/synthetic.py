"""Drawn cells, the built-in data: everything can be tried on them without a download."""

import hashlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from hemblip.atomic import alone, remove_abandoned, replacing
from hemblip.data.masks import CYTOPLASM, NUCLEUS
from hemblip.data.records import manifest_table
from hemblip.data.sources.source import Source
from hemblip.data.synthetic.population import DIAGNOSES, draw_attributes, patients
from hemblip.data.synthetic.renderer import Cell, draw, one_stream
from hemblip.data.synthetic.stain import Slide, draw_slide
from hemblip.errors import check_range

VERSION = 7
"""Raised when the same settings draw other cells, so that folders of old drawings are not used."""

DRAWN = "Drawn cells, not photographs"
"""What stands on all that is made of these cells alone."""

FIX = "make room or set the `folder` of Synthetic to another one"


class Synthetic(Source):
    """Healthy and leukemic cells of drawn patients; each cell is a function of `seed` and its number.

    Args:
        cells: number of cells.
        seed: of patients and cells.
        size: side of an image in pixels.
        external: another stain, camera and magnification, and other patients.
        folder: where the images are kept; those that are there and whole are not drawn again.
    """

    name = "synthetic"

    def __init__(
        self, cells: int = 2000, seed: int = 0, size: int = 96, external: bool = False, folder: str = "data/synthetic"
    ) -> None:
        for name, value, least, most in (("cells", cells, 1, 1_000_000), ("size", size, 16, 4_096)):
            check_range(f"Synthetic: {name}", value, at_least=least, at_most=most)
        check_range("Synthetic: seed", seed, at_least=0)
        self.cells, self.seed, self.size, self.external, self.folder = cells, seed, size, external, folder

    def records(self) -> pd.DataFrame:
        """Draw the cells whose images are not there or damaged; see `Source.records`.

        Raises:
            DataError: an image cannot be written; those drawn before it stay.
        """
        domain = "external" if self.external else "internal"
        settings = json.dumps([VERSION, self.cells, self.seed, self.size, domain])
        folder = Path(self.folder) / f"{domain}-{hashlib.sha256(settings.encode()).hexdigest()[:12]}"
        drawn = [self._draw(index) for index in range(self.cells)]
        if self._lacking(folder):
            with alone(folder, FIX):
                self._render(folder, drawn)
        rows = [
            {
                **attributes,
                "cell_id": f"{self.name}/{domain}/{index:05d}",
                "image": str(folder / _file(index)),
                "masks": str(_masks(folder) / _file(index)),
                "source": self.name,
                "domain": domain,
                "group": f"{self.name}/{domain}/{patient:04d}",
            }
            for index, (patient, attributes, _) in enumerate(drawn)
        ]
        return manifest_table(rows, self.name)

    def _draw(self, index: int) -> tuple[int, Cell, np.random.Generator]:
        """Patient, attributes and the generator from which the drawing goes on."""
        people = patients(self.cells)
        patient = people[index % len(people)]
        rng = np.random.default_rng((self.seed, int(self.external), 1, index))
        return patient.number, draw_attributes(patient.diagnosis, rng), rng

    def slide(self, patient: int) -> Slide:
        """Stain and camera of a patient, shared by as many of each diagnosis as `DIAGNOSES` has.

        So neither stain nor background can tell a diagnosis, however few the patients are.
        """
        batch = patient // len(DIAGNOSES)
        return draw_slide(self.external, np.random.default_rng((self.seed, int(self.external), 0, batch)))

    def _lacking(self, folder: Path) -> list[int]:
        """Cells without a whole image and mask."""
        files = [(folder / _file(index), _masks(folder) / _file(index)) for index in range(self.cells)]
        return [index for index, both in enumerate(files) if not all(map(_is_whole, both))]

    def _render(self, folder: Path, drawn: list[tuple[int, Cell, np.random.Generator]]) -> None:
        for place in (folder, _masks(folder)):
            remove_abandoned(place)
        lacking = self._lacking(folder)
        if damaged := [index for index in lacking if (folder / _file(index)).exists()]:
            print(f"note: {folder}: damaged; {len(damaged)} of {self.cells} cells are drawn again", file=sys.stderr)
        for index in tqdm(lacking, desc="Drawing cells", leave=False, disable=None):
            patient, attributes, rng = drawn[index]
            pixels, masks = draw(attributes, self.slide(patient), self.size, one_stream(rng))
            labels = np.where(masks.nucleus, NUCLEUS, np.where(masks.cytoplasm, CYTOPLASM, 0)).astype(np.uint8)
            for place, image in ((_masks(folder), labels), (folder, pixels)):
                with replacing(place / _file(index), FIX, one_of_many=True) as partial:
                    Image.fromarray(image).save(partial, "PNG", compress_level=1)


def all_drawn(sources: Iterable[object]) -> bool:
    """Whether cells of these sources, by name, are all drawn; there is at least one."""
    return set(sources) == {Synthetic.name}


def _masks(folder: Path) -> Path:
    """Folder of the masks, beside that of the images: whoever lists the images finds no masks."""
    return folder.with_name(f"{folder.name}-masks")


def _is_whole(image: Path) -> bool:
    """Whether a PNG is there and as it was written, as the checksums in it tell."""
    try:
        with Image.open(image) as opened:
            opened.verify()
    except Exception:  # Pillow raises many kinds for torn files
        return False
    return True


def _file(index: int) -> str:
    return f"{index:05d}.png"
