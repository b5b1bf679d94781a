"""What the audit finds: planted duplicates, leaks and contradictions, and those of the real cells."""

import os
import shutil

import pandas as pd
import pytest
from data.leukemiaattri_layout import write_layout as write_leukemiaattri
from data.wbcatt_layout import write_layout as write_wbcatt
from PIL import Image

from hemblip.cli.main import main
from hemblip.corpus.audit import audit
from hemblip.corpus.duplicates import find_duplicates
from hemblip.data.sources import LeukemiaAttri, WBCAtt
from hemblip.errors import ConfigError, DataError


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    root = tmp_path_factory.mktemp("wbcatt")
    write_wbcatt(root, {"train": 16, "val": 6, "test": 6})
    return root


@pytest.fixture
def root(published, tmp_path, monkeypatch):
    monkeypatch.delenv("HEMBLIP_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(published, tmp_path / "cells")


def image(root, split, number):
    return root / pd.read_csv(root / f"pbc_attr_v1_{split}.csv")["path"][number]


def relabel(root, split, number, **values):
    path = root / f"pbc_attr_v1_{split}.csv"
    table = pd.read_csv(path, keep_default_na=False)
    for column, value in values.items():
        table.loc[number, column] = value
    table.to_csv(path, index=False)


def findings(root, external=None):
    audit([WBCAtt(str(root), keep_copies=True)], external, output="audit")
    table = pd.read_csv("audit/findings.csv")
    return dict(zip(table["finding"], table["count"], strict=True))


def copy_labels(root, source, target):
    labels = pd.read_csv(root / f"pbc_attr_v1_{source[0]}.csv", keep_default_na=False).loc[source[1]]
    relabel(root, *target, **labels.drop(["img_name", "path"]).to_dict())


def test_clean_cells_have_no_findings(root):
    assert set(findings(root).values()) == {0}
    audit([WBCAtt(str(root))], output="audit", strict=True)


def test_planted_duplicates_are_found_within_and_across_splits(root):
    shutil.copy(image(root, "train", 0), image(root, "train", 1))
    copy_labels(root, ("train", 0), ("train", 1))
    shutil.copy(image(root, "train", 2), image(root, "test", 0))
    copy_labels(root, ("train", 2), ("test", 0))
    cell = Image.open(image(root, "train", 3))
    cell.resize((40, 40)).save(image(root, "val", 0), quality=80)
    copy_labels(root, ("train", 3), ("val", 0))
    Image.open(image(root, "train", 4)).transpose(Image.Transpose.ROTATE_90).save(image(root, "train", 5), quality=95)
    copy_labels(root, ("train", 4), ("train", 5))
    found = findings(root)
    assert found == {
        "byte-identical pairs within a split": 1,
        "byte-identical pairs across splits": 1,
        "near-identical pairs within a split": 1,
        "near-identical pairs across splits": 1,
        "pairs both internal and external": 0,
        "pairs with conflicting labels": 0,
        "groups (patients, slides) across splits": 0,
        "groups both internal and external": 0,
    }
    pairs = pd.read_csv("audit/duplicates.csv", keep_default_na=False)
    assert pairs[pairs["splits"] == "train+val"]["second"].tolist() == ["wbcatt/val_0"]
    assert "wbcatt/train_2 = wbcatt/test_0" in (root.parent / "audit" / "audit.md").read_text()


def test_copies_with_other_labels_are_conflicts(root):
    shutil.copy(image(root, "train", 0), image(root, "train", 1))
    copy_labels(root, ("train", 0), ("train", 1))
    size = pd.read_csv(root / "pbc_attr_v1_train.csv")["cell_size"][0]
    relabel(root, "train", 1, cell_size="small" if size == "big" else "big")
    assert findings(root)["pairs with conflicting labels"] == 1
    assert pd.read_csv("audit/duplicates.csv")["conflicts"].tolist() == ["cell_size"]


def test_images_that_are_internal_and_external(root):
    other = shutil.copytree(root, root.parent / "other")
    tables = {split: pd.read_csv(other / f"pbc_attr_v1_{split}.csv") for split in ("train", "val", "test")}
    for split, table in tables.items():
        table.head(2).assign(img_name="x_" + table["img_name"]).to_csv(other / f"pbc_attr_v1_{split}.csv", index=False)
    found = findings(root, [WBCAtt(str(other), keep_copies=True)])
    assert found["pairs both internal and external"] == 6 and found["byte-identical pairs across splits"] == 0


def test_slides_across_splits_and_domains(workplace):
    write_leukemiaattri(workplace / "cells", slides=("3", "4", "6"), fields=1)
    write_leukemiaattri(workplace / "cells", "L_100X_C2", slides=("4", "5"), fields=1, seed=1)
    source = LeukemiaAttri("cells")
    records = source.records()
    source.records = lambda: records.assign(split=["train", "test"] * 6)
    audit([source], [LeukemiaAttri("cells", "L_100X_C2")], output="audit")
    table = pd.read_csv("audit/findings.csv", index_col="finding")
    assert table.loc["groups (patients, slides) across splits", "count"] == 3
    assert table.loc["groups both internal and external", ["count", "example"]].tolist() == [1, "leukemiaattri/slide-4"]


def test_strict_ends_with_one_line_and_an_exit_code(root, capsys):
    shutil.copy(image(root, "train", 2), image(root, "test", 0))
    config = "sources: [{class_path: hemblip.data.sources.WBCAtt, init_args: {root: cells, keep_copies: true}}]\n"
    (root.parent / "audit.yaml").write_text(config)
    assert main(["audit", "--config", "audit.yaml"]) == 0
    assert main(["audit", "--config", "audit.yaml", "--strict"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(
        "error: audit of 28 cells: byte-identical pairs across splits: 1 (wbcatt/train_2 = wbcatt/test_0)"
    )
    for name in ("audit.md", "audit.png", "findings.csv", "duplicates.csv"):
        assert (root.parent / "audit" / name).stat().st_size > 0


def test_bad_input_is_one_line(root):
    with pytest.raises(ConfigError, match="at least 1 cell"):
        audit([WBCAtt(str(root))], cells=0)
    with pytest.raises(ConfigError, match="sources is empty"):
        audit([])
    manifest = WBCAtt(str(root)).records()
    image(root, "train", 0).unlink()
    with pytest.raises(DataError, match="no such image file"):
        find_duplicates(manifest)


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.skipif("HEMBLIP_DATA" not in os.environ, reason="HEMBLIP_DATA is not set")
def test_the_seven_real_groups():
    pairs = find_duplicates(WBCAtt("wbcatt_half", keep_copies=True).records())
    exact = pairs[pairs["kind"] == "exact"]
    assert len(exact) == 7 and set(exact["splits"]) == {"train"}
    assert pairs["splits"].str.contains("+", regex=False).sum() == 0


def test_nothing_of_the_users_is_replaced(root, capsys):
    mine = root.parent / "mine"
    mine.mkdir()
    (mine / "findings.csv").write_text("my own\n")
    with pytest.raises(DataError, match="which is no earlier result of `audit`"):
        audit([WBCAtt(str(root))], output="mine")
    assert [file.name for file in mine.iterdir()] == ["findings.csv"]
    audit([WBCAtt(str(root))], output="made")
    audit([WBCAtt(str(root))], output="made")  # its own, which may be replaced
    (root.parent / "made" / "audit.md").write_text("my remarks\n")
    with pytest.raises(DataError, match="which was changed since"):
        audit([WBCAtt(str(root))], output="made")
    assert (root.parent / "made" / "audit.md").read_text() == "my remarks\n"


@pytest.mark.parametrize("place", ["file", "file/below", "link", "fifo", "n" * 300])
def test_a_bad_place_is_found_before_cells_are_read(root, place, monkeypatch):
    (root.parent / "file").write_text("my own\n")
    (root.parent / "link").symlink_to("nowhere")
    os.mkfifo(root.parent / "fifo")
    monkeypatch.setattr(WBCAtt, "records", lambda source: pytest.fail("cells were read"))
    with pytest.raises((DataError, OSError)):
        audit([WBCAtt(str(root))], output=place)
    assert (root.parent / "file").read_text() == "my own\n" and not (root.parent / "nowhere").exists()


def test_a_failed_audit_leaves_the_one_before(root, monkeypatch):
    audit([WBCAtt(str(root))], output="made")
    before = {file.name: file.read_bytes() for file in (root.parent / "made").iterdir()}
    monkeypatch.setattr("hemblip.corpus.audit._draw", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(DataError, match="No space left"):
        audit([WBCAtt(str(root))], output="made", seed=1)
    assert {file.name: file.read_bytes() for file in (root.parent / "made").iterdir()} == before


def test_findings_are_told_as_a_person_would(root, capsys):
    audit([WBCAtt(str(root))], output="made")
    told, page = capsys.readouterr().out, (root.parent / "made" / "audit.md").read_text()
    for text in (told, page):
        assert "No cell, patient or slide is in two splits, and no copies have conflicting labels." in text
        assert "none" in text and " 0 " not in text.split("## Cells")[0] and "leak" not in text
    shutil.copy(image(root, "train", 2), image(root, "test", 0))
    copy_labels(root, ("train", 2), ("test", 0))
    audit([WBCAtt(str(root), keep_copies=True)], output="made")
    told, page = capsys.readouterr().out, (root.parent / "made" / "audit.md").read_text()
    for text in (told, page):
        assert "Scores on these cells would mislead: 1 byte-identical pairs across splits" in text
