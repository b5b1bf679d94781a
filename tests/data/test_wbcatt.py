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
    [("cell_size", "gross", "unknown cell_size 'gross'"), ("label", "Neutrophile", "unknown cell_type 'neutrophile'")],
)
def test_unknown_values_name_the_cell(layout, column, value, message):
    folder, _ = layout
    path = folder / "pbc_attr_v1_val.csv"
    table = pd.read_csv(path)
    table.loc[1, column] = value
    table.to_csv(path, index=False)
    with pytest.raises(DataError, match=f"wbcatt/val_1' has {message}"):
        WBCAtt(str(folder)).records()


def test_renamed_column_missing_table_missing_image_and_missing_folder(layout):
    folder, _ = layout
    path = folder / "pbc_attr_v1_val.csv"
    pd.read_csv(path).rename(columns={"label": "Label"}).to_csv(path, index=False)
    with pytest.raises(DataError, match=r"val\.csv: missing column label; found img_name, Label"):
        WBCAtt(str(folder)).records()
    path.unlink()
    with pytest.raises(DataError, match="no such table"):
        WBCAtt(str(folder)).records()
    with pytest.raises(DataError, match=r"no such folder.*HEMBLIP_DATA"):
        WBCAtt(str(folder / "elsewhere")).records()


def test_missing_image(layout):
    folder, _ = layout
    next((folder / "images").rglob("*.jpg")).unlink()
    with pytest.raises(DataError, match="1 image files are missing"):
        WBCAtt(str(folder)).records()


@pytest.mark.real
@pytest.mark.skipif("HEMBLIP_DATA" not in os.environ, reason="HEMBLIP_DATA is not set")
def test_real_cells():
    source = WBCAtt("wbcatt_half")
    manifest = source.records()
    assert list(source.excluded.values()) == ["byte-identical copy"] * 7
    assert manifest["split"].value_counts().to_dict() == {"train": 6162, "val": 1030, "test": 600}
