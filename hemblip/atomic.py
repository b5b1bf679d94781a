"""Files appear under their names only when they are complete, and one process at a time makes them."""

import fcntl
import glob
import os
import re
import secrets
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EDQUOT, EFBIG, EINVAL, EIO, EISDIR, ENOENT, ENOSPC
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile

from hemblip.errors import DataError, HemblipError

FIX = "make room or choose another folder"
"""What the user can do when a file cannot be written; those who know the setting of the folder name it."""

_held: set[int] = set()
"""Descriptors of the locks of this process, which processes forked from it are not to keep when it dies."""


@contextmanager
def replacing(path: Path, fix: str = FIX, one_of_many: bool = False) -> Iterator[Path]:
    """Give a temporary path beside `path`, and rename it to `path` when the block ends without an error.

    The temporary name is this block's alone, so that others may write the same file; the last to end wins. What killed
    writers of `path` left is removed.

    Args:
        path: to write.
        fix: what the user can do when that fails.
        one_of_many: small files that are made again when one is missing: neither is it on the disk before it gets its
            name, so that a power cut too would leave it whole, nor is its folder searched for what was left.

    Raises:
        DataError: the file cannot be written: the disk is full, or the folder is read-only; it ends with `fix`.
    """
    with telling(path, fix):
        path = _file(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not one_of_many:
            remove_abandoned(path.parent, glob.escape(path.name))
        partial = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.partial")
        with _locked(partial):
            try:
                yield partial
                if not one_of_many:
                    flush(partial)
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)


@contextmanager
def alone(path: Path, fix: str = FIX, wait: bool = True) -> Iterator[None]:
    """Keep other processes out of blocks for the same path; the system lets them in if this process dies.

    Args:
        path: what the block makes; it need not exist.
        fix: what the user can do when the lock, a hidden file beside `path`, cannot be written.
        wait: until another process has ended its block, and say so; otherwise raise.

    Raises:
        DataError: the lock cannot be written, or another process holds it and `wait` is false.
    """
    lock = path.with_name(f".{path.name}.lock")
    with telling(path, fix):
        path.parent.mkdir(parents=True, exist_ok=True)
        holder = _try(lock)
        if holder is None:
            who = lock.read_text(encoding="utf-8", errors="replace") if lock.exists() else ""
            told = f"{path} is being written by another process ({who or 'just started'})"
            if not wait:
                raise DataError(f"{told}; wait until it has ended, or choose another name")
            print(f"note: {told}; waiting for it", file=sys.stderr)
            holder = _try(lock, wait=True)
        assert holder is not None
        os.ftruncate(holder, 0)
        os.write(holder, f"process {os.getpid()} on {socket.gethostname()}".encode())
    try:
        yield
    finally:
        with suppress(OSError):
            lock.unlink(missing_ok=True)
        _release(holder)


@contextmanager
def making_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`, and put it in the place of `path` when the block ends without an error.

    Raises:
        DataError: the folder or a file in it cannot be written, or another process writes it.
    """
    with alone(path, wait=False), telling(path), _partial_folder(path) as partial:
        try:
            yield partial
        except DataError as error:
            error.args = (str(error).replace(str(partial), str(path)),)
            raise
        old = partial.with_suffix(".old")
        if path.exists():
            path.rename(old)
        partial.rename(path)
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _partial_folder(path: Path) -> Iterator[Path]:
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):  # by a killed process: this one is alone
        shutil.rmtree(left, ignore_errors=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.partial")
    partial.mkdir(parents=True)
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def remove_abandoned(folder: Path, name: str = "*") -> None:
    """Remove what killed writers left in `folder`: partial files that nobody has locked.

    Args:
        folder: to look in.
        name: pattern of the files that they were to become.
    """
    for partial in folder.glob(f".{name}.*.partial"):
        with suppress(OSError):  # another process removed it just now, or the file system knows no locks
            descriptor = os.open(partial, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                partial.unlink(missing_ok=True)
            finally:
                os.close(descriptor)


def check_folder_writable(path: Path) -> None:
    """Raise what `making_folder` would, before the work that it would end."""
    with alone(path, wait=False), telling(path), _partial_folder(path):
        pass


def check_writable(path: Path) -> None:
    """Raise what `replacing` would, before the work that it would end."""
    with telling(path):
        path = _file(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path.parent):
            pass


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path`; see `replacing`."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _file(path: Path) -> Path:
    """Follow links to what is to be written: the file changes, a link to it stays.

    Raises:
        OSError: something else than a file is there: a folder, a pipe, a device, a link to nothing.
    """
    if path.is_dir():
        raise IsADirectoryError(EISDIR, "it is a folder")
    if path.exists() and not path.is_file():
        raise OSError(EINVAL, "it is a pipe or a device")
    if path.is_symlink():
        if not path.exists():
            raise FileNotFoundError(ENOENT, "it is a link to nothing")
        return path.resolve()
    return path


@contextmanager
def telling(path: Path, fix: str = FIX) -> Iterator[None]:
    """Say of an error in the block that `path` cannot be written, and why.

    Raises:
        DataError: it ends with `fix`.
    """
    try:
        yield
    except HemblipError:
        raise
    except Exception as error:
        if (cause := _of_the_system(error)) is None:
            raise
        reason = next(filter(None, map(no_folder, path.parents)), cause.strerror or str(cause))
        raise DataError(f"{path}: cannot be written ({reason}); {fix}") from error


def _of_the_system(error: BaseException) -> OSError | None:
    """The system's error; libraries wrap that of a write in ones of their own (torch), or tell its number (Rust's)."""
    if isinstance(error, OSError):
        return error
    if told := re.search(r"\(os error (\d+)\)", str(error)):
        return OSError(int(told[1]), os.strerror(int(told[1])))
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError) and link.errno in (ENOSPC, EDQUOT, EFBIG, EIO):
            return link
        link = link.__cause__ or link.__context__
    return None


def no_folder(path: Path) -> str:
    """Why nothing can be below `path`, empty if there can."""
    if not path.exists():
        return f"{path} is a link to nothing" if path.is_symlink() else ""
    return "" if path.is_dir() else f"{path} is a file" if path.is_file() else f"{path} is a pipe or a device"


@contextmanager
def _locked(partial: Path) -> Iterator[None]:
    """Make a file and lock it, so that `remove_abandoned` sees that its writer lives."""
    holder = _try(partial)
    try:
        yield
    finally:
        if holder is not None:
            _release(holder)


def _try(lock: Path, wait: bool = False) -> int | None:
    """Open and lock a file; None if another process has it.

    Where the file system knows no locks (some clusters' shared disks), nobody is kept out.
    """
    _forget_in_forks()
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError:
            pass
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), lock.stat()):
                _held.add(descriptor)
                return descriptor
        os.close(descriptor)  # who held it has removed it


def _release(descriptor: int) -> None:
    _held.discard(descriptor)
    with suppress(OSError):
        os.close(descriptor)


def _release_all() -> None:
    for descriptor in list(_held):
        _release(descriptor)


@cache
def _forget_in_forks() -> None:
    """Let workers forked while a lock is held close it: it would outlive a killed process as long as they do."""
    os.register_at_fork(after_in_child=_release_all)


def flush(path: Path) -> None:
    """Wait until a file is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
