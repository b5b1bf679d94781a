"""Published layouts in, one manifest and its data card out."""

import json
import multiprocessing
import os
import shutil
import signal
import struct
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from corpus.downloads import low_cost, sources
from PIL import Image

from hemblip.corpus.data_card_figure import EXAMPLES, examples
from hemblip.corpus.prepare import Selection, prepare
from hemblip.data import InternalCells, image_check
from hemblip.data.records import MANIFEST_COLUMNS
from hemblip.data.sources import Manifest, Synthetic, WBCAtt
from hemblip.errors import ConfigError, DataError


def test_both_halves_and_the_external_cells(root, capsys):
    prepare(sources(), low_cost())
    table = pd.read_parquet("data/manifest.parquet")
    assert list(table.columns) == list(MANIFEST_COLUMNS) and len(table) == 32 + 32 + 8
    assert not table.select_dtypes("number").isna().any().any()
    assert table[table["split"] != "external"].groupby("group")["split"].nunique().max() == 1
    healthy = table[table["source"] == "wbcatt"]
    assert healthy["split"].value_counts().to_dict() == {"train": 20, "val": 6, "test": 6}
    assert not table["image"].str.startswith("/").any()
    card = (root / "data" / "manifest.md").read_text()
    assert "| leukemiaattri L_100X_C2 | 0 | 0 | 0 | 8 | 8 |" in card and "| leukemiaattri H_100X_C2 | 20" in card
    assert (
        "| attribute | value | leukemiaattri H_100X_C2 | leukemiaattri L_100X_C2 | wbcatt | internal | external |"
        in card
    )
    assert "| nucleoli | not stated | 0 | 0 | 32 | 32 | 0 |" in card
    assert "| wbcatt | 20 | 6 | 6 | 0 | 32 |" in card and "confounded with the source" in card
    assert "4 external cells are of patients or slides that are internal too" in card
    assert "4 external cells" in capsys.readouterr().out


def test_cells_with_masks_beside_cells_without(root):
    prepare([WBCAtt("WBCAtt")], [Synthetic(cells=8, size=32, external=True)])
    prepare([Manifest()], [Manifest(split="external")], output="data/again.parquet")
    for path in ("data/manifest.parquet", "data/again.parquet"):
        cells = Manifest(path, split="all").records()
        assert [mask is None for mask in cells["masks"]] == [True] * 32 + [False] * 8
        assert all(Path(mask).is_file() for mask in cells["masks"][32:])


def test_examples_show_each_source_and_many_types(root):
    prepare(sources(), low_cost())
    table = pd.read_parquet("data/manifest.parquet")
    shown = examples(table)
    assert len(shown) == EXAMPLES and shown["cell_id"].is_unique
    assert set(shown["origin"]) == {"wbcatt", "leukemiaattri H_100X_C2", "leukemiaattri L_100X_C2"}
    assert shown["cell_type"].nunique() >= min(10, table["cell_type"].nunique())


def test_the_manifest_is_what_training_reads(root, monkeypatch, tmp_path_factory):
    prepare(sources(), low_cost())
    data = InternalCells([Manifest()], image_size=32, cache=str(root / "cache"))
    data.setup()
    assert set(data.manifest["split"]) == {"train", "val", "test"}
    batch = next(iter(data.train_dataloader()))
    assert batch["images"].shape[1:] == (3, 32, 32) and all(batch["captions"])
    assert len(Manifest(split="external").records()) == 8
    as_read = pd.concat([source.records() for source in sources()])
    both = as_read.merge(data.manifest, on="cell_id", suffixes=("", "_prepared"))
    assert len(both) == 64
    for column in ("image", "cell_type", "group", "nucleoli", "granule_colour"):
        assert both[column].fillna("none").tolist() == both[f"{column}_prepared"].fillna("none").tolist()
    assert [list(box) for box in both["bbox"].dropna()] == [list(box) for box in both["bbox_prepared"].dropna()]


def test_twice_the_same_bytes(root, drawn):
    def written():
        return {path.name: path.read_bytes() for path in (root / "data").iterdir() if not path.name.startswith(".")}

    prepare(sources(), low_cost(), selection=Selection(20, 20))
    first = written()
    assert len(first["manifest.png"]) > 10_000
    shutil.rmtree(root / "data")
    prepare(sources(), low_cost(), selection=Selection(20, 20), workers=1)
    assert len(first) == 4 and written() == first


def test_an_interrupted_check_goes_on(root, monkeypatch, capsys):
    prepare(sources())
    log = root / "data" / ".manifest.checked.jsonl"
    lines = log.read_text().splitlines()
    flipped = lines[11].replace('"width": 48', '"width": 58')
    assert flipped != lines[11]
    log.write_text("\n".join(lines[:10]) + "\n[1, 2]\n7\n" + flipped + "\n" + lines[10][:20])
    changed = sorted((root / "WBCAtt").rglob("*.jpg"))[0]
    Image.new("RGB", (50, 40)).save(changed)
    decoded = []
    monkeypatch.setattr(image_check, "read_image", lambda path: decoded.append(path) or np.zeros((4, 4, 3), np.uint8))
    prepare(sources())
    assert len(decoded) == len(lines) - 10 + (str(changed) in [json.loads(line[9:])["path"] for line in lines[:10]])
    assert "checked.jsonl: 4 of 14 lines are damaged; their images are checked again" in capsys.readouterr().err
    again = log.read_text()
    prepare(sources())
    assert log.read_text() == again and not capsys.readouterr().err
    log.write_text("")
    prepare(sources())
    assert log.stat().st_size and "checked.jsonl: empty; all images are checked again" in capsys.readouterr().err


def killed_at(image):
    """Prepare, and end as a power cut would when `image` images have been read."""
    read = image_check.inspect_image
    seen = []

    def inspect(path):
        seen.append(path)
        if len(seen) == image:
            os.kill(os.getpid(), signal.SIGKILL)
        return read(path)

    image_check.inspect_image = inspect
    prepare(sources(), workers=1)


def test_a_killed_preparation_ends_with_the_same_bytes(root):
    prepare(sources(), output="whole/manifest.parquet")
    process = multiprocessing.get_context("fork").Process(target=killed_at, args=(20,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL and not (root / "data" / "manifest.parquet").exists()
    prepare(sources())
    for name in ("manifest.parquet", "manifest.md", "manifest_excluded.csv"):
        assert (root / "data" / name).read_bytes() == (root / "whole" / name).read_bytes()


def killed_between_files():
    """Prepare, and end as a power cut would when some files have their names and the manifest has not."""
    replace = Path.replace

    def name(partial, path):
        if path.suffix == ".csv":
            os.kill(os.getpid(), signal.SIGKILL)
        return replace(partial, path)

    Path.replace = name
    prepare(sources(), seed=1)


def test_a_killed_repetition_leaves_no_manifest_beside_files_of_another_run(root):
    prepare(sources())
    first = (root / "data" / "manifest.parquet").read_bytes()
    process = multiprocessing.get_context("fork").Process(target=killed_between_files)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL and not (root / "data" / "manifest.parquet").exists()
    prepare(sources())
    assert (root / "data" / "manifest.parquet").read_bytes() == first


def bomb(path):
    """A PNG of 30,000 x 30,000 pixels in a hundred bytes."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def test_bad_images_are_counted_by_reason(root):
    cut, text, large, missing = sorted((root / "WBCAtt").rglob("*.jpg"))[:4]
    cut.write_bytes(cut.read_bytes()[:400])
    text.write_text("not an image")
    bomb(large)
    missing.unlink()
    prepare(sources())
    table = pd.read_csv("data/manifest_excluded.csv")
    assert table["reason"].value_counts().to_dict() == {
        "image not readable": 2,
        "image too large": 1,
        "image missing": 1,
    }
    assert "| wbcatt | image not readable | 2 | wbcatt/" in (root / "data" / "manifest.md").read_text()
    assert len(pd.read_parquet("data/manifest.parquet")) == 60
    with pytest.raises(DataError, match=r"^3 bad images: .*: not a readable .*; or set --on_bad_image to exclude$"):
        prepare(sources(), on_bad_image="fail")


def test_boxes_outside_of_the_image_are_counted(root):
    prepare(sources())
    table = pd.read_parquet("data/manifest.parquet")
    table["bbox"] = [[5000.0, 0.0, 9.0, 9.0] if row == 3 else box for row, box in enumerate(table["bbox"])]
    table.to_parquet("edited.parquet")
    prepare([Manifest("edited.parquet")], output="again.parquet")
    assert pd.read_csv("again_excluded.csv")[["entry", "reason"]].to_numpy().tolist() == [
        [table["cell_id"][3], "box outside of the image"]
    ]
    with pytest.raises(DataError, match=r"1 bad images: .*: box \[5000\.0.* lies outside of the image; correct"):
        prepare([Manifest("edited.parquet")], output="again.parquet", on_bad_image="fail")


def test_empty_values_are_counted_where_they_are_required(root):
    path = root / "WBCAtt" / "pbc_attr_v1_train.csv"
    table = pd.read_csv(path, keep_default_na=False)
    table.loc[3, "chromatin_density"] = ""
    table.to_csv(path, index=False)
    prepare(sources(), require=["cell_type", "chromatin"])
    assert pd.read_csv("data/manifest_excluded.csv").to_dict("records") == [
        {"source": "wbcatt", "entry": "wbcatt/train_3", "reason": "incomplete: no chromatin"}
    ]


def test_incomplete_cells_are_left_out_but_not_external_ones(root):
    prepare(sources(), low_cost(), require=["granules", "cell_type"])
    table = pd.read_parquet("data/manifest.parquet")
    assert table["source"].value_counts().to_dict() == {"wbcatt": 32, "leukemiaattri": 8}
    assert set(pd.read_csv("data/manifest_excluded.csv")["reason"]) == {"incomplete: no granules"}


def test_paths_that_leave_the_data_folder(root):
    path = root / "WBCAtt" / "pbc_attr_v1_train.csv"
    table = pd.read_csv(path)
    table.loc[0, "path"] = "../../secret.jpg"
    table.to_csv(path, index=False)
    (root.parent / "secret.jpg").write_bytes((root / "WBCAtt" / table.loc[1, "path"]).read_bytes())
    prepare(sources())
    assert pd.read_csv("data/manifest_excluded.csv")["reason"].tolist() == ["image path leaves the data folder"]


def test_values_in_another_case_are_read_and_in_another_language_are_told(root):
    path = root / "WBCAtt" / "pbc_attr_v1_train.csv"
    table = pd.read_csv(path, keep_default_na=False)
    published = WBCAtt("WBCAtt").records()
    table["cell_size"] = table["cell_size"].str.upper() + " "
    table.to_csv(path, index=False)
    assert WBCAtt("WBCAtt").records()["cell_size"].tolist() == published["cell_size"].tolist()
    table.loc[3, "cell_size"] = "groß"
    table.to_csv(path, index=False)
    prepare(sources())
    assert pd.read_csv("data/manifest_excluded.csv").to_dict("records") == [
        {"source": "wbcatt", "entry": "wbcatt/train_3 (train row 4)", "reason": "unknown cell_size 'groß'"}
    ]


def test_settings_are_checked(root):
    with pytest.raises(ConfigError, match="sources is empty"):
        prepare([])
    with pytest.raises(ConfigError, match="--require nucleus: no such attribute"):
        prepare(sources(), require=["nucleus"])
    with pytest.raises(ConfigError, match=r"ends? in \.parquet"):
        prepare(sources(), output="data/manifest.csv")
    with pytest.raises(ConfigError, match="three positive numbers"):
        prepare(sources(), shares=[0.5, 0.5])
    with pytest.raises(ConfigError, match="--workers -1: at least 1"):
        prepare(sources(), workers=-1)
    with pytest.raises(ConfigError, match="healthy is -5; it cannot be negative"):
        prepare(sources(), selection=Selection(healthy=-5))
    with pytest.raises(DataError, match="comes from two sources"):
        prepare([WBCAtt("WBCAtt"), WBCAtt("WBCAtt")])
    with pytest.raises(ConfigError, match="is in sources and in external"):
        prepare([WBCAtt("WBCAtt")], [WBCAtt("WBCAtt")])
    with pytest.raises(DataError, match="no internal cell is left of 32: incomplete: no nucleoli"):
        prepare([WBCAtt("WBCAtt")], require=["nucleoli"])


def test_no_image_that_can_be_read(root):
    for image in (root / "WBCAtt").rglob("*.jpg"):
        image.write_text(f"torn {image.name}")
    with pytest.raises(DataError, match=r"no internal cell is left of 32: image not readable \(32\)"):
        prepare([WBCAtt("WBCAtt")])


def test_manifests_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match="no such manifest; make it with `python -m hemblip prepare"):
        Manifest(str(tmp_path / "manifest.parquet")).records()
    (tmp_path / "manifest.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match="not a readable Parquet file"):
        Manifest(str(tmp_path / "manifest.parquet")).records()
    pd.DataFrame({"cell_id": ["a"]}).to_parquet(tmp_path / "manifest.parquet")
    with pytest.raises(DataError, match="missing column image"):
        Manifest(str(tmp_path / "manifest.parquet")).records()


@pytest.mark.parametrize("name", ["manifest.md", "manifest.png", "manifest_excluded.csv", "manifest.parquet"])
def test_files_that_prepare_did_not_make_are_not_replaced(root, name):
    mine = root / "data" / name
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("my own\n")
    with pytest.raises(DataError, match="no earlier result of `prepare`"):
        prepare(sources())
    assert mine.read_text() == "my own\n"


def test_a_data_card_that_was_changed_is_kept(root):
    prepare(sources())
    card = root / "data" / "manifest.md"
    card.write_text(f"{card.read_text()}my remarks\n")
    with pytest.raises(DataError, match="or changed since"):
        prepare(sources(), seed=1)
    assert card.read_text().endswith("my remarks\n")
