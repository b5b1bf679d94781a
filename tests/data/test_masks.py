"""Masks are found, read in the cell's coordinates, and refused when they cannot be right."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from hemblip.corpus.prepare import prepare
from hemblip.data.masks import find_mask, read_masks
from hemblip.data.sources import Folder, ImageFiles, LabelTable, Manifest, Synthetic
from hemblip.errors import DataError


def labels(nucleus=255, cytoplasm=128, side=30):
    mask = np.zeros((side, side), np.uint8)
    mask[6:24, 6:24] = cytoplasm
    mask[10:20, 10:20] = nucleus
    return Image.fromarray(mask)


@pytest.fixture
def cells(workplace):
    """Images `images/a.png`, `b.png`, with masks of the same name in `masks`, and a table of labels."""
    for folder in ("set/images", "set/masks"):
        (workplace / folder).mkdir(parents=True)
    for number, name in enumerate("ab"):
        Image.new("RGB", (30, 30), (200, 150, number)).save(f"set/images/{name}.png")
        labels().save(f"set/masks/{name}.png")
    (workplace / "set" / "labels.csv").write_text("image,cell_type\na.png,lymphocyte\nb.png,monocyte\n")
    return workplace


def row(**changes):
    return {"cell_id": "1", "image": "set/images/a.png", "bbox": None, "masks": "set/masks/a.png", **changes}


def test_sources_find_masks_and_prepare_keeps_them(cells, no_card_figure, monkeypatch):
    table = LabelTable("set/labels.csv", "cellavision").records()
    assert [str(path) for path in table["masks"]] == ["set/masks/a.png", "set/masks/b.png"]
    monkeypatch.setenv("HEMBLIP_DATA", str(cells))
    prepare([LabelTable("set/labels.csv", "cellavision")], output="mine.parquet", copies="keep")
    assert pd.read_parquet("mine.parquet")["masks"].tolist() == ["set/masks/a.png", "set/masks/b.png"]
    assert read_masks(Manifest("mine.parquet").records().iloc[0]).nucleus.sum() == 100


def test_folders_and_images_leave_masks_out(cells):
    (cells / "set" / "lymphocyte").mkdir()
    Image.new("RGB", (30, 30)).save("set/lymphocyte/c.png")
    labels().save("set/lymphocyte/c_mask.png")
    table = Folder("set/lymphocyte", "cellavision").records()
    assert table["masks"].tolist() == ["set/lymphocyte/c_mask.png"]
    images = ImageFiles("set").records()
    assert images["cell_id"].tolist() == ["images/a.png", "images/b.png", "lymphocyte/c.png"]
    assert images["masks"].notna().all()


def test_drawn_cells_have_the_masks_that_they_were_drawn_with(tmp_path):
    brightness = []
    for cell in Synthetic(24, size=48, folder=str(tmp_path)).records().to_dict("records"):
        masks = read_masks(cell)
        pixels = np.asarray(Image.open(cell["image"])).astype(int)
        assert not (masks.nucleus & masks.cytoplasm).any() and masks.cell[20:28, 20:28].mean() > 0.9
        brightness.append([pixels[part].mean() for part in (masks.nucleus, masks.cytoplasm, ~masks.cell)])
    nucleus, cytoplasm, background = np.mean(brightness, 0)
    assert nucleus + 20 < cytoplasm < background - 20


def test_a_box_and_a_mapping_file_are_followed(cells):
    assert read_masks(row(bbox=[6, 6, 10, 20])).cell.shape == (20, 10)
    assert read_masks(row(bbox=[6, 6, 10, 20])).nucleus.sum() == 60
    labels(nucleus=1, cytoplasm=7).save("set/masks/a.tif")
    (cells / "own").mkdir()
    labels(nucleus=1, cytoplasm=7).save("own/a.tif")
    (cells / "own" / "mask_labels.yaml").write_text("{nucleus: [1, 2], cytoplasm: [7]}")
    masks = read_masks(row(masks="own/a.tif"))
    assert masks.nucleus.sum() == 100 and masks.cytoplasm.sum() == 18 * 18 - 100


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"masks": None}, "cell '1' has no mask"),
        ({"masks": "set/masks/none.png"}, "not a readable mask"),
        ({"masks": "wrong/size.png"}, "mask of 20x20 pixels, but its image set/images/a.png has 30x30"),
        ({"masks": "wrong/empty.png"}, "no nucleus in it"),
        ({"masks": "odd/a.png"}, "write the label values as"),
    ],
)
def test_what_is_wrong_with_a_mask_is_said(cells, changes, says):
    for folder in ("wrong", "odd"):
        (cells / folder).mkdir()
    labels(side=20).save("wrong/size.png")
    Image.new("L", (30, 30)).save("wrong/empty.png")
    labels().save("odd/a.png")
    (cells / "odd" / "mask_labels.yaml").write_text("nucleus: white")
    with pytest.raises(DataError, match=says):
        read_masks(row(**changes))


def test_an_image_is_not_its_own_mask(cells):
    assert find_mask(cells / "set" / "masks" / "a.png") is None
