"""Boxes of cells in tables: read as written, or told."""

import json
from pathlib import Path

import pytest
from PIL import Image

from hemblip.data.image_check import cell_flaws, check_images
from hemblip.data.images import box_flaw
from hemblip.data.sources import CombinedCSV, ImageFiles, LabelTable
from hemblip.errors import DataError


@pytest.fixture
def field(workplace):
    Image.effect_noise((64, 48), 60).convert("RGB").save("f.png")
    return workplace


def boxes(columns, *rows):
    Path("t.csv").write_text("\n".join([f"image,{columns}", *(f"f.png,{row}" for row in rows)]))
    return ImageFiles("t.csv").records()["bbox"].tolist()


@pytest.mark.parametrize(
    ("columns", "row"),
    [
        ("bbox", '"[10, 20, 30, 25]"'),
        ("bbox", "10 20 30 25"),
        ("BBox", '"(10, 20, 30.0, 25)"'),
        ("x,y,w,h", "10,20,30,25"),
        ("X,Y,Width,Height", "10,20,30,25"),
        ("left,top,width,height", "10,20,30,25"),
        ("xmin,ymin,xmax,ymax", "10,20,40,45"),
        ("x1,y1,x2,y2", "10,20,40,45"),
        ("left,top,right,bottom", "10,20,40,45"),
    ],
)
def test_a_box_is_the_same_however_it_was_written(field, capsys, columns, row):
    assert boxes(columns, row) == [[10, 20, 30, 25]]
    assert ("are read as each cell's bbox" in capsys.readouterr().err) == ("," in columns)


def test_the_whole_image_where_no_box_is_given(field):
    assert boxes("bbox,cell_id", ",a", '"[1, 2, 3, 4]",b') == [None, [1, 2, 3, 4]]
    assert boxes("width,height", "64,48") == [None]


@pytest.mark.parametrize(
    "columns", ["x,y", "x_center,y_center,w,h", "xmin,ymin", "bounding_box", "cx,cy,w,h", "x,y,w", "x1,y1,x3,y3"]
)
def test_columns_that_look_like_a_box_are_not_passed_over(field, columns):
    first = columns.split(",")[0]
    with pytest.raises(DataError, match=rf"t\.csv: column {first}.* looks like a box that is not read; write `bbox`"):
        boxes(columns, ",".join("1" for _ in columns.split(",")))


def test_columns_that_are_not_read_are_named(field, capsys):
    boxes("patient,bbox,note", "p1,,good")
    assert "t.csv: not read: patient, note; cells are cut out by" in capsys.readouterr().err


@pytest.mark.parametrize("box", ["left", "[1, 2, 3]", "[1, 2, 3, 4, 5]", "[1, 2, 0, 4]", "[1, 2, 3, -4]", "1,nan,2,3",
                                 "{'x': [1]}", '{""x"": {""a"": [1, [2]]}}', "[[[[]]]]", "1e999 0 1 1"])  # fmt: skip
def test_what_is_no_box_leaves_its_cell_out(field, box):
    with pytest.raises(
        DataError, match=r"none of 1 entries can be used: not a box; .* in pixels \(1\) \(first entry: "
    ):
        boxes("bbox", f'"{box}"')
    assert boxes("bbox", f'"{box}"', "1 2 3 4") == [[1, 2, 3, 4]]


@pytest.mark.parametrize(
    ("box", "flaw"),
    [
        ([0.58, 0.57, 0.36, 0.41], "box in shares of the image"),
        ([0.1, 0.1, 0.9, 0.9], "box in shares of the image"),
        ([0, 0, 1, 1], "box in shares of the image"),
        ([10, 10, 0.4, 5], "box without a pixel"),
        ([64, 0, 5, 5], "box outside of the image"),
        ([0, -6, 5, 6], "box outside of the image"),
        ([0, 0, 1e9, 1e9], "box too large"),
        ([60, 40, 20, 20], ""),
        (None, ""),
    ],
)
def test_boxes_that_cannot_be_cut_out(field, box, flaw):
    assert box_flaw(box, (64, 48)) == flaw
    Path("t.csv").write_text(f'cell_id,image,bbox\nthis,f.png,"{"" if box is None else json.dumps(box)}"\n')
    cells = ImageFiles("t.csv").records()
    (found,) = cell_flaws(cells, check_images(cells["image"]))
    assert (found.kind if found else "") == flaw
    assert found is None or ("cell 'this' of" in found.message and "in pixels" in found.message)


def test_tables_of_labels_and_captions_have_boxes_too(field):
    Path("t.csv").write_text("image,cell_type,caption,x,y,w,h\nf.png,Basophil,A.,1,2,9,9\nf.png,Monocyte,B.,20,2,9,9\n")
    for source in (LabelTable("t.csv", "bccd"), CombinedCSV("t.csv")):
        cells = source.records()
        assert cells["bbox"].tolist() == [[1, 2, 9, 9], [20, 2, 9, 9]]
        assert cells["cell_id"].nunique() == 2 and cells["group"].nunique() == 1
