"""Tables as people have them."""

import io
import json

import pandas as pd
import pytest
from PIL import Image

from hemblip.data.sources import CombinedCSV, ImageFiles, LabelTable, Manifest, Synthetic
from hemblip.data.tables import UNPACKED, read_table, texts
from hemblip.errors import ConfigError, DataError

MICRO = "A basophil of 12 µm; “blue”"
ROWS = [{"image": "a.png", "caption": MICRO}, {"image": "b.png", "caption": 'Two, "quoted"'}]


def delimited(sep, end="\n"):
    lines = [["image", "caption"], *(row.values() for row in ROWS)]
    quoted = [['"' + text.replace('"', '""') + '"' for text in line] for line in lines]
    return end.join(sep.join(line) for line in quoted) + end


WAYS = {
    "plain.csv": delimited(",").encode(),
    "bom.csv": delimited(",").encode("utf-8-sig"),
    "excel.csv": delimited(";", "\r\n").encode("cp1252"),
    "said.csv": ("sep=;\r\n" + delimited(";", "\r\n")).encode("cp1252"),
    "unicode_text.csv": delimited("\t", "\r\n").encode("utf-16"),
    "big_endian.csv": b"\xfe\xff" + delimited(",").encode("utf-16-be"),
    "no_mark.csv": delimited(",").encode("utf-16-le"),
    "tabs.tsv": delimited("\t").encode(),
    "bars.txt": delimited("|").encode(),
    "nul.csv": delimited(",").replace("basophil", "baso\0phil").encode(),
    "old_mac.csv": delimited(",", "\r").encode(),
    "lines.jsonl": "\n".join(map(json.dumps, ROWS)).encode(),
    "blank_lines.csv": delimited(",").replace("\n", "\n\n").encode(),
}


@pytest.mark.parametrize("name", WAYS)
def test_a_table_is_the_same_however_it_was_saved(tmp_path, name):
    (tmp_path / name).write_bytes(WAYS[name])
    table = read_table(tmp_path / name, ["image", "caption"])
    assert [(row["image"], row["caption"]) for row in table.rows] == [tuple(row.values()) for row in ROWS]


def test_values_of_any_kind_are_clean_text(tmp_path):
    values = [None, float("nan"), 7.0, 7.5, True, "  a\0b ", [1, "µ"], {"a": None}]
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(json.dumps({"image": value, "more": 1}) for value in values))
    read = [row["image"] for row in read_table(path, ["image"]).rows]
    assert read == ["", "", "7", "7.5", "True", "ab", json.dumps([1, "µ"]), '{"a": null}']
    pd.DataFrame({"image": [b"a\xff", b"b"], "day": [pd.Timestamp("2020-01-02"), pd.NaT]}).to_parquet(
        tmp_path / "t.parquet"
    )
    rows = read_table(tmp_path / "t.parquet", ["day"]).rows
    assert [row["day"][:10] for row in rows] == ["2020-01-02", ""]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.xlsx", b"PK\x03\x04", "a spreadsheet, which is not read; save it as CSV UTF-8"),
        ("renamed.csv", b"PK\x03\x04", "a spreadsheet"),
        ("t.xls", b"\xd0\xcf\x11\xe0", "a spreadsheet"),
        ("t.csv", b"\n\n", r"not a readable CSV \(empty\)"),
        ("t.csv", b"\x89PNG\r\n\x1a\n\xff\x00\x08", "its bytes are no text"),
        ("t.csv", b"image\n\x81\x8d", "neither UTF-8 nor Windows-1252"),
        ("t.csv", b"image,caption,image\na,b,c\n", "column 'image' is there twice"),
        ("t.csv", b'image,caption\na,"b\nc,d\ne,f\n', "the quotation mark in line 2 is not closed"),
        (
            "t.csv",
            b"image,words\na,b\n",
            r"missing column caption; found image, words; .*columns: \{caption: <its name>",
        ),
        ("t.csv", b"image,caption\na,b,c\n", "line 2: 3 values for 2 columns"),
        ("t.jsonl", b"[1]\n", "line 1: no JSON object"),
        ("t.jsonl", b"[" * 100_000, "line 1: no JSON object"),
        ("t.jsonl", b"", "not readable JSON Lines"),
        ("t.parquet", b"PAR1", "not a readable Parquet file"),
        ("t.yaml", b"a: 1", "tables end in .csv"),
    ],
)
def test_what_is_no_table_is_told_with_the_way_out(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said) as told:
        read_table(tmp_path / name, ["image", "caption"])
    assert "\n" not in str(told.value) and len(str(told.value)) < 600


def test_one_bad_row_does_not_end_a_table(tmp_path):
    told = []
    (tmp_path / "t.csv").write_text("image,caption\na,b,c\nd,e\nf\ng,h,,\n")
    table = read_table(tmp_path / "t.csv", ["image"], note=lambda row, why: told.append((row, why)))
    assert [row["image"] for row in table.rows] == ["d", "f", "g"] and table.rows[1]["caption"] == ""
    assert told == [("t.csv line 2", "3 values for 2 columns")]
    (tmp_path / "t.jsonl").write_text('{"image": "a"}\n{"image": \n{"image": "b"}\n')
    table = read_table(tmp_path / "t.jsonl", ["image"], note=lambda row, why: told.append((row, why)))
    assert [row["image"] for row in table.rows] == ["a", "b"] and told[1] == ("t.jsonl line 2", "no JSON object")


def test_columns_are_known_by_plain_names_and_by_setting(tmp_path):
    (tmp_path / "t.csv").write_text("File_Name,TEXT,findings\na.png,A cell.,Another.\n")
    row = read_table(tmp_path / "t.csv", ["image", "caption"]).rows[0]
    assert (row["image"], row["caption"], row["findings"]) == ("a.png", "A cell.", "Another.")
    row = read_table(tmp_path / "t.csv", ["image", "caption"], {"caption": "findings"}).rows[0]
    assert row["caption"] == "Another."
    with pytest.raises(DataError, match=r"missing column finding \(columns: caption\); found File_Name"):
        read_table(tmp_path / "t.csv", ["image"], {"caption": "finding"})
    with pytest.raises(ConfigError, match="columns: 'captoin' is not known; there are image, cell_id"):
        read_table(tmp_path / "t.csv", ["image"], {"captoin": "findings"})


def test_captions_are_one_text_or_several():
    assert texts("A cell.") == ["A cell."] and texts("") == [] and texts("[sic] a cell") == ["[sic] a cell"]
    assert texts('["A cell.", " ", "A blast."]') == ["A cell.", "A blast."]
    assert texts('{"a": 1}') is None and texts("[1]") is None


def png(colour):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(buffer, "PNG")
    return buffer.getvalue()


def test_pictures_in_parquet_are_unpacked(workplace):
    pictures = [{"bytes": png("red"), "path": "one.png"}, {"bytes": png("blue"), "path": None}]
    pd.DataFrame({"image": pictures, "text": ["Red.", "Blue."]}).to_parquet("t.parquet")
    cells = CombinedCSV("t.parquet").records()
    assert [Image.open(path).getpixel((0, 0)) for path in cells["image"]] == [(255, 0, 0), (0, 0, 255)]
    assert all((workplace / UNPACKED) in map(type(workplace), [path.rpartition("/")[0]]) for path in cells["image"])
    assert [next(iter(texts)) for texts in cells["captions"]] == ["Red.", "Blue."]
    pd.DataFrame({"image": [png("red")]}).to_parquet("raw.parquet")
    assert ImageFiles("raw.parquet").records()["image"].tolist() == [cells["image"][0]]


def test_numbers_of_classes_are_named_as_hugging_face_keeps_them(workplace):
    import pyarrow as pa
    import pyarrow.parquet as pq

    features = {"label": {"names": ["Basophil", "Monocyte"], "_type": "ClassLabel"}}
    table = pa.table({"image": [{"bytes": png("red"), "path": "a.png"}], "label": [1]})
    meta = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    pq.write_table(table.replace_schema_metadata(meta), "train-00000-of-00001.parquet")
    assert LabelTable(".", "bccd").records()["cell_type"].tolist() == ["monocyte"]


def test_imagefolder_metadata_with_its_splits(workplace):
    for split in ("train", "validation", "test"):
        (workplace / "set" / split).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(workplace / "set" / split / "0.png")
        line = json.dumps({"file_name": "0.png", "text": f"A cell of {split}."})
        (workplace / "set" / split / "metadata.jsonl").write_text(line)
    cells = CombinedCSV("set").records()
    assert dict(zip(cells["split"], (captions[0] for captions in cells["captions"]), strict=True)) == {
        "test": "A cell of test.",
        "train": "A cell of train.",
        "val": "A cell of validation.",
    }
    assert cells["cell_id"].nunique() == 3


def test_a_manifest_saved_as_csv_is_the_same(workplace):
    made = Synthetic(4, size=16, folder="drawn").records()
    made = made.assign(split="train", bbox=[[1.0, 2.0, 3.0, 4.0], None, None, None], captions=[["A.", "B."]] * 4)
    made.to_parquet("m.parquet")
    made.assign(
        bbox=[None if box is None else json.dumps(box) for box in made["bbox"]],
        captions=list(map(json.dumps, made["captions"])),
    ).to_csv("m.csv", index=False, sep=";", encoding="utf-16")
    pd.testing.assert_frame_equal(Manifest("m.csv").records(), Manifest("m.parquet").records())


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("bbox", '{"x": [1]}', "has bbox"),
        ("bbox", "[1, 2, 3", "has bbox"),
        ("captions", '{"text": "A."}', "has captions"),
        ("captions", "[[1]]", "has captions"),
        ("width_factor", "wide", "has width_factor 'wide'; it must be a number, 0.1 to 10"),
        ("width_factor", "nan", "has width_factor"),
        ("image", "", "has image None"),
        ("cell_id", "", "has cell_id None"),
        ("split", "\x1b[31m", r"unknown split '\[31m'"),
    ],
)
def test_values_of_a_manifest_that_cannot_be(workplace, column, value, said):
    made = Synthetic(2, size=16, folder="drawn").records().assign(split="train").astype(str)
    made = made.replace("None", "").assign(captions="")
    made.loc[1, column] = value
    made.to_csv("m.csv", index=False)
    with pytest.raises(DataError, match=said):
        Manifest("m.csv").records()
