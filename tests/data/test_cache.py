"""One file of decoded cells: built once, told apart by all that matters, bounded."""

import multiprocessing
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hemblip.data import cache
from hemblip.data.cache import cached_cells, decode
from hemblip.data.records import manifest_table
from hemblip.errors import DataError


@pytest.fixture
def manifest(tmp_path):
    rng = np.random.default_rng(0)
    rows = []
    for number in range(6):
        Image.fromarray(rng.integers(0, 255, (20, 24, 3), np.uint8)).save(tmp_path / f"{number}.png")
        rows.append({"cell_id": str(number), "image": str(tmp_path / f"{number}.png"), "source": "test"})
    return manifest_table(rows, "test")


def files(folder):
    return sorted(path.name for path in folder.glob("*.npy"))


def test_cells_are_as_decoded_and_built_once(manifest, tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    cells = cached_cells(manifest, 16, 1.0, folder)
    assert cells.shape == (6, 16, 16, 3) and not cells.flags.writeable
    assert all((cells[index] == decode(manifest, index, 16, 1.0)).all() for index in range(6))
    monkeypatch.setattr(cache, "_build", lambda *_: pytest.fail("built again"))
    assert (cached_cells(manifest, 16, 1.0, folder) == cells).all()


@pytest.mark.parametrize("change", ["size", "crop", "box", "factor", "order", "image"])
def test_any_change_makes_a_new_file(manifest, tmp_path, change):
    folder = tmp_path / "cache"
    cached_cells(manifest, 16, 1.0, folder)
    changed = manifest.copy()
    if change == "box":
        changed["bbox"] = [[0, 0, 10, 10], *[None] * 5]
    elif change == "factor":
        changed.loc[0, "width_factor"] = 2.0
    elif change == "order":
        changed = manifest.iloc[::-1]
    elif change == "image":
        Image.new("RGB", (24, 20)).save(manifest["image"][0])
    cached_cells(changed, 20 if change == "size" else 16, 0.9 if change == "crop" else 1.0, folder)
    assert len(files(folder)) == 2


def test_the_content_counts_not_name_or_time(manifest, tmp_path):
    folder = tmp_path / "cache"
    cached_cells(manifest, 16, 1.0, folder)
    path = Path(manifest["image"][0])
    moved = path.rename(tmp_path / "moved.png")
    cached_cells(manifest.assign(image=[str(moved), *manifest["image"][1:]]), 16, 1.0, folder)
    assert len(files(folder)) == 1
    status = moved.stat()
    other = np.asarray(Image.open(moved)).copy()
    Image.fromarray(255 - other).save(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (cached_cells(manifest, 16, 1.0, folder)[0] == decode(manifest, 0, 16, 1.0)).all()


def test_what_another_process_builds_is_left_alone(manifest, tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    folder.mkdir()
    building = folder / ".other.npy"
    building.write_bytes(b"0" * 5000)
    monkeypatch.setattr(cache, "MAX_BYTES", 5000)
    cached_cells(manifest, 16, 1.0, folder)
    assert building.exists()


def test_many_processes_build_one_file(manifest, tmp_path):
    folder = tmp_path / "cache"
    arguments = [(manifest, 16, 1.0, folder)] * 4
    with multiprocessing.get_context("fork").Pool(4) as pool:
        cells = pool.starmap(cached_cells, arguments)
    assert len(files(folder)) == 1 and all((one == cells[0]).all() for one in cells)


def test_a_killed_build_is_begun_again(manifest, tmp_path):
    folder = tmp_path / "cache"
    cached_cells(manifest, 16, 1.0, folder)
    (name,) = files(folder)
    (folder / name).rename(folder / f".{name}")  # what a killed process leaves
    assert cached_cells(manifest, 16, 1.0, folder).shape[0] == 6
    assert files(folder) == [name] and not (folder / f".{name}").exists()


def test_the_folder_is_bounded_and_the_oldest_go(manifest, tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setattr(cache, "MAX_BYTES", 15_000)
    first = cached_cells(manifest, 16, 1.0, folder)
    (oldest,) = files(folder)
    cached_cells(manifest, 17, 1.0, folder)
    cached_cells(manifest, 16, 1.0, folder)  # used again: now the other is older
    cached_cells(manifest, 18, 1.0, folder)
    assert oldest in files(folder) and len(files(folder)) == 2
    assert first.sum() > 0
    with pytest.raises(DataError, match=r"needs 0\.00 GB and 0\.00 GB are free; make room or set data.init_args.cache"):
        cached_cells(manifest, 60, 1.0, folder)


def test_full_disks_and_bad_images_leave_nothing(manifest, tmp_path, monkeypatch):
    folder = tmp_path / "cache"

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(DataError, match="No space left on device"):
        patch.setattr("os.posix_fallocate", full)
        cached_cells(manifest, 16, 1.0, folder)
    (tmp_path / "3.png").write_text("text")
    with pytest.raises(DataError, match=r"3\.png: not a readable image"):
        cached_cells(manifest, 16, 1.0, folder)
    assert not files(folder) and not list(folder.glob(".*.npy"))
    (tmp_path / "3.png").unlink()
    with pytest.raises(DataError, match="no such image file"):
        cached_cells(manifest, 16, 1.0, folder)
    shutil.rmtree(folder)
    folder.write_text("a file")
    Image.new("RGB", (24, 20)).save(tmp_path / "3.png")
    with pytest.raises(DataError, match="cannot write the cell cache"):
        cached_cells(manifest, 16, 1.0, folder)
