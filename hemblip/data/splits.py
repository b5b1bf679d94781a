"""Splits that never put one group (patient, slide) on both sides."""

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd

from hemblip.errors import DataError

NAMES = ("train", "val", "test")

SHARES = (0.7, 0.15, 0.15)


def assign_splits(manifest: pd.DataFrame, seed: int, shares: Sequence[float] = SHARES) -> pd.DataFrame:
    """Give cells without a split one, whole groups at a time, balanced over diagnoses.

    Official splits are kept, with two exceptions. Where they tear a group (LeukemiaAttri divides fields, not slides),
    all cells of that source are split anew, with a warning. Where a source has train and test only, some of its
    training groups become val.

    Groups are taken in random order, large ones first, and dealt out within each diagnosis by the Sainte-Lague method:
    four groups of one size are enough for each split to get one.

    Args:
        manifest: cells; those that have a split keep it.
        seed: order of groups of one size.
        shares: of train, val and test, summing to 1.

    Returns:
        The manifest with every split set.
    """
    torn = torn_groups(manifest)
    anew = manifest["source"].isin(manifest.loc[manifest["group"].isin(torn), "source"])
    if len(torn):
        sources = ", ".join(sorted(manifest.loc[anew, "source"].unique()))
        warnings.warn(f"{sources}: official splits tear {len(torn)} groups; split anew by group", stacklevel=2)
    split = manifest["split"].where(~anew, None)
    official = split.groupby(manifest["source"]).agg(lambda values: set(values.dropna()) == {"train", "test"})
    without_val = manifest["source"].map(official).astype(bool)
    whole, divided = split.isna(), without_val & (split == "train")
    chosen = _deal(manifest[whole & ~manifest["group"].isin(manifest.loc[~whole, "group"])], seed, NAMES, shares)
    # A cell without a split joins the cells of its group that have one.
    chosen |= dict(zip(manifest.loc[~whole, "group"].astype(str), split[~whole], strict=True))
    chosen |= _deal(manifest[divided], seed, NAMES[:2], shares[:2])
    dealt = manifest["group"].astype(str).map(chosen)
    return manifest.assign(split=split.where(~whole & ~divided, dealt).astype(object))


def torn_groups(manifest: pd.DataFrame) -> "pd.Index[str]":
    """Groups that have cells in more than one split; cells without a split do not count."""
    counts = manifest.groupby("group")["split"].nunique()
    return counts[counts > 1].index


def _deal(manifest: pd.DataFrame, seed: int, names: Sequence[str], shares: Sequence[float]) -> dict[str, str]:
    """Group -> split for all groups of a manifest."""
    rng = np.random.default_rng(seed)
    target = np.asarray(shares) / np.sum(shares)
    chosen: dict[str, str] = {}
    frame = manifest.assign(stratum=manifest["diagnosis"].fillna("none"))
    for _, cells in frame.groupby("stratum", sort=True):
        sizes = cells.groupby("group", sort=True).size()
        sizes = sizes[~sizes.index.isin(chosen)]
        order = sizes.iloc[rng.permutation(len(sizes))].sort_values(ascending=False, kind="stable")
        filled = np.zeros(len(names))
        for group, size in order.items():
            place = int(np.argmin((filled + size / 2) / target))
            filled[place] += size
            chosen[str(group)] = names[place]
    return chosen


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
        kept.extend(_stratified(cells, limit, rng, ["diagnosis", "cell_type"]))
    return manifest.loc[sorted(kept)].reset_index(drop=True)


def select(manifest: pd.DataFrame, sizes: dict[str, int], seed: int) -> pd.DataFrame:
    """Take a number of healthy and of leukemic cells, stratified by source, official split, diagnosis and cell type.

    Args:
        manifest: cells; those of a contrast that `sizes` does not name, and those without a diagnosis, are all kept.
        sizes: "healthy" and "leukemic" -> number of cells.
        seed: which cells.

    Raises:
        DataError: there are fewer cells.
    """
    rng = np.random.default_rng(seed)
    kept = set(manifest.index)
    for contrast, size in sizes.items():
        cells = manifest[_contrast(manifest) == contrast]
        if len(cells) < size:
            raise DataError(f"{size} {contrast} cells are to be selected and there are {len(cells)}; select fewer")
        taken = _stratified(cells, size, rng, ["source", "split", "diagnosis", "cell_type"])
        kept -= set(cells.index) - set(taken)
    return manifest.loc[sorted(kept)]


def _contrast(manifest: pd.DataFrame) -> "pd.Series[str]":
    known = manifest["diagnosis"].notna()
    return manifest["diagnosis"].where(manifest["diagnosis"] == "healthy", "leukemic").where(known, "none")


def _stratified(cells: pd.DataFrame, size: int, rng: np.random.Generator, keys: list[str]) -> list[int]:
    """Labels of `size` rows, each combination of `keys` in proportion."""
    rank = pd.Series(rng.permutation(len(cells)), index=cells.index)
    strata = cells[keys].fillna("none").agg("/".join, axis=1)
    within = rank.groupby(strata).rank()
    # The share of its stratum that a cell completes: taking the smallest keeps proportions.
    shares = (within - 0.5) / strata.groupby(strata).transform("size")
    return shares.sort_values(kind="stable").index[:size].tolist()  # type: ignore[no-any-return]
