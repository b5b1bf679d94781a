"""The data card: what is in a manifest and what was left out, for people."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hemblip.corpus.shortcuts import confounding_warning
from hemblip.data.records import SPLITS
from hemblip.data.sources.synthetic import DRAWN, all_drawn
from hemblip.morphology import KEYS, SCHEMA

NOT_STATED = "not stated"


@dataclass(frozen=True)
class Card:
    """What a data card is made of.

    Args:
        manifest: the cells kept, with splits and readable image paths.
        excluded: `source`, `entry` and `reason` of what was left out.
        changed: `source`, `entry` and `reason` of values that were not taken as written.
        sizes: image path -> width and height in pixels.
        torn: groups that the official splits tear.
        seen: external cells whose patient or slide is internal too.
        figure: file name of the figure.
    """

    manifest: pd.DataFrame
    excluded: pd.DataFrame
    changed: pd.DataFrame
    sizes: dict[str, tuple[int, int]]
    torn: int
    seen: int
    figure: str


def data_card(card: Card) -> str:
    """Write the card as Markdown; the same manifest gives the same text."""
    manifest = card.manifest
    groups = manifest["group"].nunique()
    parts = [
        "# Data card",
        f"{len(manifest)} cells of {groups} groups (patients, slides, pages or single cells) from "
        f"{manifest['image'].nunique()} images; {len(card.excluded)} entries were left out.",
        *(f"**{line}**" for line in warnings_of(card)),
        f"![Counts and example cells]({card.figure})",
        "## Cells by source and split",
        table_text(counts(manifest, "source", origins(manifest))),
        "## Diagnosis",
        table_text(counts(manifest, "diagnosis")),
        "## Cell type",
        table_text(counts(manifest, "cell_type")),
        "## Attributes",
        table_text(attribute_counts(manifest)),
        "## Left out",
        _reasons(card.excluded),
        "## Not taken as written",
        _reasons(card.changed),
        "## Groups",
        table_text(_groups(manifest)),
        "## Image sizes in pixels",
        table_text(image_sizes(card)),
    ]
    return "\n\n".join(parts) + "\n"


def warnings_of(card: Card) -> list[str]:
    """What a reader has to know before believing scores on these cells."""
    internal = card.manifest[card.manifest["split"] != "external"]
    lines = [f"{DRAWN}." if all_drawn(card.manifest["source"]) else "", confounding_warning(internal)]
    if card.torn:
        lines.append(f"Warning: official splits tear {card.torn} groups; their sources were split anew by group.")
    if card.seen:
        lines.append(f"Warning: {card.seen} external cells are of patients or slides that are internal too.")
    diagnoses = set(internal["diagnosis"].dropna())
    for split in SPLITS[:3]:
        lacking = sorted(diagnoses - set(internal.loc[internal["split"] == split, "diagnosis"]))
        if lacking or split not in set(internal["split"]):
            lines.append(
                f"Warning: {split} has no cells of {', '.join(lacking) or 'any kind'}; more groups are needed."
            )
    return [line for line in lines if line]


def origins(manifest: pd.DataFrame) -> "pd.Series[str]":
    """Source of each cell, with its domain where the source has several: microscope, magnification, camera."""
    domains = manifest.groupby("source")["domain"].transform("nunique")
    named = manifest["source"] + " " + manifest["domain"].where(manifest["domain"] != "", NOT_STATED)
    return manifest["source"].where(domains < 2, named)


def counts(manifest: pd.DataFrame, key: str, values: "pd.Series[str] | None" = None) -> pd.DataFrame:
    """Count cells by `key`, or by `values` under that name (rows), and split (columns), with totals."""
    named = manifest[key].fillna(NOT_STATED) if values is None else values
    found = manifest.groupby([named, "split"]).size().unstack(fill_value=0)
    found = found[[split for split in SPLITS if split in found]]
    found = found.assign(total=found.sum(axis=1))
    found.loc["total"] = found.sum()
    return found.rename_axis(key).reset_index()


def attribute_counts(manifest: pd.DataFrame) -> pd.DataFrame:
    """Count the values of each attribute by source and for internal and external cells.

    A value that no cell has is counted 0; an attribute that no cell states has one row.
    """
    origin, rows = origins(manifest), []
    outside = manifest["split"] == "external"
    for key in KEYS[2:]:
        for value in (*(SCHEMA[key] if manifest[key].notna().any() else ()), None):
            has = manifest[key].isna() if value is None else manifest[key] == value
            sides = {"internal": int((has & ~outside).sum()), "external": int((has & outside).sum())}
            by_source = has.groupby(origin).sum().to_dict()
            rows.append({"attribute": key, "value": value or NOT_STATED, **by_source, **sides})
    return pd.DataFrame(rows)


def image_sizes(card: Card) -> pd.DataFrame:
    """Files, their sizes, and the sizes of the cells in them by source."""
    rows = []
    for source, cells in card.manifest.groupby(origins(card.manifest), sort=True):
        files = np.array([card.sizes[image] for image in cells["image"].unique()])
        crops = np.array([cell_size(row, card.sizes) for row in cells.to_dict("records")])
        rows.append(
            {
                "source": source,
                "files": len(files),
                **{f"file {side}": _range(files[:, place]) for place, side in enumerate(("width", "height"))},
                **{f"cell {side}": _range(crops[:, place]) for place, side in enumerate(("width", "height"))},
            }
        )
    return pd.DataFrame(rows)


def cell_size(row: dict[str, object], sizes: dict[str, tuple[int, int]]) -> tuple[float, float]:
    """Width and height of a cell as it is seen."""
    box = row["bbox"]
    width, height = sizes[str(row["image"])] if box is None else list(box)[2:]  # type: ignore[call-overload]
    return width * float(str(row["width_factor"])), height


def _range(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> str:
    low, middle, high = (round(float(value)) for value in (values.min(), np.median(values), values.max()))
    return str(low) if low == high else f"{low} to {high}, median {middle}"


def _groups(manifest: pd.DataFrame) -> pd.DataFrame:
    origin = origins(manifest).rename("source")
    found = manifest.groupby([origin, "split"])["group"].agg(["nunique", "size"]).reset_index()
    return found.rename(columns={"nunique": "groups", "size": "cells"})


def _reasons(table: pd.DataFrame) -> str:
    if table.empty:
        return "Nothing."
    found = table.groupby(["source", "reason"], sort=False)["entry"].agg(["size", "first"]).reset_index()
    return table_text(found.rename(columns={"size": "count", "first": "for example"}))


def table_text(table: pd.DataFrame) -> str:
    """Lay a table out as Markdown."""
    cells = [[str(name) for name in table.columns], ["---"] * table.shape[1], *table.astype(str).to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(value.replace('|', '/') for value in row)} |" for row in cells)
