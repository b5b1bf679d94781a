"""Files appear under their names only when they are complete."""

from collections.abc import Iterator
from contextlib import contextmanager
from errno import EISDIR
from pathlib import Path
from tempfile import TemporaryFile

from hemblip.errors import DataError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, and rename it to `path` when the block ends without an error.

    Raises:
        DataError: the file cannot be written: the disk is full, or the folder is read-only.
    """
    partial = path.with_name(f".{path.name}.partial")
    with _telling(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield partial
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Raise what `replacing` would, before the work that it would end."""
    with _telling(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(EISDIR, "it is a folder")
        with TemporaryFile(dir=path.parent):
            pass


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"{path}: cannot be written ({reason}); make room or choose another folder") from error


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path`; see `replacing`."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")
