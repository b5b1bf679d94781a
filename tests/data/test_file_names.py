"""What file and folder names say, and names that nobody wants."""

import os
from pathlib import Path

import pytest
from PIL import Image

from hemblip.data.sources import CombinedCSV, Folder, ImageFiles, LabelTable, WBCAtt
from hemblip.data.sources.file_names import MISSING, OUTSIDE, ImageFinder, original, published_splits, split_of
from hemblip.errors import DataError


def image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.effect_noise((16, 16), 60).convert("RGB").save(path)


@pytest.mark.parametrize(
    ("written", "there"),
    [
        ("a.png", "a.png"),
        ("images/a.png", "images/a.png"),
        ("images\\a.png", "images/a.png"),
        (".\\x\\a.png", "x/a.png"),
        ("C:\\Users\\me\\cells\\x\\a.png", "x/a.png"),
        ("\\\\server\\share\\x\\a.png", "x/a.png"),
        ("/content/drive/cells/x/a.png", "x/a.png"),
        ("/content/cells/a.png", "images/a.png"),
        ("../cells/a.png", "a.png"),
        ("x/a.png", "deep/er/x/a.png"),
        ("a", "a.jpg"),
        ("Data/PBC/a.png", "Data/PBC/Data/PBC/a.png"),
    ],
)
def test_an_image_is_found_by_the_name_of_another_machine(tmp_path, written, there):
    image(tmp_path / there)
    assert ImageFinder(tmp_path).find(written) == tmp_path / there


@pytest.mark.parametrize(
    ("written", "there", "why"),
    [
        ("", ["a.png"], MISSING),
        ("b.png", ["a.png"], MISSING),
        ("train/a.png", ["test/a.png"], MISSING),
        ("a.png", ["x/a.png", "y/a.png"], MISSING),
        ("../../etc/passwd", ["a.png"], OUTSIDE),
        ("x" * 5000 + ".png", ["a.png"], MISSING),
        ("a\0.png", ["a.png"], MISSING),
        ("a.png/b.png", ["a.png"], MISSING),
        ("a.png", [".hidden/a.png", "__MACOSX/a.png"], MISSING),
        ("/etc/passwd", ["a.png"], MISSING),
    ],
)
def test_no_other_image_is_taken_for_it(tmp_path, written, there, why):
    for name in there:
        image(tmp_path / name)
    assert ImageFinder(tmp_path).find(written) == why


def test_the_first_path_that_was_looked_for_is_named(tmp_path):
    (tmp_path / "t.csv").write_text("image,caption\nx/a.png,A cell.\nb.png,A cell.\n")
    with pytest.raises(DataError, match=rf"image missing \(2\); looked for {tmp_path}/x/a.png first"):
        CombinedCSV(str(tmp_path / "t.csv")).records()


def test_hidden_files_are_no_data(tmp_path):
    image(tmp_path / "set" / "Basophil" / "a.png")
    for junk in ("set/Basophil/._a.png", "__MACOSX/Basophil/b.png", ".cache/c.png", "Thumbs.db", "set/classes.txt"):
        (tmp_path / junk).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / junk).write_bytes(b"\x00\x05\x16\x07")
    (tmp_path / "set" / "Basophil" / "folder.png").mkdir()
    for source in (Folder(str(tmp_path), "bccd"), ImageFiles(str(tmp_path))):
        assert len(source.records()) == 1 and not source.excluded


@pytest.mark.parametrize(
    ("name", "split"),
    [
        *((name, "train") for name in ("TRAIN", "Training", "train_set", "train-data")),
        *((name, "test") for name in ("TestA", "Test-B", "TEST_SIMPLE", "testing")),
        *((name, "val") for name in ("valid", "Validation", "VAL")),
        *((name, None) for name in ("testis", "trainer", "valley", "contest", "x", "")),
    ],
)
def test_names_of_splits(name, split):
    assert split_of(name) == split


def test_published_splits_are_kept_where_there_are_several(tmp_path):
    for name in ("Train/Basophil/1.png", "TestA/Basophil/1.png", "TestB/Basophil/2.png"):
        image(tmp_path / name)
    cells = Folder(str(tmp_path), "raabin").records()
    assert cells["split"].tolist() == ["test", "test", "train"]
    alone = Folder(str(tmp_path / "Train"), "raabin").records()
    assert alone["split"].tolist() == [None]
    assert published_splits([Path("a/train/x/1.png"), Path("a/train/y/1.png")]) == [None, None]


@pytest.mark.parametrize(
    ("copy", "of"),
    [
        ("BloodImage_00001_jpg.rf.5fe81e5b0a", "BloodImage_00001"),
        ("cells_original_a.png_f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "a"),
        ("_12_3941", "_12"),
        ("aug_0_1234", "aug_0"),
        ("a_aug_3", "a"),
        ("a_hflip_rot90", "a"),
        ("a_horizontal_flip", "a"),
        ("a - Copy", "a"),
        ("aug_2_a", "a"),
        ("95-5-1-1_10_1", "95-5-1-1_10_1"),
        ("BNE_422954", "BNE_422954"),
        ("BloodImage_00001_1", "BloodImage_00001_1"),
        ("flip", "flip"),
        ("cell (2)", "cell (2)"),
        ("parrot_1", "parrot_1"),
    ],
)
def test_augmented_copies_are_known_by_their_names(copy, of):
    assert original(copy) == of


def test_augmented_copies_share_a_group(tmp_path):
    for name in (
        "TRAIN/Basophil/_0_12.jpeg",
        "TRAIN/Basophil/_0_99.jpeg",
        "TRAIN/Basophil/_1_7.jpeg",
        "TEST/Basophil/_0_5.jpeg",
    ):
        image(tmp_path / name)
    cells = Folder(str(tmp_path), "bccd").records()
    groups = dict(zip(cells["cell_id"].str.removeprefix("bccd/"), cells["group"], strict=True))
    assert groups["TRAIN/Basophil/_0_12.jpeg"] == groups["TRAIN/Basophil/_0_99.jpeg"] == "bccd/TRAIN/Basophil/_0"
    assert len(set(groups.values())) == 3


def test_names_that_cannot_be_shown_are_left_out(tmp_path):
    image(tmp_path / "Basophil" / "a.png")
    for name in (b"\xff\xfe.png", b"\x1b[31m.png", b"line\nbreak.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / "b.png")
        (tmp_path / "b.png").rename(tmp_path / "Basophil" / os.fsdecode(name))
    for source in (Folder(str(tmp_path), "bccd"), ImageFiles(str(tmp_path))):
        assert len(source.records()) == 1
        assert sorted(source.excluded.values()) == [
            "file name holds control characters; rename it",
            "file name holds control characters; rename it",
            "file name is not UTF-8; rename it",
        ]
        assert all(entry.isprintable() and entry.isascii() for entry in source.excluded)


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "a/" * 3000])
def test_names_that_cannot_be_are_told(name):
    for source in (ImageFiles(name), CombinedCSV(name), LabelTable(name, "bccd"), Folder(name, "bccd"), WBCAtt(name)):
        with pytest.raises(DataError, match="no such") as told:
            source.records()
        assert str(told.value).isprintable()
