"""What `explain --trial` and `explain --edits` write: tables, a figure, and sentences."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from hemblip.data.sources.synthetic import DRAWN
from hemblip.explain.edits import overall
from hemblip.explain.verdict import EVERY, in_words
from hemblip.morphology import KEYS
from hemblip.morphology.schema import words
from hemblip.plain_text import csv_text
from hemblip.results import replacing_files

SHOWN = ("inside", "pointing", "pointing_cell", "deletion", "insertion", "beats_random", "beats_centre")

MAKER = "explain"
"""Whose files may be replaced."""

TRIAL = ("trial.csv", "trial_rows.csv", "trial.md")
EDITS = ("edits.csv", "edit_rows.csv", "edits.md", "edits.png")
PART_EDITS = ("part_edits.csv", "part_edit_rows.csv", "part_edits.md")

FEWEST = 10
"""Edits behind a rate that is shown; the tables as CSV have all."""


def write_trial(
    folder: Path, rows: pd.DataFrame, table: pd.DataFrame, changes: Mapping[str, Mapping[str, float]]
) -> list[str]:
    """Write trial rows, their table and the sentences; give the sentences."""
    told = in_words(table, changes)
    parts = ["# Whether to believe the maps", "", *(f"- {line}" for line in told)]
    overview = table[table["key"] == EVERY]
    parts += ["", "## All statements", "", *_markdown(overview, ("method",))]
    parts += [
        "",
        "## By attribute",
        "",
        *_markdown(table[table["key"] != EVERY], ("method", "key", "statements", "faithful")),
    ]
    if changes:
        parts += ["", "## Rank correlation with the trained maps as weights are randomised", ""]
        stages = list(next(iter(changes.values())))
        parts += _lines(
            ["method", *stages], [[m, *(f"{v:.2f}" for v in found.values())] for m, found in changes.items()]
        )
    tried, of_cells, text = (folder / name for name in TRIAL)
    with replacing_files([tried, of_cells, text], MAKER) as partial:
        _write_csv(partial(tried), table)
        _write_csv(partial(of_cells), rows)
        partial(text).write_text("\n".join(parts) + "\n", encoding="utf-8")
    return told


def write_edits(folder: Path, rows: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    """Write edits of drawn cells: rows, matrix as table and figure; give sentences."""
    own, other = overall(table)
    often = _often(table)
    leaks = often[often["edited"] != often["key"]].nlargest(3, "rate")
    told = [
        f"{rows.groupby(['cell_id', 'edited']).ngroups} edits of {rows['cell_id'].nunique()} drawn cells: a statement "
        f"follows its attribute's edit in {own:.0%} (mean over attributes), another one changes in {other:.1%}.",
        "Most leakage: "
        + "; ".join(
            f"{_name(row.key)} when {_name(row.edited)} is edited ({row.rate:.0%})" for row in leaks.itertuples()
        )
        + ".",
    ]
    body = _lines(
        ["edited", *(_name(key) for key in _keys(table))],
        [[_name(edited), *(_cell(table, edited, key) for key in _keys(table))] for edited in _edited(table)],
    )
    lines = ["# Edits of drawn cells", "", *(f"- {line}" for line in told), "", *body, ""]
    edits, of_cells, text, figure = (folder / name for name in EDITS)
    with replacing_files([edits, of_cells, text, figure], MAKER) as partial:
        _write_csv(partial(edits), table)
        _write_csv(partial(of_cells), rows)
        partial(text).write_text("\n".join(lines), encoding="utf-8")
        draw_matrix(partial(figure), table)
    return told


def write_part_edits(folder: Path, rows: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    """Write edits of masked cells; give sentences."""
    told = []
    for row in table.itertuples():
        about = "that may depend on it" if row.may else "that may not"
        interval = "" if row.low is None else f" ({row.low:.0%} to {row.high:.0%})"
        told.append(f"{row.part} {row.kind}: {row.rate:.0%}{interval} of {row.statements} statements {about} changed.")
    lines = ["# Edits of parts", "", *(f"- {line}" for line in told), ""]
    edits, of_cells, text = (folder / name for name in PART_EDITS)
    with replacing_files([edits, of_cells, text], MAKER) as partial:
        _write_csv(partial(edits), table)
        _write_csv(partial(of_cells), rows)
        partial(text).write_text("\n".join(lines), encoding="utf-8")
    return told


def draw_matrix(path: Path, table: pd.DataFrame) -> None:
    """Draw the matrix of edits of drawn cells: rows are edited attributes, columns statements, the diagonal framed."""
    table = _often(table)
    edited, keys = _edited(table), _keys(table)
    grid = table.pivot(index="edited", columns="key", values="rate").reindex(index=edited, columns=keys)
    figure = Figure(figsize=(7.2, 0.9 + 0.34 * (len(edited) + 4)), layout="constrained")
    figure.suptitle(DRAWN, fontsize=8, weight="bold")
    axes = figure.subplots()
    shown = axes.imshow(grid.to_numpy(float), cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for y, row in enumerate(edited):
        for x, key in enumerate(keys):
            value = grid.iloc[y, x]
            if pd.notna(value):
                colour = "white" if value > 0.55 else "black"
                axes.text(x, y, f"{100 * value:.0f}", ha="center", va="center", fontsize=6.5, color=colour)
            if key == row:
                axes.add_patch(_frame(x, y))
    axes.set_xticks(range(len(keys)), [_name(key) for key in keys], rotation=60, ha="right", fontsize=7)
    axes.set_yticks(range(len(edited)), [_name(key) for key in edited], fontsize=7)
    axes.set_xlabel("statement", fontsize=8)
    axes.set_ylabel("edited attribute", fontsize=8)
    bar = figure.colorbar(shown, ax=axes, shrink=0.7, pad=0.01)
    bar.set_label("share of edits; framed: changed to the new value,\nelsewhere: changed at all", fontsize=7)
    bar.ax.tick_params(labelsize=7)
    figure.savefig(path, format="png", dpi=160, metadata={"Software": None})


def _often(table: pd.DataFrame) -> pd.DataFrame:
    """Rates with enough edits behind them; all if none has."""
    often = table[table["edits"] >= FEWEST]
    return often if len(often) else table


def _frame(x: int, y: int) -> Rectangle:
    return Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, edgecolor="#d55e00", linewidth=1.6)


def _edited(table: pd.DataFrame) -> list[str]:
    return [key for key in KEYS if key in set(table["edited"])]


def _keys(table: pd.DataFrame) -> list[str]:
    return [key for key in KEYS if key in set(table["key"])]


def _cell(table: pd.DataFrame, edited: str, key: str) -> str:
    found = table[(table["edited"] == edited) & (table["key"] == key)]
    return "" if found.empty else f"{100 * found['rate'].iloc[0]:.0f}"


def _name(key: object) -> str:
    return words(str(key)).lower()


def _markdown(table: pd.DataFrame, first: Sequence[str]) -> list[str]:
    rows = []
    for row in table.to_dict("records"):
        scores = [_score(row, name) for name in SHOWN]
        better = "" if pd.isna(row["deletion_better"]) else f"{row['deletion_better']:.0%}"
        rows.append([*(_name("" if row[name] is None else row[name]) for name in first), *scores, better])
    return _lines([*first, *(_name(name) for name in SHOWN), "deletion better"], rows)


def _score(row: Mapping[str, object], name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    value = f"{row[name]:.2f}"
    return value if pd.isna(low) else f"{value} ({low:.2f} to {high:.2f})"


def _lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def _write_csv(path: Path, table: pd.DataFrame) -> None:
    path.write_text(csv_text(table, "%.6g"), encoding="utf-8")
