"""Maps of statements as the report lays them over cells: pictures that are clear where the map is small."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hemblip.errors import DataError
from hemblip.splits import cells_of

if TYPE_CHECKING:
    from hemblip.reporting.comparison import Comparison
    from hemblip.run import Run

COLOURS = "YlOrRd"
"""From pale to dark, so that it can be read without colours."""

OPAQUE = 0.85

UNTRIED = (
    "No cell that is shown has a mask of its parts: nobody has tested these maps. `explain --trial` does, with masks."
)


@dataclass(frozen=True)
class Maps:
    """What `test` has kept of a set of cells; see `hemblip.explain.shown`.

    Attributes:
        method: by which they were made.
        verdict: of their trial, in sentences; empty without masks.
        captions: id of a cell -> the caption that was explained.
        grids: id and attribute -> map (S, S), in times of an even spread.
    """

    method: str
    verdict: list[str]
    captions: Mapping[str, str]
    grids: Mapping[tuple[str, str], NDArray[np.float32]]

    def of_cell(self, cell: str, caption: str) -> dict[str, str]:
        """Attribute -> picture of its map, on one scale; nothing if another caption was explained."""
        if self.captions.get(cell) != caption.strip():
            return {}
        found = {key: grid for (name, key), grid in self.grids.items() if name == cell}
        if not found:
            return {}
        top = scale_of(found.values())
        return {key: overlay(grid / top) for key, grid in found.items()}


def read_maps(run: Run, split: str) -> Maps | None:
    """Read the maps of a run's cells; None if there are none.

    Raises:
        DataError: the file is damaged.
    """
    path = run.folder / "maps" / f"{split}.npz"
    if not path.is_file():
        return None
    try:
        with np.load(path) as stored:
            facts: dict[str, Any] = json.loads(str(stored["facts"]))
            names = [name for name in stored.files if name != "facts"]
            grids = {_pair(name): stored[name].astype(np.float32) for name in names}
        return Maps(facts["method"], facts["verdict"], facts["captions"], grids)
    except Exception as error:  # numpy raises many kinds for torn files
        raise DataError(f"{path}: damaged ({error}); remove it, or test the run again") from error


def _pair(name: str) -> tuple[str, str]:
    cell, _, key = name.partition("\t")
    return cell, key


def scale_of(grids: Iterable[NDArray[np.float32]]) -> float:
    """Choose the value of the darkest colour for maps in times of an even spread: at least 2."""
    return max(2.0, float(np.median([np.quantile(grid, 0.995) for grid in grids])))


def overlay(values: NDArray[np.float32]) -> str:
    """A map (S, S), 1 for the darkest colour, as a picture inside of a page."""
    values = values.clip(0, 1)
    colours = matplotlib.colormaps[COLOURS](0.15 + 0.85 * values)
    colours[..., 3] = OPAQUE * values**0.7
    stream = io.BytesIO()
    Image.fromarray((colours * 255).round().astype(np.uint8)).save(stream, "webp", quality=70, method=4)
    return f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}"


def trial_words(comparison: Comparison) -> dict[str, list[str]]:
    """What may be believed of the maps that are shown, by captioner and set of cells; empty without maps."""
    found = {}
    for run in comparison.runs:
        for split in comparison.splits:
            if (maps := read_maps(run, split)) is not None:
                found[f"{run.label}, {cells_of(split)}"] = maps.verdict or [UNTRIED]
    return found
