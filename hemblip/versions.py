"""Numbered folders of what has a name, `runs/<name>/version_<n>`, also when several processes want one."""

import os
import re
from pathlib import Path

from hemblip.atomic import no_folder
from hemblip.errors import DataError

RUNS = "HEMBLIP_RUNS"
"""Environment variable: the folder of all runs, `runs` unless it is set; `--runs` sets it."""

_NUMBERED = re.compile(r"version_(\d+)")

_CHOSEN = "HEMBLIP_RUN_FOLDER"
"""Set by the first process, so that the ranks that it starts use the same folder."""


def runs_folder() -> Path:
    """Where runs go, and are looked for by name."""
    return Path(os.environ.get(RUNS) or "runs")


def version(folder: Path, number: int) -> Path:
    """One of the numbered folders of what has a name."""
    return folder / f"version_{number}"


def is_version(folder: Path) -> bool:
    """Whether a folder is a numbered one."""
    return _NUMBERED.fullmatch(folder.name) is not None


def versions(folder: Path) -> list[Path]:
    """The numbered folders of what has a name, from the oldest to the newest."""
    return sorted(filter(is_version, folder.glob("version_*")), key=_number)


def next_version(folder: Path) -> Path:
    """The first free number above those that are there."""
    return version(folder, max(map(_number, versions(folder)), default=-1) + 1)


def make_version(folder: Path) -> bool:
    """Make a numbered folder; false if another process has just made it.

    Raises:
        DataError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        if folder.is_dir():
            return False
        raise DataError(f"{folder}: cannot be made, something else has its name; move it away") from None
    except OSError as error:
        reason = next(filter(None, map(no_folder, folder.parents)), error.strerror)
        raise DataError(f"{folder}: cannot be made ({reason}); choose another --name or folder") from error
    return True


def first_process() -> bool:
    """Whether this process is the first of its run, as torchrun, SLURM and Lightning tell it."""
    return all(os.environ.get(name, "0") == "0" for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"))


def agreed(folder: Path) -> Path:
    """What the first process of this machine chose."""
    if _CHOSEN in os.environ and int(os.environ.get("LOCAL_RANK", "0")) > 0:
        return Path(os.environ[_CHOSEN])
    os.environ[_CHOSEN] = str(folder)
    return folder


def _number(folder: Path) -> int:
    return int(folder.name.removeprefix("version_"))
