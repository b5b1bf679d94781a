"""Images of which nothing is known: an image, a folder, a manifest, or another table."""

import pandas as pd
import pytest
from PIL import Image

from hemblip.data.sources import ImageFiles, Synthetic
from hemblip.errors import DataError


@pytest.fixture
def cells(workplace):
    (workplace / "cells" / "below").mkdir(parents=True)
    for name in ("a.png", "below/b.JPG"):
        Image.new("RGB", (8, 8)).save(workplace / "cells" / name)
    return workplace / "cells"


def images(path):
    return ImageFiles(str(path)).records().set_index("cell_id")["image"].to_dict()


def test_an_image_and_a_folder_are_looked_up_here(cells, monkeypatch):
    monkeypatch.setenv("HEMBLIP_DATA", "/elsewhere")
    assert images("cells") == {"a.png": "cells/a.png", "below/b.JPG": "cells/below/b.JPG"}
    assert images("cells/a.png") == {"a.png": "cells/a.png"}


def test_a_manifest_keeps_its_own_paths(workplace, monkeypatch):
    made = Synthetic(4, size=16, folder=str(workplace / "drawn")).records()
    relative = made.assign(image=[image.removeprefix(f"{workplace}/") for image in made["image"]])
    (workplace / "data").mkdir()
    relative.to_parquet("data/manifest.parquet")
    monkeypatch.setenv("HEMBLIP_DATA", str(workplace))
    assert images("data/manifest.parquet") == dict(zip(made["cell_id"], made["image"], strict=True))


def test_a_table_may_give_boxes(cells):
    (cells / "t.csv").write_text('cell_id,image,bbox\n1,a.png,"[1, 2, 3, 4]"\n2,below/b.JPG,\n')
    pd.DataFrame({"cell_id": ["1", "2"], "image": ["a.png", "below/b.JPG"], "bbox": [[1, 2, 3, 4], None]}).to_parquet(
        cells / "t.parquet"
    )
    for name in ("t.csv", "t.parquet"):
        table = ImageFiles(str(cells / name)).records()
        assert [table["bbox"][0], table["bbox"][1]] == [[1, 2, 3, 4], None]
        assert table["image"].tolist() == [str(cells / "a.png"), str(cells / "below/b.JPG")]
        assert table["width_factor"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.png", None, "no such image, folder or table"),
        ("x.txt", "a", "neither an image nor"),
        ("x.csv", "", "not a readable CSV"),
        ("x.csv", "cell_id,file\n1,a.png\n", "missing column image"),
        ("x.csv", "cell_id,image\n1,../../etc/passwd\n", "leaves the data folder"),
        ("x.csv", "cell_id,image\n1,\n", r"no image named \(1\) \(first entry: 1 \(row 1\)\)"),
        ("x.csv", "cell_id,image,bbox\n1,a.png,3\n", "bbox '3'"),
        ("x.csv", "cell_id,image,bbox\n1,a.png,left\n", "bbox 'left'"),
        ("x.parquet", "torn", "not a readable Parquet file"),
    ],
)
def test_what_cannot_be_used_is_told(cells, name, content, said):
    if content is not None:
        (cells / name).write_text(content)
    with pytest.raises(DataError, match=said):
        ImageFiles(str(cells / name)).records()


def test_a_folder_without_images(workplace):
    with pytest.raises(DataError, match="no images; looked for"):
        ImageFiles(str(workplace)).records()
