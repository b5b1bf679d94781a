"""Where in a cell a statement comes from: a map where a trial found such maps faithful, and words where not."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from hemblip.errors import DataError, HemblipError
from hemblip.explain.methods import METHODS
from hemblip.explain.statement import CaptionReader, as_input
from hemblip.models.captioner import Captioner
from hemblip.morphology.schema import words
from hemblip.reporting.described import Cell
from hemblip.reporting.maps import overlay, scale_of

TRIAL = Path("explain", "trial.csv")
"""Within a run folder, or beside exported weights; `explain --trial` writes it."""

QUICKEST = {"attention": "attention times gradient", "integrated": "integrated gradients", "occlusion": "occlusion"}
"""Methods by the time that they take, in words; `parts` needs masks, which handed-in cells lack."""


@dataclass(frozen=True)
class Where:
    """What is told of a statement.

    Attributes:
        said: a sentence for each attribute.
        picture: of the first map that is worth showing, to be laid over the cell; None if there is none.
    """

    said: str
    picture: str | None = None


def read_trial(folder: Path) -> pd.DataFrame | None:
    """Read what a trial found of each `method` and `key`: `faithful` and `cells`; None if there was none.

    Raises:
        DataError: the file is damaged.
    """
    path = folder / TRIAL
    if not path.is_file():
        return None
    try:
        table = pd.read_csv(path, usecols=["method", "key", "cells", "faithful"])
    except ValueError as error:
        raise DataError(f"{path}: not as `explain --trial` writes it ({error}); try the maps again") from error
    table = table[table["method"].isin(list(QUICKEST))]
    return table.assign(faithful=table["faithful"].astype(str) == "True")


def where(captioner: Captioner, cell: Cell, keys: Sequence[str], trial: pd.DataFrame | None) -> Where:
    """Show which pixels made what is said of some attributes of a cell.

    Args:
        captioner: in evaluation mode.
        cell: that it described.
        keys: attributes that the same words state.
        trial: of `read_trial`.
    """
    said, picture = [], None
    for key in keys:
        method = None if trial is None else _quickest(trial, key)
        if method is None:
            said.append(f"{words(key)}: {_why_none(trial, key)}")
            continue
        try:
            drawn = _picture(captioner, cell, key, method)
        except HemblipError as error:
            said.append(f"{words(key)}: no map; {error}.")
            continue
        picture = picture or drawn
        said.append(
            f"{words(key)}: the darker, the more these words rest on that place ({QUICKEST[method]}; such maps of "
            "this attribute did better than a random map and a blob in the middle)."
        )
    return Where(" ".join(said), picture)


def _quickest(trial: pd.DataFrame, key: str) -> str | None:
    """The quickest method that is faithful to an attribute; None if none is."""
    good = set(trial.loc[(trial["key"] == key) & trial["faithful"], "method"])
    return next((method for method in QUICKEST if method in good), None)


def _why_none(trial: pd.DataFrame | None, key: str) -> str:
    if trial is None:
        return "no map is shown, because nobody has tested the maps of this model; the command explain --trial does."
    tried = trial[trial["key"] == key]
    if tried.empty:
        return "no map is shown, because maps of this attribute were never tested."
    methods = " and ".join(QUICKEST[method] for method in tried["method"])
    return (
        f"no map is worth showing. Tested on {tried['cells'].max()} cells, {methods} "
        "did no better than a random map or a blob in the middle."
    )


def _picture(captioner: Captioner, cell: Cell, key: str, method: str) -> str:
    reader = CaptionReader(captioner, cell.caption)
    statement = reader.statement(key)
    image = as_input(torch.from_numpy(cell.seen).permute(2, 0, 1), captioner)
    with torch.enable_grad():
        grid = METHODS[method](reader, image, [statement], None)[0].float().cpu().numpy()
    spread = (grid * (grid.size / (float(grid.sum()) or 1.0))).astype(np.float32)  # in times of an even spread
    return overlay(spread / scale_of([spread]))
