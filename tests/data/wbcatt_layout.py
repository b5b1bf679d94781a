"""Writes a miniature of the published WBCAtt layout from drawn cells."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from hemblip.data.synthetic.population import draw_attributes
from hemblip.data.synthetic.renderer import render
from hemblip.data.synthetic.stain import draw_slide
from hemblip.morphology import HEALTHY

NAMES = {
    "cell_size": {"large": "big"},
    "chromatin": {"dense": "densely", "loose": "loosely"},
    "cytoplasm_vacuoles": {"present": "yes", "absent": "no"},
    "granules": {"absent": "nil"},
    "granule_colour": {None: "nil"},
}


def write_layout(folder: Path, counts: dict[str, int], seed: int = 0) -> list[dict[str, str | None]]:
    """Write tables and images; give the attributes of all cells in order."""
    rng = np.random.default_rng(seed)
    written = []
    for split, count in counts.items():
        rows = []
        for index in range(count):
            cell = draw_attributes(HEALTHY, rng)
            written.append(cell)
            image = Path("images") / str(cell["cell_type"]) / f"{split}_{index}.jpg"
            (folder / image.parent).mkdir(parents=True, exist_ok=True)
            Image.fromarray(render(cell, draw_slide(False, rng), 48, rng)).save(folder / image)
            named = {key: NAMES.get(key, {}).get(value, value) for key, value in cell.items()}
            rows.append(
                {
                    "img_name": image.name,
                    "label": str(cell["cell_type"]).capitalize(),
                    "cell_size": named["cell_size"],
                    "cell_shape": named["cell_shape"],
                    "nucleus_shape": named["nucleus_shape"],
                    "nuclear_cytoplasmic_ratio": named["nuclear_cytoplasmic_ratio"],
                    "chromatin_density": named["chromatin"],
                    "cytoplasm_vacuole": named["cytoplasm_vacuoles"],
                    "cytoplasm_texture": named["cytoplasm_texture"],
                    "cytoplasm_colour": named["cytoplasm_colour"],
                    "granule_type": named["granules"],
                    "granule_colour": named["granule_colour"],
                    "granularity": "no" if cell["granules"] == "absent" else "yes",
                    "path": str(image),
                }
            )
        pd.DataFrame(rows).to_csv(folder / f"pbc_attr_v1_{split}.csv", index=False)
    return written
