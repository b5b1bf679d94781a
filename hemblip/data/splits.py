"""Splits that never put one group (patient, slide) on both sides."""

from collections.abc import Sequence

import numpy as np
import pandas as pd


def assign_splits(manifest: pd.DataFrame, seed: int, shares: Sequence[float] = (0.7, 0.15, 0.15)) -> pd.DataFrame:
    """Give cells without a split one, whole groups at a time, balanced over diagnoses.

    Groups are taken in random order, large ones first, and dealt out within each diagnosis by the Sainte-Lague method:
    four groups of one size are enough for each split to get one.

    Args:
        manifest: cells; those that have a split keep it.
        seed: order of groups of one size.
        shares: of train, val and test, summing to 1.

    Returns:
        The manifest with every split set.
    """
    open_cells = manifest[manifest["split"].isna()]
    if open_cells.empty:
        return manifest
    rng = np.random.default_rng(seed)
    names = ("train", "val", "test")
    target = np.asarray(shares) / np.sum(shares)
    chosen: dict[str, str] = {}
    frame = open_cells.assign(stratum=open_cells["diagnosis"].fillna("none"))
    for _, cells in frame.groupby("stratum", sort=True):
        sizes = cells.groupby("group", sort=True).size()
        sizes = sizes[~sizes.index.isin(chosen)]
        order = sizes.iloc[rng.permutation(len(sizes))].sort_values(ascending=False, kind="stable")
        filled = np.zeros(3)
        for group, size in order.items():
            place = int(np.argmin((filled + size / 2) / target))
            filled[place] += size
            chosen[str(group)] = names[place]
    split = manifest["split"].where(manifest["split"].notna(), manifest["group"].astype(str).map(chosen))
    return manifest.assign(split=split.astype(object))


def subset(manifest: pd.DataFrame, limit: int | None, seed: int) -> pd.DataFrame:
    """Take at most `limit` cells of each split, stratified by diagnosis and cell type, in manifest order.

    Args:
        manifest: cells with a split.
        limit: most cells a split, None for all.
        seed: which cells.
    """
    if limit is None:
        return manifest
    rng = np.random.default_rng(seed)
    kept: list[int] = []
    for _, cells in manifest.groupby("split", sort=True):
        rank = pd.Series(rng.permutation(len(cells)), index=cells.index)
        strata = cells[["diagnosis", "cell_type"]].fillna("none")
        sizes = strata.groupby(["diagnosis", "cell_type"])["diagnosis"].transform("size")
        within = rank.groupby([strata["diagnosis"], strata["cell_type"]]).rank()
        # The share of its stratum that a cell completes: taking the smallest keeps proportions.
        kept.extend(((within - 0.5) / sizes).sort_values(kind="stable").index[:limit])
    return manifest.loc[sorted(kept)].reset_index(drop=True)
