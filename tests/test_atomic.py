"""Where files can be written, and where they cannot."""

import os
import resource

import pytest
import torch
from safetensors.torch import save_file

from hemblip.atomic import check_writable, making_folder, write_text
from hemblip.cli.main import main
from hemblip.errors import DataError


@pytest.fixture
def places(workplace):
    (workplace / "mine.txt").write_text("mine")
    (workplace / "dangling").symlink_to("nowhere")
    (workplace / "link").symlink_to("mine.txt")
    os.mkfifo("pipe")
    (workplace / "folder").mkdir()
    return workplace


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("folder", "it is a folder"),
        ("pipe", "it is a pipe or a device"),
        ("/dev/null", "it is a pipe or a device"),
        ("dangling", "it is a link to nothing"),
        ("mine.txt/a", "mine.txt is a file"),
        ("link/a", "link is a file"),
        ("pipe/a", "pipe is a pipe or a device"),
        ("dangling/a/b", "dangling is a link to nothing"),
        ("/dev/null/a", "/dev/null is a pipe or a device"),
        ("x" * 300, "File name too long"),
    ],
)
def test_places_that_cannot_be_written(places, place, why):
    before = sorted(places.rglob("*"))
    for write in (check_writable, lambda path: write_text(path, "new")):
        with pytest.raises(DataError) as told:
            write(places / place)
        assert why in str(told.value) and "choose another folder" in str(told.value)
    assert sorted(places.rglob("*")) == before and (places / "mine.txt").read_text() == "mine"


def save_by_torch(weights, path):
    with path.open("wb") as file:
        torch.save(weights, file)


@pytest.mark.parametrize("library", [save_by_torch, save_file])
def test_a_full_disk_is_told_of_libraries_that_have_errors_of_their_own(tmp_path, library):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, before[1]))
    try:
        said = pytest.raises(DataError, match=r"new: cannot be written \(File too large\); make room")
        with said, making_folder(tmp_path / "new") as folder:
            library({"weights": torch.zeros(2**20)}, folder / "weights")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not [path for path in tmp_path.iterdir() if "lock" not in path.name]


def test_other_errors_of_libraries_stay_what_they_are(tmp_path):
    with pytest.raises(RuntimeError, match="a mistake"), making_folder(tmp_path / "new"):
        raise RuntimeError("a mistake")


def test_the_file_behind_a_link_is_written_and_the_link_stays(places):
    write_text(places / "link", "new")
    assert (places / "link").is_symlink() and (places / "mine.txt").read_text() == "new"


@pytest.mark.parametrize(
    "words", [["configs", "copy", "smoke", "dangling"], ["export", "--run", "wbcatt-compact", "--output", "dangling"]]
)
def test_no_link_to_nothing_is_replaced(places, capsys, words):
    assert main(words) == 2 and "exists already" in capsys.readouterr().err
    assert (places / "dangling").is_symlink()
