"""Statements corrected by hand, as a table of annotations."""

import secrets
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from hemblip.atomic import replacing
from hemblip.data.records import manifest_table
from hemblip.errors import DataError
from hemblip.morphology import KEYS, SCHEMA
from hemblip.reporting.described import Cell


def statements_of(cells: Sequence[Cell]) -> pd.DataFrame:
    """What is said of each cell: `cell_id` and the 15 keys, empty where nothing is stated."""
    rows = [{"cell_id": cell.name, **{key: cell.attributes[key] or "" for key in KEYS}} for cell in cells]
    return pd.DataFrame(rows, columns=["cell_id", *KEYS])


def write_corrections(table: pd.DataFrame, cells: Sequence[Cell], folder: Path) -> tuple[Path, Path]:
    """Write a corrected table as CSV and Parquet: a manifest, and the captions as they were in the column `caption`.

    Args:
        table: as of `statements_of`, changed by hand.
        cells: that it is about.
        folder: to write into, under a new name.

    Raises:
        DataError: a value is not in the schema, two cells have one name, or a cell is none of `cells`.
    """
    captions = {cell.name: cell.caption for cell in cells}
    if not len(table):
        raise DataError("there are no cells; hand in some first")
    for row in table.to_dict("records"):
        if row["cell_id"] not in captions:
            raise DataError(f"cell '{row['cell_id']}' was not handed in; leave the first column as it is")
        for key in KEYS:
            value = str(row[key] or "").strip()
            if value and value not in SCHEMA[key]:
                raise DataError(
                    f"{row['cell_id']}: {key} is '{value}'; it is one of {', '.join(SCHEMA[key])}, or empty"
                )
    said = [
        {key: str(row[key] or "").strip() or None for key in ("cell_id", *KEYS)} for row in table.to_dict("records")
    ]
    kept = manifest_table([{**row, "image": row["cell_id"], "source": "corrected"} for row in said], "corrected table")
    kept = kept.assign(captions="[]", caption=kept["cell_id"].map(captions))  # to be written from what is corrected
    place = folder / secrets.token_hex(8)
    csv, parquet = place / "corrected.csv", place / "corrected.parquet"
    with replacing(csv) as partial:
        kept.to_csv(partial, index=False)
    with replacing(parquet) as partial:
        kept.to_parquet(partial, index=False)
    return csv, parquet
