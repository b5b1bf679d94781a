"""One file of decoded cells: built once, told apart by all that matters, bounded."""

import multiprocessing
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hemblip.atomic import replacing
from hemblip.data import ExternalCells, stored_arrays
from hemblip.data.cache import cached_cells, decode
from hemblip.data.records import manifest_table
from hemblip.data.sources import ImageFiles
from hemblip.errors import ConfigError, DataError


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
    monkeypatch.setattr(stored_arrays, "_build", lambda *_: pytest.fail("built again"))
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


def test_what_another_process_builds_is_left_alone_and_what_a_killed_one_began_is_not(manifest, tmp_path):
    folder = tmp_path / "cache"
    folder.mkdir()
    abandoned, users = folder / ".old.npy.12-ab.partial", folder / "my_weights.npy"
    for path in (abandoned, users):
        path.write_bytes(b"0" * 5000)
    with replacing(folder / "other.npy") as building:
        building.write_bytes(b"0" * 5000)
        cached_cells(manifest, 16, 1.0, folder, gigabytes=5e-6)
        assert building.exists() and not abandoned.exists() and users.exists()


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
    (folder / name).rename(folder / f".{name}.12-ab.partial")  # what a killed process leaves
    assert cached_cells(manifest, 16, 1.0, folder).shape[0] == 6
    assert [path.name for path in folder.iterdir()] == [name]


@pytest.mark.parametrize("how", ["empty", "cut", "cut in the checksums", "overwritten", "flipped", "flipped header"])
def test_a_damaged_file_is_built_again_and_said(manifest, tmp_path, capsys, how):
    folder = tmp_path / "cache"
    cells = np.array(cached_cells(manifest, 16, 1.0, folder))
    (name,) = files(folder)
    data = (folder / name).read_bytes()
    flipped, header = bytearray(data), bytearray(data)
    flipped[1000] ^= 4
    header[header.index(b"16, 16")] ^= 1
    damaged = {"empty": b"", "cut": data[:3000], "cut in the checksums": data[:-3], "overwritten": b"x" * len(data)}
    (folder / name).write_bytes({**damaged, "flipped": flipped, "flipped header": header}[how])
    assert (cached_cells(manifest, 16, 1.0, folder) == cells).all()
    said = capsys.readouterr().err.splitlines()
    assert [line for line in said if line.startswith("note")] == [f"note: {folder / name}: damaged; it is built again"]
    assert (folder / name).read_bytes() == data


def test_the_folder_is_bounded_and_the_oldest_go(manifest, tmp_path):
    folder = tmp_path / "cache"

    def cells_of(size):
        return cached_cells(manifest, size, 1.0, folder, gigabytes=15e-6)

    first = cells_of(16)
    (oldest,) = files(folder)
    cells_of(17)
    cells_of(16)  # used again: now the other is older
    cells_of(18)
    assert oldest in files(folder) and len(files(folder)) == 2
    assert first.sum() > 0
    said = r"^data.init_args.cache_gigabytes is 1\.5e-05 and the decoded cells take 6\.48e-05 GB; set it higher"
    with pytest.raises(ConfigError, match=said):
        cells_of(60)
    assert len(files(folder)) == 2  # nothing goes in vain


def test_the_bound_is_a_setting(manifest, tmp_path):
    source, folder = ImageFiles(str(tmp_path)), str(tmp_path / "cache")
    data = ExternalCells([source], 16, cache=folder, cache_gigabytes=1e-6)
    data.setup()
    with pytest.raises(ConfigError, match=r"cache_gigabytes is 1e-06"):
        data.test_dataloader()
    with pytest.raises(ConfigError, match=r"data.init_args.cache_gigabytes is 0; it is above 0"):
        ExternalCells([source], cache_gigabytes=0)


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
    assert not files(folder) and not list(folder.glob(".*.partial"))
    (tmp_path / "3.png").unlink()
    with pytest.raises(DataError, match="no such image file"):
        cached_cells(manifest, 16, 1.0, folder)
    shutil.rmtree(folder)
    folder.write_text("a file")
    Image.new("RGB", (24, 20)).save(tmp_path / "3.png")
    with pytest.raises(DataError, match=r"cache is a file\); make room or set data\.init_args\.cache"):
        cached_cells(manifest, 16, 1.0, folder)
