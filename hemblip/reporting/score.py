"""Scores, intervals and a report of anybody's captions: `hemblip.score` and `python -m hemblip score`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from hemblip.atomic import write_text
from hemblip.data.tables import KNOWN, Table, read_table, texts
from hemblip.errors import DataError
from hemblip.metrics import score as score_rows
from hemblip.metrics.baselines import MAJORITY, majority_baseline
from hemblip.metrics.intervals import Measured
from hemblip.morphology import KEYS
from hemblip.predictions import CONFIDENCE_KEYS, TRUE_KEYS, TRUE_PREFIX, prediction_table, rows, write_predictions
from hemblip.results import check_folder, replacing_folder
from hemblip.run import Run
from hemblip.splits import PLACES

SCORES = "scores.json"

ROWS = "predictions.parquet"
"""In the folder of `score`: what was scored, beside columns that only the table's owner knows."""

MEASURES = ("confidence", "width_factor", *CONFIDENCE_KEYS)
"""Columns of numbers, as `test` and `predict` write them."""

ALTERNATIVES: Mapping[str, tuple[str, ...]] = {
    "reference": ("reference", "references", "ground_truth", "target"),
    "model": ("model",),
}
"""What a table of captions may hold beside what every table is asked for, and by which names."""


def score(
    captions: Sequence[str],
    references: Sequence[str | Sequence[str]] | None = None,
    annotations: Sequence[Mapping[str, str | None]] | pd.DataFrame | None = None,
    groups: Sequence[object] | None = None,
) -> dict[str, Any]:
    """Score captions of white blood cells, whoever wrote them; no torch is needed.

    Args:
        captions: N texts.
        references: N texts, or lists of texts, of which the first counts in scores with one reference.
        annotations: N mappings of attribute keys to values, or a table with such columns; what is not annotated may be
            left out.
        groups: slide or patient of each cell, over which intervals are; each cell its own if left out.

    Returns:
        As `hemblip.metrics.score`, and `intervals`: score -> its 95 % interval `[low, high]`, where it has one, such as
        `accuracy/cell_type`. What cannot be scored is None.

    Raises:
        DataError: the lists differ in length or are empty, or a value is not in the schema.

    Example:
        >>> hemblip.score(["A large neutrophil."], annotations=[{"cell_type": "neutrophil"}])["accuracy"]
    """
    return _scored(rows(captions, references, annotations, groups))


def score_command(
    tables: list[str] | None = None, output: str = "scores", columns: dict[str, str] | None = None
) -> None:
    """Score the captions of tables: every score with its interval, the tables of the paper's form, and report.html.

    Example: `python -m hemblip score captions.csv --output scores`

    Args:
        tables: CSV, TSV, Parquet or JSON Lines with a column `caption`, and where there are, `reference`, columns of
            attributes such as `cell_type`, `group` (slide or patient), `image` and `model`; further columns are kept.
        output: folder to write; an earlier one of `score` is replaced, anything else refused.
        columns: name that is known -> the name that it has in these tables, as in {caption: text}.
    """
    from hemblip.reporting.compare import summary, write_comparison
    from hemblip.reporting.comparison import Comparison

    if not tables:
        raise DataError("no table to score; give one, as in `python -m hemblip score captions.csv`")
    check_folder(Path(output), "score")
    runs = [run for table in tables for run in runs_of_table(Path(table), columns)]
    found = {run.label: {split: _scored(run.predictions(split)) for split in run.described} for run in runs}
    comparison = Comparison([_beside_majority(run) for run in runs])
    with replacing_folder(Path(output), "score") as folder:
        write_text(folder / SCORES, json.dumps(found, indent=2, allow_nan=False) + "\n")
        scored = [run.predictions(split) for run in runs for split in run.described]
        write_predictions(pd.concat(scored, ignore_index=True), folder / ROWS)
        write_comparison(comparison, folder)
    print(summary(comparison).to_string())
    for warning in comparison.warnings:
        print(f"note: {warning}")
    print(f"scores   {output}/{SCORES}\nrows     {output}/{ROWS}\nreport   {output}/report.html")


def runs_of_table(path: Path, columns: Mapping[str, str] | None = None) -> list[Run]:
    """Read a table of captions as runs, one a model.

    Args:
        path: see `score_command`; a table that `test` wrote is taken as it is.
        columns: see `score_command`.

    Raises:
        DataError: it cannot be read, has no captions, or holds values that are not in the schema.
    """
    table = _read(path, columns)
    return [Run.of_rows(part, path, str(model)) for model, part in table.groupby("model", sort=False)]


def _beside_majority(run: Run) -> Run:
    """Give a table's run a baseline of its own annotations: training cells, of which others are, it has none."""
    for split in run.described:
        table = run.predictions(split)
        known = table[["cell_id", *TRUE_KEYS]].set_axis(["cell_id", *KEYS], axis=1)
        known["captions"] = [[text] for text in table["reference"]]
        if known[[*KEYS]].notna().any(axis=None):
            run.keep_baselines(split, majority_baseline(known, table).assign(model=f"{MAJORITY} of these cells"))
    return run


def _read(path: Path, columns: Mapping[str, str] | None) -> pd.DataFrame:
    told = {name: column for name, column in (columns or {}).items() if name not in ALTERNATIVES}
    found = read_table(path, ["caption"], told)
    if not found.rows:
        raise DataError(f"{path}: holds no rows; give a table with captions")
    if not any(row["caption"] for row in found.rows):
        raise DataError(
            f"{path}: no caption in column '{found.known['caption']}'; set `columns: {{caption: <its name>}}`"
        )
    reference, model = (_column(found, name, columns) for name in ("reference", "model"))
    used, known = {reference, model, *KEYS, *TRUE_KEYS, *found.known.values()}, found.known
    ours = {*KNOWN, *ALTERNATIVES}  # names for what `columns` may have taken from another column
    further = [column for column in found.columns if column not in used | ours]
    # A table of `predict` has what its captions state in the columns of annotations.
    prefix = TRUE_PREFIX if {*TRUE_KEYS, *CONFIDENCE_KEYS} & {*found.columns} else ""
    parts: dict[tuple[str, str, str], list[dict[str, str]]] = {}
    for number, row in enumerate(found.rows):
        split = row.get("split", "")
        key = (row.get(model, "") or path.stem, split if split in PLACES else "test", row.get("source") or path.stem)
        parts.setdefault(key, []).append({"cell_id": f"{number:06d}", **row})
    cells = Counter((name, row["cell_id"]) for (name, *_), some in parts.items() for row in some)
    if repeated := next((cell for cell, count in cells.items() if count > 1), None):
        raise DataError(
            f"{path}: cell_id '{repeated[1]}' stands in several rows of {repeated[0]}; one row a cell and model"
        )
    made = [
        rows(
            [row["caption"] for row in some],
            [texts(row[reference]) or "" for row in some] if reference else None,
            [{key: row.get(prefix + key) or None for key in KEYS} for row in some],
            [row["group"] for row in some] if "group" in known else None,
            [_beside(row["image"], path) for row in some] if "image" in known else None,
            [row["cell_id"] for row in some],
            name,
            split,
            source,
            [{column: _value(column, row[column], path) for column in further} for row in some],
        )
        for (name, split, source), some in parts.items()
    ]
    return prediction_table(row for table in made for row in table.to_dict("records"))


def _column(table: Table, name: str, columns: Mapping[str, str] | None) -> str:
    names = {column.lower(): column for column in table.columns}
    if (told := (columns or {}).get(name)) is not None and told not in table.columns:
        raise DataError(f"columns: there is no '{told}' for {name}; the table has {', '.join(table.columns)}")
    return told or next((names[one] for one in ALTERNATIVES[name] if one in names), "")


def _value(column: str, text: str, path: Path) -> object:
    """What a further column holds: numbers and lists where we know it, else the text."""
    if column == "references":
        return texts(text) or None
    if not text or column not in (*MEASURES, "bbox"):
        return text or None
    from hemblip.data.sources.boxes import box_of  # and what decodes images, which no table without boxes needs

    try:
        return box_of({column: text}, [column]) if column == "bbox" else float(text)
    except ValueError as error:
        kind = "box [x, y, width, height] in pixels" if column == "bbox" else "number"
        raise DataError(f"{path}: {column} holds '{text[:50]}', which is no {kind}; rename this column") from error


def _beside(image: str, path: Path) -> str:
    """Images are looked for beside the table too."""
    beside = path.parent / image
    return str(beside) if image and not Path(image).exists() and beside.exists() else image


def _scored(table: pd.DataFrame) -> dict[str, Any]:
    scores: dict[str, Any] = score_rows(table)
    measured = Measured([table])
    intervals = {name: measured.interval(name) for name in measured.names}
    return {
        **scores,
        "groups": measured.groups,
        "intervals": {name: [one.low, one.high] for name, one in intervals.items() if one.low is not None},
    }
