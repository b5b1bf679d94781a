"""The audit command: what in a set of cells would make scores look better than they are."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hemblip.atomic import write_text
from hemblip.corpus.data_card import table_text
from hemblip.corpus.duplicates import EXACT, NEAR, find_duplicates
from hemblip.corpus.shortcuts import confounding_warning, shortcut_scores
from hemblip.data.countermeasures import Countermeasure
from hemblip.data.reading import read_sources
from hemblip.data.records import SPLITS
from hemblip.data.sources import Source
from hemblip.data.sources.synthetic import DRAWN, all_drawn
from hemblip.data.splits import assign_splits, torn_groups
from hemblip.errors import ConfigError, DataError
from hemblip.metrics.jackknife import FEW
from hemblip.plain_text import csv_text
from hemblip.results import check_folder, replacing_folder

EXTERNAL = "external"

INK, BLUE, ORANGE, GREY = "#222222", "#2f6f9f", "#c8661a", "#b8b8b8"


def audit(
    sources: list[Source],
    external: list[Source] | None = None,
    output: str = "audit",
    strict: bool = False,
    shortcuts: bool = False,
    cells: int = 2000,
    countermeasures: list[Countermeasure] | None = None,
    seed: int = 0,
) -> None:
    """Find duplicates, leaks between splits, conflicting labels and shortcuts in a set of cells.

    Example: python -m hemblip audit --config configs/audit/demo.yaml --shortcuts true

    Args:
        sources: internal datasets; cells without an official split get the one that training would give them.
        external: datasets that are only tested on.
        output: folder for `audit.md`, `audit.png`, `findings.csv`, `duplicates.csv` and `shortcuts.csv`.
        strict: end with an error when cells leak between splits or copies of one image contradict each other.
        shortcuts: measure how well source and diagnosis can be told without the cell.
        cells: most cells for that measurement.
        countermeasures: against shortcuts, applied to each cell before that measurement.
        seed: of splits and of that measurement.

    Raises:
        DataError: `strict`, and there are leaks or contradictions; or `output` cannot be written, or holds what no
            earlier audit made.
    """
    if cells < 1:
        raise ConfigError(f"--cells {cells}: at least 1 cell is needed")
    check_folder(Path(output), "audit")
    manifest = _read(sources, external or [], seed)
    pairs = find_duplicates(manifest)
    findings = list_findings(manifest, pairs)
    scores = shortcut_scores(manifest, seed, cells, countermeasures or ()) if shortcuts else None
    with replacing_folder(Path(output), "audit") as folder:
        write_text(folder / "findings.csv", csv_text(findings))
        write_text(folder / "duplicates.csv", csv_text(pairs))
        if scores is not None:
            write_text(folder / "shortcuts.csv", csv_text(scores))
        write_text(folder / "audit.md", report(manifest, findings, scores))
        _draw(manifest, findings, scores, folder / "audit.png")
    print(f"{_aligned(findings)}\n\n{_in_short(findings)}\naudit       {Path(output) / 'audit.md'}")
    warning = confounding_warning(manifest)
    if warning:
        print(warning)
    leaks = findings[findings["leak"] & (findings["count"] > 0)]
    if strict and len(leaks):
        named = "; ".join(f"{row.finding}: {row.count} ({row.example})" for row in leaks.itertuples(index=False))
        fix = f"remove or move these cells, see {Path(output) / 'audit.md'}"
        raise DataError(f"audit of {len(manifest)} cells: {named}; {fix}")


def _read(sources: Sequence[Source], external: Sequence[Source], seed: int) -> pd.DataFrame:
    """Read the cells; official splits stay as they are published, also where they tear groups."""
    internal = read_sources(sources)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torn groups are among the findings
        dealt = assign_splits(internal, seed)["split"]
    internal = internal.assign(split=internal["split"].where(internal["split"].notna(), dealt))
    if not external:
        return internal
    return pd.concat([internal, read_sources(external, EXTERNAL).assign(split=EXTERNAL)], ignore_index=True)


def list_findings(manifest: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Count what is wrong.

    Args:
        manifest: cells with a split.
        pairs: from `duplicates.find_duplicates`.

    Returns:
        One row a kind of finding: `finding`, `count` (pairs of cells; groups for groups), `leak` (does it falsify
        scores), `example` (ids of the first).
    """
    across = pairs["splits"].str.contains("+", regex=False)
    outside = pairs["splits"].str.contains(EXTERNAL) & across
    chosen = {
        "byte-identical pairs within a split": (pairs["kind"] == EXACT) & ~across,
        "byte-identical pairs across splits": (pairs["kind"] == EXACT) & across & ~outside,
        "near-identical pairs within a split": (pairs["kind"] == NEAR) & ~across,
        "near-identical pairs across splits": (pairs["kind"] == NEAR) & across & ~outside,
        "pairs both internal and external": outside,
        "pairs with conflicting labels": pairs["conflicts"] != "",
    }
    harmless = ("byte-identical pairs within a split", "near-identical pairs within a split")
    rows = []
    for finding, mask in chosen.items():
        found = pairs[mask]
        example = "" if found.empty else f"{found['first'].iloc[0]} = {found['second'].iloc[0]}"
        rows.append((finding, len(found), finding not in harmless, example))
    inside = manifest["split"] != EXTERNAL
    torn = torn_groups(manifest[inside]).tolist()
    seen = sorted(set(manifest.loc[inside, "group"]) & set(manifest.loc[~inside, "group"]))
    rows.append(("groups (patients, slides) across splits", len(torn), True, torn[0] if torn else ""))
    rows.append(("groups both internal and external", len(seen), True, seen[0] if seen else ""))
    return pd.DataFrame(rows, columns=["finding", "count", "leak", "example"])


def class_balance(manifest: pd.DataFrame) -> pd.DataFrame:
    """Count cells by source, diagnosis and cell type (rows) and split (columns)."""
    keys = ["source", "diagnosis", "cell_type"]
    counts = manifest.fillna({key: "not stated" for key in keys}).groupby([*keys, "split"]).size().unstack(fill_value=0)
    return counts[[split for split in SPLITS if split in counts.columns]].reset_index()


def report(manifest: pd.DataFrame, findings: pd.DataFrame, scores: pd.DataFrame | None) -> str:
    """Write the audit as Markdown."""
    counted = f"{len(manifest)} cells, {manifest['group'].nunique()} groups, sources {_names(manifest['source'])}."
    parts = ["# Audit", counted]
    warning = confounding_warning(manifest)
    if warning:
        parts.append(f"**{warning}**")
    told = findings.assign(count=_counts(findings)).drop(columns="leak")
    parts += ["## Findings", _in_short(findings), table_text(told), "## Cells", table_text(class_balance(manifest))]
    if scores is not None:
        parts += [
            "## Shortcuts",
            "Balanced accuracy of one classifier (random forest, cross-validated by group, 95 % interval over groups) "
            "that sees only a part of each cell. A view above chance is a shortcut; the background ring is outside the "
            f"inscribed circle. Take intervals from fewer than {FEW} groups with care.",
            table_text(scores.round(3)) if len(scores) else "No question has two answers in these cells.",
        ]
    return "\n\n".join(parts) + "\n"


def _names(values: "pd.Series[str]") -> str:
    return ", ".join(sorted(values.astype(str).unique()))


def _counts(findings: pd.DataFrame) -> "pd.Series[str]":
    return findings["count"].astype(str).mask(findings["count"] == 0, "none")


def _aligned(findings: pd.DataFrame) -> str:
    width = max(map(len, findings["finding"]))
    return "\n".join(
        f"{finding:<{width}}  {count:>5}" for finding, count in zip(findings["finding"], _counts(findings), strict=True)
    )


def _in_short(findings: pd.DataFrame) -> str:
    """What the findings mean, in a sentence."""
    leaks = findings[findings["leak"] & (findings["count"] > 0)]
    if leaks.empty:
        return "No cell, patient or slide is in two splits, and no copies have conflicting labels."
    counted = ", ".join(f"{row.count} {row.finding}" for row in leaks.itertuples(index=False))
    return f"Scores on these cells would mislead: {counted}."


def _draw(manifest: pd.DataFrame, findings: pd.DataFrame, scores: pd.DataFrame | None, path: Path) -> None:
    panels = 2 if scores is None or scores.empty else 3
    figure = Figure(figsize=(5.6 * panels, 4.4), layout="constrained")
    if all_drawn(manifest["source"]):
        figure.suptitle(DRAWN, weight="bold")
    axes = figure.subplots(1, panels)
    _draw_findings(axes[0], findings)
    _draw_balance(axes[1], manifest)
    if panels == 3 and scores is not None:
        _draw_shortcuts(axes[2], scores)
    figure.savefig(path, dpi=120, format="png")


def _draw_findings(axis: Axes, findings: pd.DataFrame) -> None:
    rows = findings.iloc[::-1]
    colours = [ORANGE if leak else BLUE for leak in rows["leak"]]
    axis.barh(rows["finding"], rows["count"], color=colours)
    for place, count in enumerate(rows["count"]):
        axis.annotate(str(count), (count, place), (3, 0), textcoords="offset points", va="center", color=INK)
    axis.set(title="Findings (orange: falsify scores)", xlabel="number", xlim=(0, max(1, rows["count"].max()) * 1.15))
    axis.spines[["top", "right"]].set_visible(False)


def _draw_balance(axis: Axes, manifest: pd.DataFrame) -> None:
    named = manifest["diagnosis"].fillna("not stated") + ", " + manifest["cell_type"].fillna("not stated")
    counts = manifest.groupby([named, "split"]).size().unstack(fill_value=0)
    counts = counts[[split for split in SPLITS if split in counts]].loc[counts.sum(axis=1).sort_values().index]
    counts.plot.barh(stacked=True, ax=axis, color=[BLUE, ORANGE, GREY, INK], legend=True)
    axis.set(title="Cells by class and split", xlabel="cells", ylabel="")
    axis.tick_params(axis="y", labelsize=8 if len(counts) < 20 else 6)
    axis.legend(frameon=False)
    axis.spines[["top", "right"]].set_visible(False)


def _draw_shortcuts(axis: Axes, scores: pd.DataFrame) -> None:
    rows = scores.iloc[::-1].reset_index(drop=True)
    for place, row in rows.iterrows():
        colour = BLUE if row["view"] == "whole image" else ORANGE
        axis.plot([row["low"], row["high"]], [place, place], color=colour, lw=2)
        axis.plot(row["balanced_accuracy"], place, "o", color=colour)
        axis.plot([row["chance"]] * 2, [float(place) - 0.4, float(place) + 0.4], color=INK, lw=1)
    axis.set_yticks(range(len(rows)), [f"{row.question}: {row.view}" for row in rows.itertuples()], fontsize=8)
    axis.set(title="Told without the cell (line: chance)", xlabel="balanced accuracy, 95 % interval", xlim=(0, 1.02))
    axis.spines[["top", "right"]].set_visible(False)
