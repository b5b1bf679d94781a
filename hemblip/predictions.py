"""The second table: one row a cell and model, from which all scores, figures and reports are made."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemblip.atomic import check_writable, replacing
from hemblip.data.records import QUESTION
from hemblip.errors import DataError
from hemblip.morphology import KEYS, SCHEMA, extract_attributes
from hemblip.plain_text import csv_text, plain
from hemblip.shared_texts import read_arrow, to_pandas

TRUE_PREFIX = "true_"
"""`true_<key>` holds the annotation beside `<key>`, which is read from the generated caption."""

TRUE_KEYS: tuple[str, ...] = tuple(TRUE_PREFIX + key for key in KEYS)

COLUMNS: tuple[str, ...] = (
    "cell_id",
    "split",
    "source",
    "group",
    "image",
    "model",
    "reference",
    "caption",
    "confidence",
    *KEYS,
    *TRUE_KEYS,
)

CONFIDENCE_PREFIX = "confidence_"
"""`confidence_<key>` is the probability, by the captioner, of the words that state `<key>`; None where none do."""

CONFIDENCE_KEYS: tuple[str, ...] = tuple(CONFIDENCE_PREFIX + key for key in KEYS)

OPTIONAL_COLUMNS: tuple[str, ...] = ("bbox", "width_factor", QUESTION, "references", *CONFIDENCE_KEYS)
"""Of ours, where rows have them; `references` are all captions of a cell, of which `reference` is the first."""


UNLIKE = "unlike"
"""Column of captions: how unlike the training cells the cell is, see `hemblip.models.familiarity`."""


def prediction_table(rows: Iterable[Mapping[str, object]]) -> pd.DataFrame:
    """Make the table from rows gathered over all ranks: each cell and model once, ordered by id.

    Args:
        rows: mappings with the names of `COLUMNS`, and any others; a cell that a sampler gave out twice may repeat.

    Returns:
        Table with the columns `COLUMNS`, then `OPTIONAL_COLUMNS` that rows have, then others as they came; unstated
        attributes are `None`.

    Raises:
        DataError: a column is missing.
    """
    table = pd.DataFrame(list(rows))
    return ordered(table) if len(table) else pd.DataFrame(columns=list(COLUMNS))


def ordered(table: pd.DataFrame) -> pd.DataFrame:
    """Put rows and columns into the order of `prediction_table`.

    Raises:
        DataError: a column is missing.
    """
    check(table, "prediction rows")
    twice = table.duplicated(["model", "cell_id"])
    table = table[~twice] if twice.any() else table
    in_order = table["model"].nunique() == 1 and table["cell_id"].is_monotonic_increasing
    table = table.reset_index(drop=True) if in_order else table.sort_values(["model", "cell_id"], ignore_index=True)
    ours = [*COLUMNS, *(column for column in OPTIONAL_COLUMNS if column in table.columns)]
    return _without_nan(table[[*ours, *(column for column in table.columns if column not in ours)]])


def rows(
    captions: Sequence[str],
    references: Sequence[str | Sequence[str]] | None = None,
    annotations: Sequence[Mapping[str, str | None]] | pd.DataFrame | None = None,
    groups: Sequence[object] | None = None,
    images: Sequence[str] | None = None,
    cells: Sequence[object] | None = None,
    model: str = "captions",
    split: str = "test",
    source: str = "captions",
    others: Sequence[Mapping[str, object]] | None = None,
) -> pd.DataFrame:
    """Make prediction rows of anybody's captions; everything but these may be left out.

    Args:
        captions: N texts.
        references: N texts, or lists of texts of which the first is the reference; empty where there is none.
        annotations: N mappings of schema keys to values, or a table with such columns; None or "" is not annotated.
        groups: slide or patient of each cell; each cell its own if left out.
        images: paths, for pictures in the report.
        cells: ids; their number if left out.
        model: who wrote the captions.
        split: "test" or "external".
        source: where the cells come from.
        others: N mappings of further columns to values, kept as they are; `confidence` and those of
            `OPTIONAL_COLUMNS` mean what they mean in rows of ours.

    Raises:
        DataError: the lists differ in length, or an annotation is not in the schema.
    """
    count = len(captions)
    if isinstance(annotations, pd.DataFrame):
        annotations = annotations.to_dict("records")
    given = {"references": references, "annotations": annotations, "groups": groups, "images": images, "cells": cells}
    given |= {"others": others}
    for name, values in given.items():
        if values is not None and len(values) != count:
            raise DataError(f"{count} captions but {len(values)} {name}; give one a caption")
    if cells is None:
        cells = [f"{number:0{len(str(count))}d}" for number in range(count)]
    made = []
    for place, caption in enumerate(captions):
        text = "" if _absent(caption) else plain(str(caption))
        reference = references[place] if references is not None else ""
        several = [reference] if isinstance(reference, str) or _absent(reference) else list(reference)
        truth = annotations[place] if annotations is not None else {}
        known = {key: truth.get(key) for key in KEYS}
        several = ["" if _absent(one) else plain(str(one)) for one in several] or [""]
        made.append(
            {
                **{"cell_id": plain(str(cells[place])), "split": split, "source": plain(source), "model": plain(model)},
                "group": plain(str(cells[place] if groups is None else groups[place])),
                "image": "" if images is None else str(images[place]),
                **{"reference": several[0], "caption": text, "confidence": None},
                **(others[place] if others is not None else {}),
                **({"references": several} if len(several) > 1 else {}),
                **extract_attributes(text),
                **{TRUE_PREFIX + key: None if _absent(value) else value for key, value in known.items()},
            }
        )
    table = pd.DataFrame(made, columns=None if made else list(COLUMNS))
    if "references" in table:
        table["references"] = [
            several if isinstance(several, list) else [one]
            for several, one in zip(table["references"], table["reference"], strict=True)
        ]
    return prediction_table(table.to_dict("records"))


def _absent(value: object) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _without_nan(table: pd.DataFrame) -> pd.DataFrame:
    """Attributes that are not stated as `None`: pandas turns them into NaN in columns of text."""
    columns = {key: table[key] for key in (*KEYS, *TRUE_KEYS)}
    odd = {key: values for key, values in columns.items() if values.dtype != object or _has_nan(values)}
    return table.assign(**{key: values.astype(object).where(values.notna(), None) for key, values in odd.items()})


def _has_nan(values: pd.Series) -> bool:
    """Whether something is missing that is not None."""
    return any(value is not None for value in values[values.isna()])


def check(table: pd.DataFrame, origin: str) -> None:
    """Make sure that rows can be scored.

    Raises:
        DataError: a column of `COLUMNS` is missing, a value is not in the schema, or a confidence is no probability.
            `origin` is named.
    """
    missing = [column for column in COLUMNS if column not in table.columns]
    if missing:
        raise DataError(f"{origin}: missing column {', '.join(missing)}; write it with `python -m hemblip test`")
    for key in KEYS:
        check_values(table, key, key, origin)
        check_values(table, TRUE_PREFIX + key, key, origin)
    for column in ("confidence", *CONFIDENCE_KEYS):
        if column in table.columns:
            given = table.loc[table[column].notna(), column]
            odd = given[~pd.to_numeric(given, errors="coerce").between(0, 1)]
            if len(odd):
                raise DataError(f"{origin}: {column} holds {odd.iloc[0]}; a confidence is a probability, 0 to 1")


def check_values(table: pd.DataFrame, column: str, key: str, origin: str) -> None:
    """Raise a DataError that names `origin` if a column holds what is no value of `key`."""
    numbered(table, column, key, origin)


def numbered(table: pd.DataFrame, column: str, key: str, origin: str) -> NDArray[np.int64]:
    """Number the values of a column of `key` as the schema orders them, (N,); the number of values where there is none.

    Raises:
        DataError: a value is not in the schema; `origin` is named.
    """
    places, values = pd.factorize(table[column].array)
    if odd := [value for value in values if value not in SCHEMA[key]]:
        raise DataError(f"{origin}: {column} holds '{odd[0]}'; the schema has {', '.join(SCHEMA[key])}")
    numbers = np.array([*(SCHEMA[key].index(value) for value in values), len(SCHEMA[key])], dtype=np.int64)
    return np.asarray(numbers[places])  # the last where there is none: place -1


def write_predictions(table: pd.DataFrame, path: Path) -> None:
    """Write `table` to `path` (Parquet) atomically, making its folder."""
    with replacing(path) as partial:
        table.to_parquet(partial, index=False)


def read_predictions(path: Path) -> pd.DataFrame:
    """Read a prediction table.

    Raises:
        DataError: the file is missing, unreadable or empty, lacks a column, holds a value that cannot be, or describes
            a cell twice.
    """
    if not path.is_file():
        raise DataError(f"{path}: no predictions; make them with `python -m hemblip test`")
    try:
        table = to_pandas(read_arrow(path))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a readable Parquet file ({error})") from error
    check(table, str(path))
    if table.empty:
        raise DataError(f"{path}: holds no rows; run `python -m hemblip test` on a split that has cells")
    twice = table[table.duplicated(["model", "cell_id"])]
    if len(twice):
        model, cell = twice.iloc[0][["model", "cell_id"]]
        raise DataError(f"{path}: holds cell '{cell}' of model '{model}' more than once; keep one row a cell and model")
    return _without_nan(table.fillna({"reference": "", "caption": ""}))


def captions_path(output: str) -> Path:
    """Check where captions are to be written, before they are made.

    Raises:
        DataError: the name ends in none of .csv, .parquet and .html, or it cannot be written.
    """
    path = Path(output)
    if path.suffix not in (".csv", ".parquet", ".html"):
        raise DataError(f"--output {path}: ends in neither .csv nor .parquet nor .html")
    check_writable(path)
    return path


def captions_table(rows: pd.DataFrame, manifest: pd.DataFrame) -> pd.DataFrame:
    """Put captions of cells without annotation beside the attributes that they state.

    Args:
        rows: `cell_id`, `caption`, `confidence` and `confidence_<key>` each, in any order.
        manifest: the cells, for their images and their order.
    """
    read = {caption: extract_attributes(caption) for caption in rows["caption"].unique()}  # captions repeat
    stated = {key: [read[caption][key] for caption in rows["caption"]] for key in KEYS}
    asked = [QUESTION] if QUESTION in manifest else []
    table = manifest[["cell_id", "image", *asked]].merge(rows.assign(**stated), on="cell_id", sort=False)
    unlike = [UNLIKE] if UNLIKE in table and table[UNLIKE].notna().any() else []
    return table[["cell_id", "image", *asked, "caption", "confidence", *unlike, *KEYS, *CONFIDENCE_KEYS]]


def write_captions(table: pd.DataFrame, path: Path) -> None:
    """Write a table of captions to a `.csv` or `.parquet` file, atomically."""
    with replacing(path) as partial:
        write_as(table, path.suffix, partial)


def write_as(table: pd.DataFrame, suffix: str, path: Path) -> None:
    """Write a table as CSV or Parquet, as `suffix` says (`.csv`, `.parquet`), to a file of any name."""
    if suffix == ".csv":
        path.write_text(csv_text(table), encoding="utf-8")
    else:
        table.to_parquet(path, index=False)


def annotated_keys(table: pd.DataFrame) -> list[str]:
    """Keys with which at least one of the cells is annotated."""
    return [key for key, column in zip(KEYS, TRUE_KEYS, strict=True) if table[column].notna().any()]
