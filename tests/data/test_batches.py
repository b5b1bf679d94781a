"""Splits, order, augmentation and what a datamodule gives out."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hemblip.data import ExternalCells, InternalCells
from hemblip.data.balance import Balance, drawn
from hemblip.data.records import MANIFEST_COLUMNS, manifest_table, validate
from hemblip.data.sampler import EvaluationBatches, TrainingBatches
from hemblip.data.sources import ImageFiles, Synthetic
from hemblip.data.splits import assign_splits, subset
from hemblip.data.transforms import Augmentation
from hemblip.errors import ConfigError, DataError
from hemblip.morphology import KEYS, STYLES, describe


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(tmp_path_factory.mktemp("synthetic"))


def internal(folder, **settings):
    defaults = {"image_size": 32, "batch_size": 8, "cache": f"{folder}/cache"}
    return InternalCells([Synthetic(120, size=32, folder=folder)], **{**defaults, **settings})


def test_whole_groups_are_split_with_each_diagnosis_on_both_sides(folder):
    manifest = assign_splits(Synthetic(400, size=16, folder=folder).records(), seed=0)
    assert manifest.groupby("group")["split"].nunique().max() == 1
    shares = manifest["split"].value_counts(normalize=True)
    assert shares["train"] > 0.55 and min(shares["val"], shares["test"]) > 0.08
    assert set(manifest[manifest["split"] == "test"]["diagnosis"]) == set(manifest["diagnosis"])


def test_official_splits_are_kept(folder):
    manifest = Synthetic(60, size=16, folder=folder).records().assign(split="test")
    assert set(assign_splits(manifest, 0)["split"]) == {"test"}


def test_subset_is_stratified(folder):
    manifest = assign_splits(Synthetic(400, size=16, folder=folder).records(), 0)
    few = subset(manifest, 40, 0)
    assert few["split"].value_counts().max() == 40
    train, all_train = (table[table["split"] == "train"]["diagnosis"] for table in (few, manifest))
    share = train.value_counts(normalize=True) - all_train.value_counts(normalize=True)
    assert share.abs().max() < 0.08


@given(
    length=st.integers(1, 60),
    batch=st.integers(1, 9),
    world=st.integers(1, 4),
    epoch=st.integers(0, 5),
    seed=st.integers(0, 9),
    power=st.sampled_from([None, 0, 0.5, 1]),
)
def test_ranks_together_see_what_one_rank_sees(length, batch, world, epoch, seed, power):
    types = np.array(["monocyte", "basophil", "neutrophil"], object)[(np.arange(length) % 10).clip(max=2)]
    shares = None if power is None else Balance(["cell_type"], power).shares(pd.DataFrame({"cell_type": types}))

    def batches(size, rank, ranks):
        sampler = TrainingBatches(length, size, seed, rank, ranks, shares)
        sampler.set_position(epoch)
        return list(sampler)

    alone = batches(batch * world, 0, 1)
    together = [batches(batch, rank, world) for rank in range(world)]
    for step, cells in enumerate(alone):
        assert sorted(cells) == sorted(cell for rank in together for cell in rank[step])
    if power in (None, 1):
        assert {cell for cells in alone for _, cell in cells} == set(range(length))


def test_classes_are_drawn_by_the_root_of_their_frequency():
    """900, 90 and 10 cells, of which the last are not annotated: roots 30, 9.49 and 3.16."""
    types = ["neutrophil"] * 900 + ["basophil"] * 90 + [None] * 10
    cells = pd.DataFrame({"cell_type": types, "diagnosis": "healthy"})
    shares = Balance().shares(cells)
    expected = 1000 * np.sqrt([900, 90, 10]) / np.sqrt([900, 90, 10]).sum()
    times = np.bincount(drawn(shares, np.random.default_rng(0)), minlength=1000)
    assert times.sum() == 1000 and (np.floor(shares) <= times).all() and (times <= np.ceil(shares)).all()
    assert [times[:900].sum(), times[900:990].sum(), times[990:].sum()] == pytest.approx(expected, abs=25)
    many = np.mean([np.bincount(drawn(shares, np.random.default_rng(n)), minlength=1000) for n in range(400)], axis=0)
    assert many.mean() == 1 and np.abs(many - shares).max() < 0.15
    equal = Balance(["cell_type"], power=0).shares(cells)
    assert [equal[:900].sum(), equal[900:990].sum(), equal[990:].sum()] == pytest.approx([1000 / 3] * 3)
    assert sorted(drawn(Balance(power=1).shares(cells), np.random.default_rng(0))) == list(range(1000))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"keys": ["type"]}, r"balance\.keys names 'type'; attributes are cell_type, "),
        ({"keys": []}, r"balance\.keys is empty"),
        ({"power": 2}, r"balance\.power is 2"),
    ],
)
def test_settings_of_the_balance_are_checked(settings, says):
    with pytest.raises(ConfigError, match=says):
        Balance(**settings)


def test_balanced_cells_are_augmented_anew_when_drawn_again(folder):
    data = internal(folder, balance=Balance(["cell_type"], 0), batch_size=32)
    data.setup()
    batches = list(data.train_dataloader())
    cells = [cell for batch in batches for cell in batch["cell_ids"]][: len(data.dataset("train"))]
    images = torch.cat([batch["images"] for batch in batches])
    again = next(cell for cell in cells if cells.count(cell) > 1)
    first, second, *_ = (place for place, cell in enumerate(cells) if cell == again)
    assert (images[first] != images[second]).any()
    usual = data.manifest[data.manifest["split"] == "train"]["cell_type"].value_counts()
    types = data.manifest.set_index("cell_id").loc[cells, "cell_type"].value_counts()
    assert types[usual.index[-1]] > usual.iloc[-1] and types[usual.index[0]] < usual.iloc[0]


@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 5), st.sets(st.integers(0, 39)))
def test_ranks_share_the_batches_of_one_and_each_gets_one(length, batch, world, done):
    """Any number of ranks sees the same batches, so that a cell's caption does not depend on it."""
    alone = list(EvaluationBatches(length, batch))
    assert [cell for cells in alone for _, cell in cells] == list(range(length))
    left = [cells for cells in alone if not {cell for _, cell in cells} <= done]
    dealt = [list(EvaluationBatches(length, batch, rank, world, done)) for rank in range(world)]
    assert all(dealt) and all(cells in alone for rank in dealt for cells in rank)
    times = [sum(cells in rank for rank in dealt) for cells in left]
    assert all(times) and all(count == 1 for cells, count in zip(left, times, strict=True) if cells != alone[0])


@pytest.mark.parametrize("shares", [None, np.repeat([0.5, 1.5], 25)])
def test_order_goes_on_in_the_middle_of_an_epoch(shares):
    whole, resumed = (TrainingBatches(50, 8, seed=1, shares=shares) for _ in range(2))
    whole.set_position(3)
    resumed.set_position(3, consumed=4)
    assert list(whole)[4:] == list(resumed)


def test_batches_carry_ids_images_and_captions(folder):
    data = internal(folder)
    data.setup()
    batch = next(iter(data.train_dataloader()))
    assert batch["images"].shape == (8, 3, 32, 32) and batch["images"].dtype == torch.uint8
    rows = data.manifest.set_index("cell_id").loc[batch["cell_ids"]]
    assert len(rows["captions"].iloc[0]) == STYLES
    assert all(caption in list(captions) for caption, captions in zip(batch["captions"], rows["captions"], strict=True))
    reference = next(iter(data.val_dataloader()))
    first = data.manifest.set_index("cell_id").loc[reference["cell_ids"][0]]
    assert reference["captions"][0] == describe({key: first[key] for key in KEYS}, 0)


def test_training_examples_depend_on_seed_epoch_and_cell_only(folder):
    data = internal(folder)
    data.setup()
    dataset = data.dataset("train", Augmentation())
    again, later = dataset[(0, 5)], dataset[(1, 5)]
    np.random.seed(1)
    assert (dataset[(0, 5)]["image"] == again["image"]).all() and dataset[(0, 5)]["caption"] == again["caption"]
    assert (later["image"] != again["image"]).any()
    drawn = {dataset[(epoch, 5)]["caption"] for epoch in range(40)}
    assert len(drawn) == STYLES


def test_workers_give_the_same_batches(folder):
    def batches(workers):
        data = internal(folder, num_workers=workers)
        data.setup()
        return list(data.train_dataloader())

    for alone, worker in zip(batches(0), batches(1), strict=True):
        assert alone["cell_ids"] == worker["cell_ids"] and alone["captions"] == worker["captions"]
        assert (alone["images"] == worker["images"]).all()


def test_external_cells_are_all_external(folder):
    data = ExternalCells([Synthetic(30, size=32, external=True, folder=folder)], 32, 8, cache=f"{folder}/cache")
    data.setup()
    assert set(data.manifest["split"]) == {"external"}
    assert sum(len(batch["cell_ids"]) for batch in data.test_dataloader()) == 30


def test_changed_image_is_read_again(tmp_path):
    path = tmp_path / "cells" / "a.png"
    path.parent.mkdir()
    for colour in ("red", "blue"):
        Image.new("RGB", (16, 16), colour).save(path)
        data = ExternalCells([ImageFiles(str(path.parent))], 16, cache=str(tmp_path / "cache"))
        data.setup()
        assert data.dataset("external")[(0, 0)]["image"][0, 0, 0] == (255 if colour == "red" else 0)


def test_bad_images_stop_or_are_left_out(tmp_path, capsys):
    cells = tmp_path / "cells"
    cells.mkdir()
    Image.new("RGB", (16, 16)).save(cells / "a.png")
    (cells / "b.png").write_text("text")
    (cells / "c.png").write_text("text")
    with pytest.raises(DataError, match=r"2 bad images: .*b\.png: not .*c\.png: not .*on_bad_image"):
        ExternalCells([ImageFiles(str(cells))], 16, cache=str(tmp_path / "cache")).setup()
    kept = ExternalCells([ImageFiles(str(cells))], 16, cache=str(tmp_path / "cache"), on_bad_image="exclude")
    kept.setup()
    assert kept.manifest["cell_id"].tolist() == ["a.png"]
    assert "b.png: not a readable image" in capsys.readouterr().out
    (cells / "a.png").unlink()
    with pytest.raises(DataError, match=r"none of 2 images can be used, first: .*b\.png"):
        ExternalCells([ImageFiles(str(cells))], 16, cache=str(tmp_path / "cache"), on_bad_image="exclude").setup()


def test_of_many_bad_images_the_first_are_named(tmp_path):
    for number in range(25):
        (tmp_path / f"{number:02d}.png").write_text("text")
    with pytest.raises(DataError, match=r"^25 bad images: .*19\.png: [^|]* \| and 5 more; or set data\.init"):
        ExternalCells([ImageFiles(str(tmp_path))], 16).setup()


def test_boxes_outside_of_the_image_stop_or_are_left_out(tmp_path, capsys):
    Image.new("RGB", (16, 16)).save(tmp_path / "field.png")
    boxes = {"inside": [0, 0, 8, 8], "over": [-4, 12, 8, 8], "beside": [16, 0, 8, 8]}
    rows = [{"cell_id": name, "image": "field.png", "bbox": box} for name, box in boxes.items()]
    pd.DataFrame(rows).to_parquet(tmp_path / "cells.parquet")
    source = ImageFiles(str(tmp_path / "cells.parquet"))
    with pytest.raises(DataError, match=r"1 bad images: .*field\.png: box \[16.*outside of the image.*on_bad_image"):
        ExternalCells([source], 16, cache=str(tmp_path / "cache")).setup()
    kept = ExternalCells([source], 16, cache=str(tmp_path / "cache"), on_bad_image="exclude")
    kept.setup()
    assert kept.manifest["cell_id"].tolist() == ["inside", "over"]
    assert "outside of the image" in capsys.readouterr().out
    assert sum(len(batch["cell_ids"]) for batch in kept.test_dataloader()) == 2


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"bbox": [0, 0, 8]}, r"cell 'a' has bbox \[0, 0, 8\]; it must be \[x, y, width, height\]"),
        ({"bbox": [0, 0, 8, 0]}, "has bbox .* with an area"),
        ({"bbox": [0, 0, float("nan"), 8]}, "has bbox"),
        ({"bbox": [0, 0, "wide", 8]}, "has bbox"),
        ({"bbox": "1234"}, "has bbox '1234'"),
        ({"captions": "A cell."}, "has captions 'A cell.'; it must be a list of texts"),
        ({"captions": [1]}, "has captions"),
    ],
)
def test_boxes_and_captions_of_a_manifest_are_checked(values, message):
    row = {"cell_id": "a", "image": "a.png", "source": "x"}
    with pytest.raises(DataError, match=message):
        manifest_table([{**row, **values}], "x")


def test_captions_that_are_null_are_none():
    row = {"cell_id": "a", "image": "a.png", "source": "x", "captions": None}
    other = {**row, "cell_id": "b", "captions": np.array(["A cell."], object), "bbox": (1, 2, 3, 4)}
    table = manifest_table([row, other], "x")
    assert table["captions"].tolist() == [[], ["A cell."]]
    assert table["bbox"].tolist() == [None, [1.0, 2.0, 3.0, 4.0]]


def test_full_disk_is_told(folder, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10})())
    data = internal(folder, cache=f"{folder}/other")
    data.setup()
    with pytest.raises(DataError, match=r"decoded cells need .* free; make room"):
        data.train_dataloader()


def test_manifest_is_checked():
    row = {"cell_id": "a", "image": "a.png", "source": "x"}
    table = manifest_table([row], "x")
    assert list(table.columns) == list(MANIFEST_COLUMNS) and table.loc[0, "group"] == "a"
    with pytest.raises(DataError, match="1 cell ids repeat, first 'a'"):
        manifest_table([row, row], "x")
    with pytest.raises(DataError, match="missing column image"):
        validate(table.drop(columns="image"), "x")
    with pytest.raises(DataError, match="cell 'a' has unknown chromatin 'Open'"):
        manifest_table([{**row, "chromatin": "Open"}], "x")
    with pytest.raises(DataError, match="granules are absent but granule_colour"):
        manifest_table([{**row, "granules": "absent", "granule_colour": "red"}], "x")
    with pytest.raises(DataError, match="no cells found"):
        manifest_table([], "x")


def test_settings_are_checked(folder):
    with pytest.raises(ConfigError, match="sources is empty"):
        InternalCells([])
    with pytest.raises(ConfigError, match="crop is 3"):
        internal(folder, crop=3)
    data = internal(folder)
    data.setup()
    data.manifest = pd.DataFrame(data.manifest[data.manifest["split"] != "val"])
    with pytest.raises(DataError, match="split 'val' has no cells"):
        data.val_dataloader()
