"""The manifest: one row a cell, from which all loading starts."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd

from hemblip.errors import DataError
from hemblip.morphology import KEYS, SCHEMA, complete

MANIFEST_COLUMNS: tuple[str, ...] = (
    "cell_id",
    "image",
    "bbox",
    "width_factor",
    "masks",
    "source",
    "domain",
    "group",
    "split",
    *KEYS,
    "captions",
)
"""`bbox` is [x, y, width, height] in pixels, may reach over the border (see `images.read_cell`), and is None for the
whole image; `width_factor` stretches a crop horizontally, to undo a camera's squeeze; `masks` is a label image of
nucleus and cytoplasm (`hemblip.data.masks`), None where there is none; `group` is the patient, slide or cell that must
not be split; `captions` is a list."""

QUESTION = "question"
"""Column of manifests and prediction rows with questions: what is asked of a row's image, its caption being the answer;
empty where a description is asked for."""

SPLITS: tuple[str, ...] = ("train", "val", "test", "external")

INTERNAL = SPLITS[:3]
"""Splits of the cells that a captioner is trained, validated and tested on."""


def manifest_table(rows: Iterable[Mapping[str, object]], origin: str) -> pd.DataFrame:
    """Make a manifest from rows that may leave out what has a default.

    Args:
        rows: at least `cell_id`, `image` and `source` each.
        origin: where the rows come from, named in errors.

    Returns:
        Valid manifest with the columns `MANIFEST_COLUMNS`, and `QUESTION` if rows have it.

    Raises:
        DataError: see `validate`.
    """
    table = pd.DataFrame(list(rows))
    if table.empty:
        raise DataError(f"{origin}: no cells found; check the folder and the files it should hold")
    defaults = {"width_factor": 1.0, "domain": ""}
    for column in MANIFEST_COLUMNS:
        if column not in table.columns:
            table[column] = [[] for _ in table.index] if column == "captions" else defaults.get(column)
    if table["group"].isna().any():
        table["group"] = table["group"].fillna(table["cell_id"])
    return validate(table, origin)


def validate(manifest: pd.DataFrame, origin: str) -> pd.DataFrame:
    """Check a manifest and give it back with its columns in order and `None` for what is not stated.

    Raises:
        DataError: a column is missing, an id repeats, a split or attribute value is unknown, a box is not four numbers
            with an area, or captions are not a list of texts.
    """
    missing = [column for column in MANIFEST_COLUMNS if column not in manifest.columns]
    if missing:
        raise DataError(f"{origin}: missing column {', '.join(missing)}; make it with `python -m hemblip prepare`")
    asked = [QUESTION] if QUESTION in manifest.columns else []
    table = manifest[[*MANIFEST_COLUMNS, *asked]].reset_index(drop=True)
    repeated = table.loc[table["cell_id"].duplicated(), "cell_id"]
    if len(repeated):
        raise DataError(
            f"{origin}: {len(repeated)} cell ids repeat, first '{repeated.iloc[0]}'; each cell needs its own"
        )
    for column in ("cell_id", "image", "source", "bbox", "masks", "split", *KEYS):
        table[column] = table[column].astype(object).where(table[column].notna(), None)
    for column in ("cell_id", "image", "source"):
        table[column] = _converted(table, column, _name, "a text", origin)
    table["group"] = table["group"].where(table["group"].notna(), table["cell_id"])
    table["group"] = _converted(table, "group", _name, "a text", origin)
    table["domain"] = _converted(table, "domain", lambda value: value or "", "a text", origin)
    table["width_factor"] = _converted(table, "width_factor", _factor, "a number, 0.1 to 10", origin)
    table["bbox"] = _converted(table, "bbox", _box, "[x, y, width, height] in pixels, with an area", origin)
    table["captions"] = _converted(table, "captions", _texts, "a list of texts", origin)
    for column in asked:
        table[column] = _converted(table, column, _words, "a text", origin)
    _check_values(table, "split", SPLITS, origin)
    for key in KEYS:
        _check_values(table, key, SCHEMA[key], origin)
    coloured = table[(table["granules"] == "absent") & table["granule_colour"].notna()]
    for _, row in coloured.head(1).iterrows():
        complete(row[list(KEYS)].to_dict(), f"{origin}: cell '{row['cell_id']}'")
    return table


def _converted(
    table: pd.DataFrame, column: str, convert: Callable[[object], object], wanted: str, origin: str
) -> "pd.Series[Any]":
    values = []
    for cell_id, value in zip(table["cell_id"], table[column], strict=True):
        try:
            values.append(convert(value))
        except (TypeError, ValueError) as error:
            told = f"{str(cell_id)[:200]!r} has {column} {repr(value)[:200]}"
            raise DataError(f"{origin}: cell {told}; it must be {wanted}") from error
    return pd.Series(values, index=table.index, dtype=object)


def _box(value: object) -> list[float] | None:
    if value is None:
        return None
    if isinstance(value, str):
        raise TypeError
    x, y, width, height = (float(number) for number in value)  # type: ignore[attr-defined]
    if not all(map(math.isfinite, (x, y, width, height))) or min(width, height) <= 0:
        raise ValueError
    return [x, y, width, height]


def _name(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError
    return value


def _words(value: object) -> str:
    if value is None or value != value:  # NaN is not itself
        return ""
    return value if isinstance(value, str) else _name(value)


def _factor(value: object) -> float:
    if isinstance(value, bool) or not 0.1 <= float(value) <= 10:  # type: ignore[arg-type]
        raise ValueError
    return float(value)  # type: ignore[arg-type]


def _texts(value: object) -> list[str]:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return []
    texts: list[str] = list(value)  # type: ignore[call-overload]
    if isinstance(value, (str, Mapping)) or not all(isinstance(text, str) for text in texts):
        raise TypeError
    return texts


def _check_values(table: pd.DataFrame, column: str, allowed: tuple[str, ...], origin: str) -> None:
    unknown = table[table[column].notna() & ~table[column].isin(allowed)]
    for _, row in unknown.head(1).iterrows():
        raise DataError(
            f"{origin}: cell '{row['cell_id']}' has unknown {column} '{str(row[column])[:80]}'; "
            f"allowed are {', '.join(allowed)}"
        )
