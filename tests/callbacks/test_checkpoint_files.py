"""Checkpoints are whole whatever happens while one is written."""

import os
import resource
import signal
from pathlib import Path

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.demos.boring_classes import BoringModel

from hemblip.callbacks import ResumePoint
from hemblip.callbacks.checkpoint_files import CheckpointFiles, keep
from hemblip.callbacks.resume_point import BEFORE, point_to_resume
from hemblip.cli.trainer import HemblipTrainer
from hemblip.errors import CheckpointError, DataError
from hemblip.models.checkpoints import check_whole
from hemblip.run import RESUME_POINT

QUIET = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}


@pytest.fixture
def points(tmp_path):
    """A run whose last two resume points are after steps 4 and 5."""
    trainer = HemblipTrainer(
        default_root_dir=tmp_path, max_steps=5, limit_val_batches=0, callbacks=[ResumePoint(2)], **QUIET
    )
    trainer.fit(BoringModel())
    return tmp_path


def step(path):
    return torch.load(path, weights_only=True)["global_step"]


def damage(path, how):
    data = path.read_bytes()
    if how == "missing":
        path.unlink()
    elif how == "flipped":
        middle = len(data) // 2
        path.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
    else:
        path.write_bytes({"empty": b"", "cut": data[:-200], "overwritten": b"x" * len(data)}[how])


def test_the_point_before_is_kept(points):
    assert (step(points / RESUME_POINT), step(points / BEFORE)) == (5, 4)
    assert sorted(path.name for path in (points / "checkpoints").iterdir()) == ["before_last.ckpt", "last.ckpt"]
    assert point_to_resume(points) == points / RESUME_POINT


@pytest.mark.parametrize("how", ["empty", "cut", "overwritten", "flipped", "missing"])
def test_a_damaged_point_gives_way_to_the_one_before_and_says_so(points, how, capsys):
    if how == "flipped":  # in a weight: torch itself would read it without a word
        weights = torch.load(points / RESUME_POINT, weights_only=True)["state_dict"]["layer.weight"].numpy().tobytes()
        data = bytearray((points / RESUME_POINT).read_bytes())
        data[data.index(weights) + 5] ^= 1
        (points / RESUME_POINT).write_bytes(data)
    else:
        damage(points / RESUME_POINT, how)
    assert step(point_to_resume(points)) == 4
    (line,) = capsys.readouterr().out.splitlines()
    assert "last.ckpt: " in line and line.endswith("going on from the point before it")
    assert point_to_resume(points) == points / RESUME_POINT and not capsys.readouterr().out


def test_without_a_whole_point_one_line_says_so(points):
    damage(points / RESUME_POINT, "cut")
    damage(points / BEFORE, "cut")
    with pytest.raises(CheckpointError, match=r"before_last\.ckpt: not a whole checkpoint"):
        point_to_resume(points)
    (points / BEFORE).unlink()
    with pytest.raises(CheckpointError, match=r"last\.ckpt: not a whole .* start without --resume"):
        point_to_resume(points)
    (points / RESUME_POINT).unlink()
    assert point_to_resume(points) is None


def test_a_disk_that_fills_leaves_the_file_before(tmp_path):
    path = tmp_path / "best.ckpt"
    files = CheckpointFiles()
    files.save_checkpoint({"weights": torch.ones(9)}, path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, before[1]))
    try:
        with pytest.raises(DataError, match=r"cannot be written \(File too large\); make room"):
            files.save_checkpoint({"weights": torch.zeros(2**20), "more": torch.zeros(2**20)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    check_whole(path)
    assert torch.load(path)["weights"].sum() == 9 and [*tmp_path.iterdir()] == [path]


def test_model_checkpoint_writes_so_too_and_nothing_goes_by_the_temporary_folder(tmp_path, monkeypatch):
    elsewhere = tmp_path / "no_folder"
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    renamed = []
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, to: renamed.append(Path(to).name) or replace(self, to))
    best = ModelCheckpoint(tmp_path / "checkpoints", "best", save_weights_only=True)
    trainer = HemblipTrainer(
        default_root_dir=tmp_path, max_steps=2, limit_val_batches=0, callbacks=[best, ResumePoint()], **QUIET
    )
    trainer.fit(BoringModel())
    assert {"best.ckpt", "last.ckpt"} <= {*renamed} and not elsewhere.exists()


def test_the_users_own_way_to_write_is_left_alone(tmp_path):
    class Own(CheckpointFiles):
        pass

    own = Own()
    assert HemblipTrainer(plugins=[own], default_root_dir=tmp_path, **QUIET).strategy.checkpoint_io is own


def killed_in_a_write(path):
    """Save in a process that is killed when the file is half there."""
    save = torch.save

    def cut(checkpoint, file):
        save(checkpoint, file)
        file.flush()
        os.truncate(file.fileno(), 100)
        os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        torch.save = cut
        CheckpointFiles().save_checkpoint({"weights": torch.zeros(9)}, path)
    finally:
        os._exit(0)


def test_killed_in_a_write_the_file_before_is_there_and_what_was_begun_goes(points):
    last = points / RESUME_POINT
    assert killed_in_a_write(last) == -signal.SIGKILL and len([*last.parent.glob(".*.partial")]) == 1
    assert step(point_to_resume(points)) == 5
    trainer = HemblipTrainer(
        default_root_dir=points, max_steps=7, limit_val_batches=0, callbacks=[ResumePoint(2)], **QUIET
    )
    trainer.fit(BoringModel(), ckpt_path=last, weights_only=True)
    assert (step(last), step(points / BEFORE)) == (7, 6) and not [*last.parent.glob(".*.partial")]


def test_a_point_that_is_kept_twice_leaves_nothing_beside_it(tmp_path):
    (tmp_path / "last.ckpt").write_text("point")
    for _ in range(2):  # as of a run that is killed in the write that follows
        keep(tmp_path / "last.ckpt", tmp_path / "before.ckpt")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["before.ckpt", "last.ckpt"]


def test_rows_of_metrics_are_on_the_disk_before_the_point(tmp_path, monkeypatch):
    from hemblip.cli.loggers import RunMetrics

    folder = tmp_path / "runs" / "a" / "version_0"
    seen = []

    class Looks(CheckpointFiles):
        def save_checkpoint(self, checkpoint, path, storage_options=None):
            rows = (folder / "metrics.csv").read_text().splitlines()
            seen.append((checkpoint["global_step"], len(rows) - 1))
            super().save_checkpoint(checkpoint, path)

    class Logs(BoringModel):
        def training_step(self, batch, batch_idx):
            loss = super().training_step(batch, batch_idx)["loss"]
            self.log("train_loss", loss)
            return loss

    class Started(L.Callback):
        def on_fit_start(self, trainer, pl_module):
            path = folder / "metrics.csv"
            started.append(path.read_text().count("\n") if path.exists() else 0)

    started = []
    for steps, point in ((6, None), (8, str(folder / RESUME_POINT))):
        trainer = L.Trainer(
            default_root_dir=folder,
            max_steps=steps,
            limit_val_batches=0,
            log_every_n_steps=1,
            callbacks=[ResumePoint(2), Started()],
            plugins=[Looks()],
            **{**QUIET, "logger": RunMetrics(folder, point)},
        )
        trainer.fit(Logs(), ckpt_path=point, weights_only=True)
    assert seen == [(2, 2), (4, 4), (6, 6), (6, 6), (8, 8), (8, 8)]
    assert started == [0, 7]  # whoever is killed before training starts loses nothing
