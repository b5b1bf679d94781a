import os
import shutil

import pandas as pd
import pytest
from data.wbcatt_layout import write_layout

from hemblip.data.sources import WBCAtt
from hemblip.errors import DataError
from hemblip.morphology import KEYS


@pytest.fixture
def layout(tmp_path):
    return tmp_path, write_layout(tmp_path, {"train": 12, "val": 4, "test": 4})


def test_cells_come_out_with_the_attributes_they_were_written_with(layout):
    folder, written = layout
    manifest = WBCAtt(str(folder)).records()
    assert manifest["split"].value_counts().to_dict() == {"train": 12, "val": 4, "test": 4}
    assert [{key: row[key] for key in KEYS} for row in manifest.to_dict("records")] == written


def test_copies_of_test_images_leave_training(layout):
    folder, _ = layout
    test, train = (pd.read_csv(folder / f"pbc_attr_v1_{split}.csv")["path"][0] for split in ("test", "train"))
    shutil.copy(folder / test, folder / train)
    source = WBCAtt(str(folder))
    manifest = source.records()
    assert list(source.excluded.values()) == ["byte-identical copy"]
    assert manifest["split"].value_counts().to_dict() == {"train": 11, "val": 4, "test": 4}


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("cell_size", "gross", "unknown cell_size 'gross'"),
        ("cell_size", "nil", "unknown cell_size 'nil'"),
        ("label", "Neutrophile", "unknown cell_type 'neutrophile'"),
        ("img_name", "val_0.jpg", "cell listed again"),
        ("path", "images/nowhere.jpg", "image missing"),
        ("path", "", "image missing"),
    ],
)
def test_rows_that_cannot_be_used_are_left_out_by_reason(layout, column, value, message):
    folder, written = layout
    edit(folder, "val", 1, column, value)
    source = WBCAtt(str(folder))
    manifest = source.records()
    assert source.excluded == {f"wbcatt/{'val_0' if column == 'img_name' else 'val_1'} (val row 2)": message}
    assert [{key: row[key] for key in KEYS} for row in manifest.to_dict("records")] == [*written[:13], *written[14:]]


def edit(folder, split, row, column, value):
    path = folder / f"pbc_attr_v1_{split}.csv"
    table = pd.read_csv(path, keep_default_na=False)
    table.loc[row, column] = value
    table.to_csv(path, index=False)


def test_empty_values_are_not_stated(layout):
    folder, written = layout
    for column in ("label", "granule_type", "cytoplasm_vacuole"):
        edit(folder, "train", 3, column, "")
    source = WBCAtt(str(folder))
    cell = source.records().iloc[3]
    assert not source.excluded and (cell["cell_id"], cell["diagnosis"]) == ("wbcatt/train_3", "healthy")
    assert all(cell[key] is None for key in ("cell_type", "granules", "cytoplasm_vacuoles"))
    assert cell["cell_size"] == written[3]["cell_size"]


def test_renamed_column_missing_table_missing_image_and_missing_folder(layout):
    folder, _ = layout
    path = folder / "pbc_attr_v1_val.csv"
    pd.read_csv(path).rename(columns={"label": "Label"}).to_csv(path, index=False)
    with pytest.raises(DataError, match=r"val\.csv: missing column label; found img_name, Label"):
        WBCAtt(str(folder)).records()
    for split in ("train", "val", "test"):
        (folder / f"pbc_attr_v1_{split}.csv").unlink()
    with pytest.raises(DataError, match="no such table"):
        WBCAtt(str(folder)).records()
    with pytest.raises(DataError, match=r"no such folder.*HEMBLIP_DATA"):
        WBCAtt(str(folder / "elsewhere")).records()


def test_nothing_left(layout):
    folder, _ = layout
    shutil.rmtree(folder / "images")
    with pytest.raises(DataError, match=r"none of 20 entries can be used: image missing \(20\)"):
        WBCAtt(str(folder)).records()


def moved(layout, folder, tables=".", images="."):
    """The layout with its tables and images in other folders, as unpacking leaves them."""
    there, _ = layout
    for name in (tables, images):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for path in sorted(there.glob("*.csv")):
        shutil.move(path, folder / tables / path.name)
    shutil.move(there / "images", folder / images / "images")
    return str(folder)


@pytest.mark.parametrize(
    ("tables", "images"),
    [
        (".", "data/PBC"),
        ("wbcatt-main/submission", "wbcatt-main/data/PBC"),
        ("WBCAtt/WBCAtt", "WBCAtt/WBCAtt"),
        ("tables", "PBC_dataset_normal_DIB/PBC_dataset_normal_DIB"),
        ("a/b", "."),
    ],
)
def test_tables_and_images_wherever_unpacking_puts_them(layout, tmp_path_factory, tables, images):
    folder = tmp_path_factory.mktemp("unpacked")
    source = WBCAtt(moved(layout, folder, tables, images))
    assert len(source.records()) == 20 and not source.excluded


def test_images_in_a_folder_of_their_own(layout, tmp_path_factory):
    folder, elsewhere = tmp_path_factory.mktemp("tables"), tmp_path_factory.mktemp("images")
    moved(layout, folder)
    shutil.move(folder / "images", elsewhere / "images")
    assert len(WBCAtt(str(folder), images=str(elsewhere)).records()) == 20
    with pytest.raises(DataError, match=rf"image missing \(20\); looked for {folder}/images/.*train_0.jpg first"):
        WBCAtt(str(folder)).records()


def test_some_of_the_tables_and_a_torn_row(layout):
    folder, _ = layout
    (folder / "pbc_attr_v1_val.csv").unlink()
    lines = (folder / "pbc_attr_v1_test.csv").read_text().splitlines()
    lines[1] += ",1,2,3"
    (folder / "pbc_attr_v1_test.csv").write_bytes("\r\n".join(lines).replace("/", "\\").encode("utf-8-sig"))
    source = WBCAtt(str(folder))
    assert source.records()["split"].value_counts().to_dict() == {"train": 12, "test": 3}
    assert source.excluded == {
        "pbc_attr_v1_val.csv": "table missing",
        "pbc_attr_v1_test.csv line 2": "17 values for 14 columns",
    }


@pytest.mark.real
@pytest.mark.skipif("HEMBLIP_DATA" not in os.environ, reason="HEMBLIP_DATA is not set")
def test_real_cells():
    source = WBCAtt("wbcatt_half")
    manifest = source.records()
    assert list(source.excluded.values()) == ["byte-identical copy"] * 7
    assert manifest["split"].value_counts().to_dict() == {"train": 6162, "val": 1030, "test": 600}
