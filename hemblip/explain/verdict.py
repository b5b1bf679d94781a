"""What a trial says of each method and attribute, with 95 % intervals over groups, and in words.

A method is faithful to an attribute if its deletion-insertion gap is greater than that of the random and of the
centre-weighted map on the same statements, each by an interval above 0.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemblip.explain.methods import CONTROLS
from hemblip.explain.statement import CAPTION
from hemblip.metrics.jackknife import Interval, Sums, interval, leave_out
from hemblip.morphology.schema import words

SCORES = ("inside", "pointing", "pointing_cell", "deletion", "insertion", "gap")

EVERY = "all statements"

SHARES = ("inside", "pointing", "pointing_cell", "rate")


def verdicts(rows: pd.DataFrame) -> pd.DataFrame:
    """Sum up trial rows.

    Args:
        rows: of `trial_rows`, all methods and both controls on the same cells.

    Returns:
        One row a method and key (and one of all statements): `statements`, `cells`, `groups`; each score with
        `<score>_low` and `<score>_high`; `beats_random` and `beats_centre`, differences in gap with their intervals;
        `deletion_better`, share of right statements that deletion hurts more than the random map does; `faithful`,
        None for controls.
    """
    known = rows.assign(right=rows["right"].astype(float).fillna(-1.0))  # missing labels cannot be looked up
    wide = known.pivot(index=["cell_id", "group", "key", "right"], columns="method", values=list(SCORES))
    table = []
    keys = [key for key in dict.fromkeys(rows["key"]) if key != CAPTION]
    for method in dict.fromkeys(rows["method"]):
        for key in (EVERY, *keys, CAPTION):
            of = wide.index.get_level_values("key")
            chosen = wide[(of != CAPTION) if key == EVERY else (of == key)]
            if len(chosen):
                table.append({"method": method, "key": key, **_summed(chosen, method)})
    return pd.DataFrame(table)


def _summed(wide: pd.DataFrame, method: str) -> dict[str, object]:
    groups = wide.index.get_level_values("group").tolist()
    columns = {score: wide[score][method].to_numpy(float) for score in SCORES}
    for control in CONTROLS:
        columns[f"beats_{control}"] = (wide["gap"][method] - wide["gap"][control]).to_numpy(float)
    found = means(columns, groups)
    right = wide.index.get_level_values("right").to_numpy(float) == 1
    hurt = (wide["deletion"][method] < wide["deletion"]["random"]).to_numpy()
    low = [found[f"beats_{control}"].low for control in CONTROLS]
    row: dict[str, object] = {
        "statements": len(wide),
        "cells": wide.index.get_level_values("cell_id").nunique(),
        "groups": len(set(groups)),
    }
    for name, mean in found.items():
        row |= {name: mean.value, f"{name}_low": mean.low, f"{name}_high": mean.high}
    row["deletion_better"] = float(hurt[right].mean()) if right.any() else None
    row["faithful"] = None if method in CONTROLS else all(bound is not None and bound > 0 for bound in low)
    return row


def means(columns: Mapping[str, NDArray[np.float64]], groups: Sequence[object]) -> dict[str, Interval]:
    """Means of columns (N,) over statements, with intervals over groups; those in `SHARES` are between 0 and 1."""
    cells = np.stack([*columns.values(), np.ones(len(groups))], 1)
    left = leave_out(Sums(cells, lambda sums: sums[..., :-1] / sums[..., -1:], tuple(columns)), groups)
    return {
        name: interval(left.values[i], left.without[:, i], int(left.groups[i]), (0.0, 1.0) if name in SHARES else None)
        for i, name in enumerate(columns)
    }


def in_words(table: pd.DataFrame, changes: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Say what a reader may believe.

    Args:
        table: of `verdicts`.
        changes: method -> stage of randomisation -> rank correlation with the trained maps.
    """
    lines = []
    for method, rows in table[table["faithful"].notna()].groupby("method", sort=False):
        if not (rows["key"] == EVERY).any():  # no statement, only captions
            continue
        whole = rows[rows["key"] == EVERY].iloc[0]
        lines.append(
            f"{method}: {whole['inside']:.0%} of a map lies in the parts that its statement is about; its greatest "
            f"value lies there in {whole['pointing']:.0%}, in the cell in {whole['pointing_cell']:.0%}."
        )
        named = rows[~rows["key"].isin([EVERY, CAPTION])]
        good, bad = (named[named["faithful"].astype(bool) == state]["key"].tolist() for state in (True, False))
        if good:
            lines.append(f"{method}: better than a random map and than a blob in the middle for {_listed(good)}.")
        if bad:
            control = "a random map or a blob in the middle"
            lines.append(f"{method}: heat-maps of {_listed(bad)} did no better than {control}: do not read them.")
        if method in changes:
            stages = changes[method]
            last = list(stages.values())[-1]
            told = "its maps depend on what was learnt" if last < 0.5 else "its maps hardly depend on what was learnt"
            lines.append(f"{method}: rank correlation with maps of randomised weights {last:.2f}: {told}.")
    return lines


def _listed(keys: Sequence[str]) -> str:
    names = [words(key).lower() for key in keys]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
