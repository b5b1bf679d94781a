"""Features of a frozen vision tower are computed once, and training from them is that from the images."""

import copy
import re
from pathlib import Path

import lightning as L
import numpy as np
import pytest
import torch
from forked import trainer_on
from tiny_blip import tiny

from hemblip.data import InternalCells, kept_features
from hemblip.data.kept_features import KeptFeatures
from hemblip.data.sources import Synthetic
from hemblip.data.transforms import Augmentation
from hemblip.errors import ConfigError, DataError
from hemblip.models import MedGemmaCaptioner
from hemblip.models.captioner import Captioner

pytestmark = pytest.mark.usefixtures("workplace")


def cells_of(kept, **settings):
    settings = {"augmentation": None, "batch_size": 4, "cache": "cache", "limit": 8, **settings}
    return InternalCells([Synthetic(cells=30, size=32)], image_size=32, kept_features=kept, **settings)


def lora(**settings):
    return tiny(adaptation="lora", lora_dropout=0.1, learning_rate=1e-2, train_last_layers=1, **settings)


class Watching(L.Callback):
    """Keeps batches of training and validation, and their losses by features and by images."""

    def __init__(self, compare):
        self.batches, self.differences, self.compare = [], [], compare

    def on_train_batch_start(self, trainer, captioner, batch, batch_idx):
        self.look(captioner, batch)

    def on_validation_batch_start(self, trainer, captioner, batch, batch_idx):
        self.look(captioner, batch)

    def look(self, captioner, batch):
        self.batches.append(batch)
        if not self.compare:
            return
        images = {name: value for name, value in batch.items() if name != "features"}
        training = captioner.training
        captioner.eval()
        with torch.no_grad():
            found, expected = (captioner.loss_per_cell(one)[0] for one in (batch, images))
        captioner.train(training)
        self.differences.append((found - expected).abs().max().item() / expected.abs().max().item())


def fit(captioner, cells, epochs=1, compare=False, **settings):
    watching = Watching(compare)
    quiet = dict.fromkeys(("logger", "enable_progress_bar", "enable_checkpointing", "enable_model_summary"), False)
    trainer = L.Trainer(
        accelerator="cpu", max_epochs=epochs, callbacks=[watching], num_sanity_val_steps=0, **quiet, **settings
    )
    torch.manual_seed(0)
    trainer.fit(captioner, cells)
    return watching


def features_in(folder="cache"):
    """Files by content, but that of decoded cells."""
    arrays = {path.name: np.load(path, mmap_mode="r") for path in Path(folder).glob("*.npy")}
    return {name: array for name, array in arrays.items() if array.dtype != np.uint8}


@pytest.fixture
def encoded(monkeypatch):
    """Counts the images that BLIP encodes."""
    counted, encode = [], type(lora()).encode
    monkeypatch.setattr(
        type(lora()), "encode", lambda self, images: counted.append(len(images)) or encode(self, images)
    )
    return counted


@pytest.mark.parametrize("bits", [16, 32])
def test_losses_are_those_of_the_views_that_are_drawn(bits):
    watching = fit(lora(), cells_of(KeptFeatures(bits=bits)), epochs=3, compare=True)
    assert len(watching.differences) == len(watching.batches) >= 9
    assert max(watching.differences) < (1e-5 if bits == 32 else 1e-3)
    if bits == 16:
        assert max(watching.differences) > 0
    shown = {}
    for batch in watching.batches:
        for cell, image in zip(batch["cell_ids"], batch["images"], strict=True):
            shown.setdefault(cell, set()).add(image.numpy().tobytes())
    assert max(map(len, shown.values())) == 3 and min(map(len, shown.values())) == 1  # of validation


def test_training_ends_with_the_same_weights(monkeypatch):
    ended = []
    for kept in (True, False):
        captioner = lora()
        if not kept:
            monkeypatch.setattr(Captioner, "features", lambda self, batch: self.encode(batch["images"]))
        fit(captioner, cells_of(KeptFeatures(bits=32)))
        ended.append(captioner.state_dict())
    for name, weight in ended[0].items():
        assert torch.allclose(weight, ended[1][name], atol=1e-5), name


def test_views_are_the_cell_its_turns_and_mirror_images_then_what_augmentation_draws():
    cells = cells_of(KeptFeatures(views=10))
    fit(lora(), cells)
    files = cells.dataset("train").kept
    pixels = np.asarray(files.cells[0])
    views = [files.image(0, view) for view in range(10)]
    turns = [np.rot90(image, turn) for image in (pixels, pixels[:, ::-1]) for turn in range(4)]
    assert (views[0] == pixels).all()
    assert {view.tobytes() for view in views[:8]} == {np.ascontiguousarray(turn).tobytes() for turn in turns}
    assert len({view.tobytes() for view in views}) == 10
    assert (files.image(0, 9) == views[9]).all() and cells.dataset("val").kept.views == 1
    assert files.features(0, 9).dtype == torch.float16 and files.features(0, 0).shape == files.tower.size


def test_the_tower_runs_once_a_cell_and_view_and_a_stopped_build_goes_on(encoded, monkeypatch):
    monkeypatch.setattr(kept_features, "FILE", 10_000)
    cells = cells_of(KeptFeatures(views=2, bits=32))
    build, built = kept_features.FeatureFiles.build, []

    def stopped(self, number):
        if len(built) == 2:
            raise KeyboardInterrupt
        built.append(number)
        build(self, number)

    with monkeypatch.context() as patch, pytest.raises((KeyboardInterrupt, SystemExit)):
        patch.setattr(kept_features.FeatureFiles, "build", stopped)
        fit(lora(), cells)
    before = features_in()
    assert len(before) == 2
    encoded.clear()
    cells = cells_of(KeptFeatures(views=2, bits=32))
    fit(lora(), cells, epochs=2)
    train, val = len(cells.dataset("train")), len(cells.dataset("val"))
    done = sum(array.shape[0] * array.shape[1] for array in before.values())
    assert sum(encoded) == 1 + 2 * train + val - done  # and a blank one
    encoded.clear()
    fit(lora(), cells_of(KeptFeatures(views=2, bits=32)))
    assert sum(encoded) == 1


def test_a_damaged_file_is_computed_again(capsys):
    fit(lora(), cells_of(KeptFeatures()))
    name, array = next(iter(features_in().items()))
    kept = np.array(array)
    data = bytearray(Path("cache", name).read_bytes())
    data[5000] ^= 4
    Path("cache", name).write_bytes(data)
    fit(lora(), cells_of(KeptFeatures()))
    assert (features_in()[name] == kept).all() and f"{name}: damaged; it is built again" in capsys.readouterr().err


@pytest.mark.parametrize("change", ["weights", "views", "bits", "crop", "zoom", "precision"])
def test_what_differs_has_files_of_its_own(change):
    def cells(**changed):
        return cells_of(KeptFeatures(**{"views": 9, **changed}))

    fit(lora(), cells())
    before, captioner, other, settings = features_in(), lora(), cells(), {}
    if change == "weights":
        with torch.no_grad():
            captioner.model.vision_model.post_layernorm.bias += 1
    elif change == "views":
        other = cells(views=10)
    elif change == "bits":
        other = cells(bits=32)
    elif change == "crop":
        other.crop = 0.9
    elif change == "zoom":
        other.augmentation = Augmentation(zoom=0.2)
    else:
        settings = {"precision": "bf16-mixed"}
    fit(captioner, other, **settings)
    after = features_in()
    new = set(after) - set(before)
    assert len(new) == (1 if change in ("views", "zoom") else 2) and set(before) <= set(after)
    if change == "weights":
        same = [np.array_equal(after[name], array) for name in new for array in before.values()]
        assert not any(same)


def test_a_tower_that_trains_is_refused():
    with pytest.raises(ConfigError, match=r"kept_features: the vision tower trains \(adaptation: full\)"):
        fit(tiny(), cells_of(KeptFeatures()))
    with pytest.raises(ConfigError, match=r"kept_features\.views is 0; it is at least 1"):
        KeptFeatures(views=0)


def test_too_little_room_is_one_line_before_anything_is_computed(encoded, monkeypatch, capsys):
    with pytest.raises(ConfigError, match=r"cache_gigabytes is 8e-05 and the kept features take .* in use; set it"):
        fit(lora(), cells_of(KeptFeatures(), cache_gigabytes=8e-5))
    with monkeypatch.context() as patch, pytest.raises(DataError, match=r"cache: the kept features need .* are free"):
        patch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10})())
        fit(lora(), cells_of(KeptFeatures()))
    assert sum(encoded) == 2 and not features_in()
    assert re.search("Features of [0-9]+ cells take", capsys.readouterr().out)

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(DataError, match="No space left on device"):
        patch.setattr("os.posix_fallocate", full)
        fit(lora(), cells_of(KeptFeatures()))
    assert not features_in() and not list(Path("cache").glob(".*.partial"))


def test_features_that_leave_16_bits_are_refused():
    captioner = lora()
    with torch.no_grad():
        captioner.model.vision_model.post_layernorm.bias += 1e6
    with pytest.raises(DataError, match="leave the range of 16 bits; set its bits to 32"):
        fit(captioner, cells_of(KeptFeatures()))


def test_other_captioners_do_not_take_them():
    """Datasets go on bringing features after training; images stand beside them."""
    cells = cells_of(KeptFeatures())
    fit(lora(), cells)
    batch = next(iter(cells.val_dataloader()))
    other = lora().eval()
    with torch.no_grad():
        other.model.vision_model.post_layernorm.bias += 1
        assert "features" in batch
        assert torch.equal(other.features(batch), other.encode(batch["images"]))


@pytest.mark.parametrize("precision", ["32-true", "bf16-true"])
def test_gemma_reads_them_in_training_too(precision):
    torch.manual_seed(0)
    captioner = MedGemmaCaptioner(pretrained="compact", train_last_layers=1)
    bits = 32 if precision == "32-true" else 16
    watching = fit(captioner, cells_of(KeptFeatures(views=2, bits=bits), limit=4), compare=True, precision=precision)
    assert watching.differences and max(watching.differences) < 1e-5
    batch = copy.copy(watching.batches[0])
    assert batch["features"].shape[1:] == (16, captioner.model.config.text_config.hidden_size)
    captioner.train()
    batch["images"] = torch.zeros_like(batch["images"])
    losses = captioner.loss_per_cell(batch)[0]
    del batch["features"]
    assert not torch.allclose(captioner.loss_per_cell(batch)[0], losses)


def on_ranks(devices, captioner, cells, epochs=2):
    """Train on forked processes, without dropout; what was logged last."""
    trainer = trainer_on(devices, max_epochs=epochs)
    trainer.fit(captioner, cells)
    return {name: value.item() for name, value in trainer.callback_metrics.items()}


def test_two_ranks_build_them_together_and_train_as_one_does(monkeypatch):
    monkeypatch.setattr(kept_features, "FILE", 10_000)
    torch.manual_seed(0)
    found = []
    for devices in (2, 1):
        captioner = tiny(adaptation="lora", lora_dropout=0.0, learning_rate=1e-2)
        captioner.model.eval()
        kept = KeptFeatures(views=2, bits=32)
        cells = cells_of(kept, batch_size=4 // devices, cache=f"cache{devices}")
        cells.training_seed = 3
        monkeypatch.setattr(type(captioner), "train", lambda self, mode=True: self)
        found.append((on_ranks(devices, captioner, cells), features_in(f"cache{devices}")))
    (two, files), (one, expected) = found
    assert two == pytest.approx(one, rel=1e-4)
    assert files.keys() == expected.keys() and len(files) > 3
    assert all(np.allclose(files[name], expected[name], atol=1e-6) for name in files)


def test_a_disk_that_is_full_on_one_rank_ends_all_with_its_line(monkeypatch):
    errors = [None, DataError("disk 1 is full")]
    monkeypatch.setattr(kept_features, "gather", lambda error: errors)
    with pytest.raises(DataError, match="disk 1 is full"):
        kept_features._together(lambda: None, rank=0)
    with pytest.raises(SystemExit):
        kept_features._together(lambda: None, rank=1)
