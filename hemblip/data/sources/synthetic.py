"""Drawn cells, the built-in data: everything can be tried on them without a download."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from hemblip.data.records import manifest_table
from hemblip.data.sources.source import Source
from hemblip.data.synthetic.population import draw_attributes, patients
from hemblip.data.synthetic.renderer import render
from hemblip.data.synthetic.stain import draw_slide
from hemblip.errors import ConfigError

VERSION = 2
"""Raised when the same settings draw other cells, so that folders of old drawings are not used."""


class Synthetic(Source):
    """Healthy and leukemic cells of drawn patients; each cell is a function of `seed` and its number.

    Args:
        cells: number of cells.
        seed: of patients and cells.
        size: side of an image in pixels.
        external: another stain, camera and magnification, and other patients.
        folder: where the images are kept; they are drawn once for each setting.
    """

    name = "synthetic"

    def __init__(
        self, cells: int = 2000, seed: int = 0, size: int = 96, external: bool = False, folder: str = "data/synthetic"
    ) -> None:
        if cells < 1 or size < 16:
            raise ConfigError(f"Synthetic: cells is {cells} and size {size}; at least 1 and 16 are needed")
        self.cells, self.seed, self.size, self.external, self.folder = cells, seed, size, external, folder

    def records(self) -> pd.DataFrame:
        """Draw the cells unless their folder is there; see `Source.records`."""
        domain = "external" if self.external else "internal"
        settings = json.dumps([VERSION, self.cells, self.seed, self.size, domain])
        folder = Path(self.folder) / f"{domain}-{hashlib.sha256(settings.encode()).hexdigest()[:12]}"
        drawn = [self._draw(index) for index in range(self.cells)]
        if not folder.exists():
            self._render(folder, drawn)
        rows = [
            {
                **attributes,
                "cell_id": f"{self.name}/{domain}/{index:05d}",
                "image": str(folder / f"{index:05d}.png"),
                "source": self.name,
                "domain": domain,
                "group": f"{self.name}/{domain}/{patient:04d}",
            }
            for index, (patient, attributes, _) in enumerate(drawn)
        ]
        return manifest_table(rows, self.name)

    def _draw(self, index: int) -> tuple[int, dict[str, str | None], np.random.Generator]:
        """Patient, attributes and the generator from which the drawing goes on."""
        people = patients(self.cells)
        patient = people[index % len(people)]
        rng = np.random.default_rng((self.seed, int(self.external), 1, index))
        return patient.number, draw_attributes(patient.diagnosis, rng), rng

    def _render(self, folder: Path, drawn: list[tuple[int, dict[str, str | None], np.random.Generator]]) -> None:
        partial = folder.with_name(f".{folder.name}.{os.getpid()}")
        partial.mkdir(parents=True, exist_ok=True)
        for index, (patient, attributes, rng) in enumerate(tqdm(drawn, desc="Drawing cells", leave=False)):
            slide = draw_slide(self.external, np.random.default_rng((self.seed, int(self.external), 0, patient)))
            image = Image.fromarray(render(attributes, slide, self.size, rng))
            image.save(partial / f"{index:05d}.png", compress_level=1)
        try:
            partial.replace(folder)
        except OSError:  # another process was faster
            shutil.rmtree(partial)
