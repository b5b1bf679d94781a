"""Files appear under their names only when they are complete."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EISDIR
from pathlib import Path
from tempfile import TemporaryFile

from hemblip.errors import DataError

FIX = "make room or choose another folder"
"""What the user can do when a file cannot be written; those who know the setting of the folder name it."""


@contextmanager
def replacing(path: Path, fix: str = FIX) -> Iterator[Path]:
    """Give a temporary path beside `path`, and rename it to `path` when the block ends without an error.

    Raises:
        DataError: the file cannot be written: the disk is full, or the folder is read-only; it ends with `fix`.
    """
    partial = path.with_name(f".{path.name}.partial")
    with _telling(path, fix):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield partial
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def alone(path: Path, fix: str = FIX) -> Iterator[None]:
    """Keep other processes out of blocks for the same path; the system lets them in if this process dies.

    Raises:
        DataError: the lock, a hidden file beside `path`, cannot be written; it ends with `fix`.
    """
    with _telling(path, fix):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(f".{path.name}.lock").open("w")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def remove_abandoned(folder: Path) -> None:
    """Remove partial files in `folder` whose writers kept others out by `alone` and were killed."""
    for partial in folder.glob(".*.partial"):
        with partial.with_suffix(".lock").open("w") as lock, suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            partial.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Raise what `replacing` would, before the work that it would end."""
    with _telling(path, FIX):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(EISDIR, "it is a folder")
        with TemporaryFile(dir=path.parent):
            pass


@contextmanager
def _telling(path: Path, fix: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        files = [f"{folder} is a file" for folder in path.parents if folder.is_file()]
        reason = files[0] if files else error.strerror or str(error)
        raise DataError(f"{path}: cannot be written ({reason}); {fix}") from error


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path`; see `replacing`."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")
