"""Which cells `prepare` chooses, and on which side of a split they come."""

import shutil

import pandas as pd
import pytest
from corpus.downloads import low_cost, sources
from PIL import Image

from hemblip.corpus.prepare import Selection, prepare
from hemblip.data.sources import Folder, LeukemiaAttri, WBCAtt
from hemblip.data.splits import assign_splits
from hemblip.errors import DataError


def test_selection_keeps_proportions(root):
    prepare(sources(), selection=Selection(healthy=16, leukemic=24))
    table = pd.read_parquet("data/manifest.parquet")
    healthy = table[table["diagnosis"] == "healthy"]
    assert len(healthy) == 16 and len(table) == 40
    assert (healthy["split"].value_counts() - pd.Series({"train": 10, "val": 3, "test": 3})).abs().max() <= 1
    assert (pd.read_csv("data/manifest_excluded.csv")["reason"] == "not selected").all()
    with pytest.raises(DataError, match="100 healthy cells are to be selected and there are 32"):
        prepare(sources(), selection=Selection(healthy=100))


def test_copies_stay_in_test(root):
    tables = {split: pd.read_csv(root / "WBCAtt" / f"pbc_attr_v1_{split}.csv") for split in ("train", "test")}
    train, test = (root / "WBCAtt" / tables[split]["path"][0] for split in ("train", "test"))
    shutil.copy(test, train)
    prepare([WBCAtt("WBCAtt", keep_copies=True)])
    table = pd.read_csv("data/manifest_excluded.csv")
    assert table.to_dict("records") == [
        {"source": "wbcatt", "entry": f"wbcatt/{train.stem}", "reason": "byte-identical copy"}
    ]
    prepare([WBCAtt("WBCAtt", keep_copies=True)], copies="keep")
    assert len(pd.read_parquet("data/manifest.parquet")) == 32


def test_near_copies_do_not_leak(root):
    """A reduced and recompressed test image in training, a turned validation image outside."""
    tables = {split: pd.read_csv(root / "WBCAtt" / f"pbc_attr_v1_{split}.csv") for split in ("train", "val", "test")}
    train, val, test = (root / "WBCAtt" / tables[split]["path"][0] for split in ("train", "val", "test"))
    Image.open(test).resize((40, 40)).save(train, quality=80)
    (root / "cells" / "basophil").mkdir(parents=True)
    Image.open(val).transpose(Image.Transpose.ROTATE_90).save(root / "cells" / "basophil" / "a.png")
    outside = [Folder("cells", "cellavision", "mine")]
    prepare([WBCAtt("WBCAtt")], outside)
    assert pd.read_csv("data/manifest_excluded.csv")[["entry", "reason"]].to_numpy().tolist() == [
        [f"wbcatt/{train.stem}", "near-identical copy"],
        ["mine/basophil/a.png", "near-identical copy"],
    ]
    prepare([WBCAtt("WBCAtt")], outside, copies="keep")
    assert len(pd.read_parquet("data/manifest.parquet")) == 33


def test_a_diagnosis_of_one_patient_is_told(root, capsys):
    prepare([WBCAtt("WBCAtt"), LeukemiaAttri("LeukemiaAttri", "L_100X_C2")])
    warnings = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Warning")]
    assert "Warning: val has no cells of CML; more groups are needed." in warnings


def test_new_patients_only(root):
    prepare(sources(), low_cost(), seen_groups="drop")
    table = pd.read_parquet("data/manifest.parquet")
    assert set(table[table["split"] == "external"]["group"]) == {"leukemiaattri/slide-99"}


def test_official_splits_that_tear_slides_are_made_anew(root):
    manifest = LeukemiaAttri("LeukemiaAttri").records()
    assert set(assign_splits(manifest, 0)["split"]) == {"train", "val", "test"}  # published without val
    kept = assign_splits(manifest, 0)["split"][manifest["split"] == "test"]
    assert set(kept) == {"test"}
    torn = manifest.assign(split=["train", "test"] * (len(manifest) // 2))
    with pytest.warns(UserWarning, match="leukemiaattri: official splits tear 8 groups"):
        anew = assign_splits(torn, 0)
    assert anew.groupby("group")["split"].nunique().max() == 1 and set(anew["split"]) == {"train", "val", "test"}


def test_cells_without_split_join_their_group(root):
    manifest = LeukemiaAttri("LeukemiaAttri").records()
    manifest["split"] = ["test", *[None] * (len(manifest) - 1)]
    split = assign_splits(manifest, 0)
    assert set(split[split["group"] == manifest["group"][0]]["split"]) == {"test"}
