"""Maps of the cells that a report shows, and the trial of these maps: `maps/<split>.npz` in the run folder.

Maps are kept as the captioner sees the cell, small, since they are smooth; the report lays them over the same view.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch

from hemblip.atomic import replacing
from hemblip.data.datamodules import CellDataModule
from hemblip.explain.cells import ExplainedCell
from hemblip.explain.methods import CONTROLS, METHODS
from hemblip.explain.statement import CAPTION, CaptionReader, as_input
from hemblip.explain.trial import trial_rows
from hemblip.explain.verdict import in_words, verdicts
from hemblip.models.captioner import Captioner

METHOD = "integrated"
"""The one that did best in the trial of experiments/explain."""

SIDE = 48
"""Of a map that is kept, in pixels."""


def write_maps(path: Path, captioner: Captioner, data: CellDataModule, rows: pd.DataFrame) -> None:
    """Explain cells and try the maps of those with masks.

    Args:
        path: file to write.
        captioner: that described them.
        data: set up, with these cells in its manifest.
        rows: prediction rows of the cells; those without a caption are left out.

    Raises:
        ConfigError: captioners of this kind cannot be explained.
    """
    found: dict[str, Any] = {}
    captions: dict[str, str] = {}
    tried: list[dict[str, Any]] = []
    methods = {METHOD: METHODS[METHOD], **CONTROLS}
    with _differentiable(captioner):
        for cell in _cells(captioner, data, rows):
            name, statements = str(cell.row["cell_id"]), cell.reader.statements
            captions[name] = cell.reader.caption
            for statement, grid in zip(statements, cell.explain(METHODS[METHOD], statements), strict=True):
                if statement.key != CAPTION:
                    small = cv2.resize(grid.float().cpu().numpy(), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
                    total = float(small.sum()) or 1.0
                    found[f"{name}\t{statement.key}"] = (small * small.size / total).astype(np.float16)
            if cell.masks is not None:
                tried += trial_rows(cell, methods)
    told = {"method": METHOD, "captions": captions, "verdict": _verdict(tried)}
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, facts=np.array(json.dumps(told)), **found)


def _verdict(tried: Sequence[dict[str, Any]]) -> list[str]:
    """What a reader may believe, in words; nothing without masks."""
    if not tried:
        return []
    rows = pd.DataFrame(tried)
    cells, groups = rows["cell_id"].nunique(), rows["group"].nunique()
    about = f"Tried on {cells} cells with masks, of {groups} {'group' if groups == 1 else 'groups'}"
    return [f"{about}; `explain --trial` tries more.", *in_words(verdicts(rows), {})]


def _cells(captioner: Captioner, data: CellDataModule, rows: pd.DataFrame) -> Iterator[ExplainedCell]:
    known = data.manifest.set_index("cell_id", drop=False)
    for cell, caption in zip(rows["cell_id"], rows["caption"], strict=True):
        if not str(caption).strip():
            continue
        row = known.loc[cell].to_dict()
        pixels = torch.from_numpy(data.preparation.of_cell(row)).permute(2, 0, 1)
        yield ExplainedCell(row, as_input(pixels, captioner), CaptionReader(captioner, str(caption)), data.crop)


@contextmanager
def _differentiable(captioner: Captioner) -> Iterator[None]:
    """Let gradients be taken where Lightning has turned them off, in evaluation mode."""
    before = captioner.training
    with torch.inference_mode(mode=False), torch.enable_grad():
        captioner.eval()
        try:
            yield
        finally:
            captioner.train(before)
