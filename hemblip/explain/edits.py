"""The causal test: change one thing in a cell and see which statements change.

Drawn cells are drawn again with one attribute changed and everything else as it was. A captioner that looks where it
should changes that statement (sensitivity) and no other (leakage).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from hemblip.data.images import Pixels, square
from hemblip.data.sources import Synthetic
from hemblip.data.synthetic.renderer import Cell, Streams, draw
from hemblip.data.transforms import derived_seed
from hemblip.errors import DataError
from hemblip.explain.statement import as_batch
from hemblip.explain.verdict import means
from hemblip.models.captioner import Captioner
from hemblip.morphology import HEALTHY, KEYS, extract_attributes

BATCH = 64


def streams(cell_id: str) -> Streams:
    """A generator for each stage of a drawing: what one stage draws does not move what others draw."""
    return lambda stage: np.random.default_rng(derived_seed("edit", cell_id, stage))


def edits(cells: pd.DataFrame) -> Iterator[tuple[Mapping[str, Any], str, str, Cell]]:
    """Change each annotated attribute of drawn cells once.

    Args:
        cells: of the manifest.

    Yields:
        The cell's row, the key, its new value, and all attributes after the change. The new value is one that cells of
        the same kind (healthy or leukemic) have, drawn by the cell's id; with granules go and come their colours.
    """
    healthy = cells["diagnosis"] == HEALTHY
    values = {
        (kind, key): sorted(set(of[key].dropna()))
        for kind, of in ((True, cells[healthy]), (False, cells[~healthy]))
        for key in KEYS
    }
    for row in cells.to_dict("records"):
        before: Cell = {key: row[key] for key in KEYS}
        for key in KEYS:
            others = [value for value in values[row["diagnosis"] == HEALTHY, key] if value != before[key]]
            if before[key] is None or not others or (key == "diagnosis" and row["diagnosis"] == HEALTHY):
                continue
            chosen = others[derived_seed("value", row["cell_id"], key) % len(others)]
            after = {**before, key: chosen}
            if key == "granules":
                after["granule_colour"] = None if chosen == "absent" else before["granule_colour"] or "pink"
            yield row, key, chosen, after


@torch.no_grad()
def edit_rows(captioner: Captioner, source: Synthetic, cells: pd.DataFrame, crop: float) -> pd.DataFrame:
    """Describe drawn cells before and after each edit.

    Args:
        captioner: in evaluation mode.
        source: that drew the cells.
        cells: its rows.
        crop: share of the image that the captioner sees.

    Returns:
        One row an edit and statement: `cell_id`, `group`, `edited`, `to`, `key`, `before`, `after`; and `depends`, that
        the statement may follow the edit, as the colour of granules does that come or go.

    Raises:
        DataError: the cells are not those of the source, or too few to have other values to change to.
    """
    if not len(cells):
        raise DataError("--edits draws cells again, but the run has no drawn test cells; give masks of real ones")
    plain = {row["cell_id"]: _drawn(source, row, {key: row[key] for key in KEYS}) for row in cells.to_dict("records")}
    before = dict(zip(plain, _stated(captioner, list(plain.values()), crop), strict=True))
    if not (todo := list(edits(cells))):
        raise DataError(
            f"--edits: of {len(cells)} drawn cells none has a value that another has not; give more --cells"
        )
    after = _stated(captioner, (_drawn(source, row, changed) for row, _, _, changed in todo), crop, len(todo))
    rows = []
    for (row, edited, value, changed), stated in zip(todo, after, strict=True):
        for key in KEYS:
            rows.append(
                {
                    "cell_id": row["cell_id"],
                    "group": row["group"],
                    "edited": edited,
                    "to": value,
                    "key": key,
                    "before": before[row["cell_id"]][key],
                    "after": stated[key],
                    "depends": key != edited and changed[key] != row[key],
                }
            )
    return pd.DataFrame(rows)


def matrix(rows: pd.DataFrame) -> pd.DataFrame:
    """Sum up edits.

    Args:
        rows: of `edit_rows`.

    Returns:
        One row an edited attribute and statement: `rate` with `low` and `high`, 95 % over groups: on the diagonal how
        often the statement changed to the new value, elsewhere how often one that was made before changed or was left
        out; `edits` that were counted, and `groups`.
    """
    own = rows["key"] == rows["edited"]
    counted = rows[own | (~rows["depends"] & rows["before"].notna())]
    own = own[counted.index]
    hit = np.where(
        own,
        (counted["after"] == counted["to"]) & (counted["before"] != counted["to"]),
        counted["before"].fillna("") != counted["after"].fillna(""),
    )
    # A statement that had the new value before the edit cannot change to it.
    counted = counted.assign(hit=hit.astype(float))[~(own & (counted["before"] == counted["to"]))]
    table = []
    for (edited, key), part in counted.groupby(["edited", "key"], sort=False):
        found = means({"rate": part["hit"].to_numpy()}, part["group"].tolist())["rate"]
        table.append(
            {
                "edited": edited,
                "key": key,
                "rate": found.value,
                "low": found.low,
                "high": found.high,
                "edits": len(part),
                "groups": found.groups,
            }
        )
    return pd.DataFrame(table)


def _drawn(source: Synthetic, row: Mapping[str, Any], attributes: Cell) -> Pixels:
    patient = int(str(row["group"]).rsplit("/", 1)[-1])
    return draw(attributes, source.slide(patient), source.size, streams(str(row["cell_id"]))).pixels


def _stated(captioner: Captioner, images: Any, crop: float, count: int | None = None) -> list[dict[str, str | None]]:
    """Attributes that the captioner states of each image."""
    found: list[dict[str, str | None]] = []
    batch: list[Tensor] = []
    images = tqdm(images, total=count, desc="Describing edits", unit="cell", leave=False, disable=None)
    for pixels in images:
        batch.append(torch.from_numpy(square(pixels, captioner.image_size, crop)).permute(2, 0, 1))
        if len(batch) == BATCH:
            found += map(extract_attributes, captioner.generate(as_batch(torch.stack(batch))))
            batch = []
    if batch:
        found += map(extract_attributes, captioner.generate(as_batch(torch.stack(batch))))
    return found


def overall(table: pd.DataFrame) -> tuple[float, float]:
    """Mean sensitivity (the diagonal) and leakage (the rest) of a `matrix`, each attribute counted once."""
    own = table["edited"] == table["key"]
    return float(table[own]["rate"].mean()), float(table[~own]["rate"].mean())


def drawn_source(sources: Sequence[object]) -> Synthetic | None:
    """The source that draws cells, if a run has one."""
    return next((source for source in sources if isinstance(source, Synthetic)), None)
