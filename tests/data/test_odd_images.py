"""Files that are called images: counted and listed, whatever their decoder does."""

import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from hemblip.data.image_check import check_images
from hemblip.data.images import image_size, read_image
from hemblip.data.sources import Folder, LeukemiaAttri
from hemblip.errors import DataError, ImageError


@pytest.mark.parametrize(
    "raised",
    [
        *(
            struct.error("unpack"),
            TypeError("orientation"),
            RuntimeError(""),
            NotImplementedError("dds"),
            MemoryError(),
        ),
        *(RecursionError(), AttributeError("x"), EOFError(), IndexError(), ZeroDivisionError(), zlib.error("x")),
    ],
    ids=lambda raised: type(raised).__name__,
)
def test_whatever_a_decoder_raises_makes_an_unreadable_image(tmp_path, monkeypatch, raised):
    def fail(*_):
        raise raised

    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    monkeypatch.setattr("PIL.ImageOps.exif_transpose", fail)
    path = str(tmp_path / "a.png")
    flaw = check_images([path])[path].flaw
    assert flaw.kind == "image not readable" and flaw.message.startswith(f"{path}: not a readable image (")
    assert "\n" not in flaw.message and flaw.message.endswith("); repair or remove it")


def header(width, height):
    """A PNG that promises pixels and has none."""
    body = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + body
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", len(body))
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
        + b"\0\0\0\x10IDAT"
    )


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (header(60_000, 1), "image not readable"),
        (header(0, 0), "image not readable"),
        (header(2**31 - 1, 2**31 - 1), "image too large"),
        (b"", "image not readable"),
        (b"\xff\xd8\xff\xe1\x00\x10Exif\0\0II*\0\x08\0\0\0\xff\xff", "image not readable"),
        (b"II*\0\x08\0\0\0\xff\xff" + b"\xff" * 40, "image not readable"),
        (b"GIF89a" + b"\xff" * 20, "image not readable"),
        (b"RIFF\xff\xff\xff\xffWEBPVP8 " + b"\0" * 30, "image not readable"),
        (b"DDS |\0\0\0" + b"\x01" * 120, "image not readable"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n%%EOF\n", "image not readable"),
    ],
)
def test_headers_that_lie(tmp_path, content, kind):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(ImageError) as told:
        read_image(tmp_path / "a.png")
    assert told.value.kind == kind and len(str(told.value)) < 500
    image_size(tmp_path / "a.png")


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_pixels_that_are_no_numbers(tmp_path, wrong):
    grey = np.full((8, 8), 0.5, np.float32)
    grey[2, 3] = wrong
    Image.fromarray(grey).save(tmp_path / "map.tif")
    with pytest.raises(ImageError, match="no finite numbers"):
        read_image(str(tmp_path / "map.tif"))


def test_a_postscript_program_is_not_run(tmp_path, monkeypatch):
    monkeypatch.setattr("subprocess.check_call", lambda *_, **__: pytest.fail("a program was started"))
    Image.new("RGB", (8, 8)).save(tmp_path / "a.eps")
    with pytest.raises(ImageError, match="EPS is a program, not pixels; save it as PNG"):
        read_image(tmp_path / "a.eps")


def test_pipes_and_devices_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "device.png").symlink_to("/dev/zero")
    for name in ("pipe.png", "device.png"):
        with pytest.raises(ImageError, match="not a file; remove it") as told:
            read_image(tmp_path / name)
        assert told.value.kind == "not a regular file" and image_size(tmp_path / name) is None


def test_a_pipe_in_a_folder_is_counted_beside_the_others(tmp_path):
    (tmp_path / "Basophil").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "Basophil" / "a.png")
    os.mkfifo(tmp_path / "Basophil" / "b.png")
    cells = Folder(str(tmp_path), "bccd").records()
    flaws = [image.flaw and image.flaw.kind for image in check_images(cells["image"]).values()]
    assert flaws == [None, "not a regular file"]


def test_hidden_files_among_labels_are_no_annotations(tmp_path):
    folder = tmp_path / "H_100X_C2"
    (folder / "Images" / "train").mkdir(parents=True)
    labels = folder / "txt_labels" / "AttriDet" / "train"
    labels.mkdir(parents=True)
    Image.new("RGB", (100, 100)).save(folder / "Images" / "train" / "1_2_1000_ALL.png")
    (folder / "Images" / "train" / "._1_2_1000_ALL.png").write_bytes(b"\0\5\x16\7")
    (labels / "1_2_1000_ALL.txt").write_text("1 0.5 0.5 0.3 0.3 1 1 0 0 0 0 0\n")
    (labels / "._1_2_1000_ALL.txt").write_bytes(b"\0\5\x16\7junk\n")
    (labels / "classes.txt").write_text("None\nMyeloblast\n")
    source = LeukemiaAttri(str(tmp_path))
    assert len(source.records()) == 1 and not source.excluded


def test_a_torn_table_of_paths_is_one_line(tmp_path):
    with pytest.raises(DataError) as told:
        read_image("a\0b.png")
    assert str(told.value).isprintable()
