"""Run folders: `runs/<name>/version_<n>/` with config, checkpoints, predictions, scores and figures."""

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import yaml

from hemblip.atomic import alone, write_text
from hemblip.errors import CheckpointError, DataError

RUNS = Path("runs")

_VERSION = "HEMBLIP_RUN_FOLDER"
"""Set by the first process, so that the ranks that it starts use the same folder."""

RESUME_POINT = Path("checkpoints", "last.ckpt")
"""Within a run folder: all that is needed to go on."""


def new_run(name: str) -> Path:
    """Make the next free folder of runs called `name`: commands that start at once get one each."""
    while True:
        folder = _agreed(RUNS / name / f"version_{max(_versions(name), default=-1) + 1}")
        if not _first():
            return folder
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder


def discard_empty(folder: Path) -> None:
    """Leave no folder of a command that wrote nothing."""
    if _first():
        with suppress(OSError):  # it is not empty
            for path in (folder, folder.parent, RUNS):
                path.rmdir()


def _first() -> bool:
    """Whether this process is the first of its run, as torchrun, SLURM and Lightning tell it."""
    return all(os.environ.get(name, "0") == "0" for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"))


def resumed_run(name: str) -> Path:
    """Name the newest folder of runs called `name` that can go on, else the newest, or a first one."""
    folders = [RUNS / name / f"version_{version}" for version in sorted(_versions(name))] or [RUNS / name / "version_0"]
    return _agreed(
        max(folders, key=lambda folder: (any((folder / "checkpoints").glob("*last.ckpt")), folders.index(folder)))
    )


def newest_run(name: str) -> Path:
    """Name the newest folder of runs called `name`, which is there."""
    return RUNS / name / f"version_{max(_versions(name))}"


def _versions(name: str) -> list[int]:
    found = (re.fullmatch(r"version_(\d+)", path.name) for path in (RUNS / name).glob("version_*"))
    return [int(match[1]) for match in found if match]


def _agreed(folder: Path) -> Path:
    """What the first process of this machine chose."""
    if _VERSION in os.environ and int(os.environ.get("LOCAL_RANK", "0")) > 0:
        return Path(os.environ[_VERSION])
    os.environ[_VERSION] = str(folder)
    return folder


def checkpoint_run(checkpoint: str | None, name: str, model: object) -> Path:
    """Find the run that a checkpoint belongs to.

    Without a checkpoint, what published weights say of several sets of cells is one run: the newest of that name, if it
    was not trained and has the same captioner, else a new one.

    Args:
        checkpoint: file.
        name: of runs.
        model: settings of the captioner, as in `config.yaml`.

    Raises:
        CheckpointError: there is no such file.
    """
    if checkpoint is None:
        newest = RUNS / name / f"version_{max(_versions(name), default=0)}"
        config = newest / "config.yaml"
        same = config.is_file() and yaml.safe_load(config.read_text(encoding="utf-8")).get("model") == model
        return _agreed(newest) if same and not (newest / "checkpoints").exists() else new_run(name)
    path = Path(checkpoint)
    if not path.is_file():
        near = sorted(str(found) for found in path.parent.glob("*.ckpt"))
        raise CheckpointError(
            f"--ckpt_path {path}: no such file; {'there is ' + ', '.join(near) if near else 'run fit first'}"
        )
    return path.parent.parent if path.parent.name == "checkpoints" else path.parent


def read_metrics(folder: Path) -> dict[str, object]:
    """Read the scores of a run by split; none if it was not tested.

    Raises:
        DataError: the file is not JSON.
    """
    path = folder / "metrics.json"
    try:
        return json.loads(path.read_text()) if path.is_file() else {}
    except ValueError as error:
        raise DataError(f"{path}: not readable as JSON ({error}); test the run again") from error


def write_metrics(folder: Path, split: str, scores: Mapping[str, object]) -> Path:
    """Put the scores of one split into `metrics.json`, atomically, and give its path."""
    path = folder / "metrics.json"
    with alone(path):  # two commands may test one run
        write_text(path, json.dumps({**read_metrics(folder), split: scores}, indent=2, allow_nan=False) + "\n")
    return path
