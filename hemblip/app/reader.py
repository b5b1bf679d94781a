"""A run's captioner as the page asks it: cells in, descriptions out, shorter where less risk is tolerated."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from threading import Lock

import numpy as np
import pandas as pd

from hemblip.app.alike import AlikeCells
from hemblip.app.where import Where, read_trial, where
from hemblip.data.preparation import Picture, as_pixels
from hemblip.errors import DataError
from hemblip.explain.ask import answers
from hemblip.metrics.abstention import abstain, fit_thresholds, promise
from hemblip.metrics.asked import with_better_confidence
from hemblip.models.loading import load
from hemblip.models.validated import validated_otherwise
from hemblip.morphology import KEYS
from hemblip.morphology.questions import understood
from hemblip.predictions import CONFIDENCE_KEYS, CONFIDENCE_PREFIX, UNLIKE
from hemblip.reporting.cards import cell_pixels
from hemblip.reporting.described import Cell
from hemblip.run import Run

EXAMPLES = 6
"""Cells that are shown to whoever has none at hand."""

NO_VALIDATION = (
    "Captions cannot be shortened here: this model comes without captions of validation cells, so nobody knows what "
    "risk a shorter one carries."
)


class Reader:
    """One captioner for all who use the page.

    Args:
        path: run folder, checkpoint, exported folder, or the name of a captioner that comes with HemBLIP.
    """

    def __init__(self, path: str | Path) -> None:
        self.captioner = load(path)
        self.run = Run.meant(path)
        self._alike = AlikeCells(self.captioner, self.run.folder)
        self._alone = Lock()  # a captioner describes one batch at a time
        self._thresholds = lru_cache(maxsize=100)(self._fitted)

    @cached_property
    def examples(self) -> list[tuple[str, Picture]]:
        """Cells to try it on: those that the run was tested on, or real ones that come with the package."""
        for split in self.run.described:
            with suppress(DataError):  # its images are gone
                rows = self.run.predictions(split).drop_duplicates("reference").head(EXAMPLES)
                return [(str(row["cell_id"]), cell_pixels(row)) for row in rows.to_dict("records")]
        found = sorted(Path(str(files("hemblip.data") / "cells")).glob("*.jpg"))
        return [(path.name, path) for path in found[:: len(found) // EXAMPLES]]

    @property
    def warning(self) -> str:
        """What training never had, in a sentence; empty if that is nothing, or not known."""
        return self.captioner.never_seen()

    @cached_property
    def validation(self) -> pd.DataFrame | None:
        """Prediction rows that say how sure each statement was; None where a risk cannot be chosen."""
        table = self.run.validation
        if table is None or not set(CONFIDENCE_KEYS) <= set(table.columns):
            return None
        if validated_otherwise(self.run, self.captioner, self.run.checkpoint):
            return None
        return with_better_confidence(table, self.captioner.choices)

    def describe(self, pictures: Sequence[tuple[str, Picture]]) -> list[Cell]:
        """Describe pictures, each with its name.

        Raises:
            ImageError: one is not readable.
        """
        read = [(name, as_pixels(picture)) for name, picture in pictures]
        with self._alone:
            told = self.captioner.describe([pixels for _, pixels in read])
        cells = [
            Cell(
                name, self.captioner.preparation(pixels), one.caption, one.attributes, one.confidence, unlike=one.unlike
            )
            for (name, pixels), one in zip(read, told, strict=True)
        ]
        with self._alone:
            alike = self._alike.of(cells)
        return [replace(cell, alike=near) for cell, near in zip(cells, alike, strict=True)]

    def ask(self, question: str, cells: Sequence[Cell]) -> pd.DataFrame | None:
        """Answer a question about cells, see `hemblip.explain.ask.answers`; None if it is about nothing taught."""
        asked = understood(question)
        if asked is None or asked.key in self.captioner.untaught() or not cells:
            return None
        seen = np.stack([cell.seen for cell in cells])
        with self._alone:
            return answers(self.captioner, seen, [cell.name for cell in cells], [asked.key], asked)

    @cached_property
    def trial(self) -> pd.DataFrame | None:
        """What a trial found of the captioner's maps; None if nobody has tried them."""
        return read_trial(self.run.folder)

    def where(self, cell: Cell, keys: Sequence[str]) -> Where:
        """Show where in a cell the words come from that state some attributes, see `hemblip.app.where`."""
        with self._alone:
            return where(self.captioner, cell, keys, self.trial)

    def promise(self, risk: float) -> str:
        """Say what captions of this risk, above 0 to 1, promise, or why none can be chosen."""
        if self.validation is None:
            return NO_VALIDATION
        return "At 100 % nothing is left out." if risk >= 1 else promise(self.validation, risk)

    def shortened(self, cells: Sequence[Cell], risk: float) -> list[Cell]:
        """Abstain as for a risk, above 0 to 1; at 1 captions stay as they are.

        Raises:
            DataError: there are no validation captions to choose by.
        """
        if risk >= 1 or not cells:
            return list(cells)
        if self.validation is None:
            raise DataError(NO_VALIDATION)
        rows = [
            {
                "caption": cell.caption,
                **cell.attributes,
                **{CONFIDENCE_PREFIX + key: cell.confidence.get(key) for key in KEYS},
                UNLIKE: cell.unlike,
            }
            for cell in cells
        ]
        table = abstain(
            pd.DataFrame(rows).astype({key: float for key in (*CONFIDENCE_KEYS, UNLIKE)}), self._thresholds(risk)
        )
        return [_less(cell, row) for cell, row in zip(cells, table.to_dict("records"), strict=True)]

    def _fitted(self, risk: float) -> dict[str, float | None]:
        assert self.validation is not None
        return fit_thresholds(self.validation, risk)


def _less(cell: Cell, row: dict[str, object]) -> Cell:
    """A cell with the caption of a row that says less of it."""
    kept: dict[str, str | None] = {key: str(row[key]) if isinstance(row[key], str) else None for key in KEYS}
    left_out = tuple(key for key in KEYS if cell.attributes[key] is not None and kept[key] is None)
    sure = {key: value for key, value in cell.confidence.items() if key not in left_out}
    return replace(cell, caption=str(row["caption"]), attributes=kept, confidence=sure, left_out=left_out)
