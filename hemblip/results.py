"""What commands make: each replaces its own earlier results, and nothing else.

Beside a result lies a hidden record: the command that made it and the SHA-256 of its files. What the record does not
tell of, or was changed since, is the user's.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hemblip.atomic import alone, check_folder_writable, check_writable, flush, making_folder, replacing, telling
from hemblip.errors import DataError

RECORD = ".hemblip"
"""Name of the record in a folder, and end of its name beside files."""

FIX = "move it away, or give another --output"
"""What the user can do about what is in the way."""

LEFT_BY_SYSTEMS = (".DS_Store", "Thumbs.db", "desktop.ini")
"""Files that a file manager leaves in a folder that is looked at: nobody's."""

Digests = Mapping[str, Sequence[str]]
"""Name of a file -> those that results of one command had or have."""


@contextmanager
def replacing_folder(path: Path, maker: str, fix: str = FIX) -> Iterator[Path]:
    """Give a temporary folder beside `path`, and put it in the place of `path` when the block ends without an error.

    Args:
        path: new, empty, or an earlier result of the same maker in which nothing was added or changed.
        maker: command that makes it.
        fix: what the user can do about a folder that holds something else.

    Raises:
        DataError: see `check_folder`.
    """
    with making_folder(path) as partial:
        _check_own(path, maker, fix)
        yield partial
        files = [file for file in partial.rglob("*") if file.is_file()]
        _write(partial / RECORD, maker, {file.relative_to(partial).as_posix(): [digest(file)] for file in files})


def check_folder(path: Path, maker: str, fix: str = FIX) -> None:
    """Raise what `replacing_folder` would, before the work that it would end.

    Raises:
        DataError: `path` holds what `maker` did not make, or cannot be written, or another process writes it.
    """
    check_folder_writable(path)
    _check_own(path, maker, fix)


def _check_own(path: Path, maker: str, fix: str) -> None:
    if not path.exists() and not path.is_symlink():
        return
    if not path.is_dir() or path.is_symlink():
        raise DataError(f"{path}: exists and is no folder; {fix}")
    made = _read(path / RECORD, maker)
    for file in sorted(path.rglob("*"), key=lambda file: (file.name == RECORD, file)):
        name = file.relative_to(path).as_posix()
        if file.is_dir() or (made and name == RECORD) or file.name in LEFT_BY_SYSTEMS:
            continue
        if name not in made or not file.is_file():
            raise DataError(f"{path}: holds {name}, which is no earlier result of `{maker}`; {fix}")
        if digest(file) not in made[name]:
            raise DataError(f"{path}: holds {name}, which was changed since `{maker}` made it; {fix}")


@contextmanager
def replacing_files(paths: Sequence[Path], maker: str) -> Iterator[Callable[[Path], Path]]:
    """Give a temporary path for each file of one result, and rename them when the block ends without an error.

    Args:
        paths: in one folder. The block asks for the temporary path of each before it writes there, in this order. The
            first gets its name last and is not there while others get theirs: when it is there, all are of one call.
        maker: command that makes them.

    Raises:
        DataError: see `check_files`.
    """
    with alone(paths[0]):
        before = check_files(paths, maker)
        with ExitStack() as names:
            partials: dict[str, Path] = {}

            def partial(path: Path) -> Path:
                partials[path.name] = names.enter_context(replacing(path))
                return partials[path.name]

            yield partial
            with telling(paths[0]):
                record = names.enter_context(replacing(_record(paths)))  # it gets its name first
                _write(record, maker, {name: [*before.get(name, []), digest(file)] for name, file in partials.items()})
                for file in partials.values():  # a disk that is full says so while the result before is whole
                    flush(file)
                paths[0].resolve().unlink(missing_ok=True)


def remove_files(paths: Sequence[Path], maker: str) -> None:
    """Remove the earlier result of `maker`, if there is one: it is no longer true, and nothing takes its place.

    Args:
        paths: see `replacing_files`.
        maker: command that made them.

    Raises:
        DataError: see `check_files`.
    """
    with alone(paths[0]):
        check_files(paths, maker)
        with telling(paths[0]):
            for path in [*paths, _record(paths)]:
                path.unlink(missing_ok=True)


def check_files(paths: Sequence[Path], maker: str) -> dict[str, list[str]]:
    """Raise what `replacing_files` would, before the work that it would end.

    Returns:
        Name -> digest of each file that is there.

    Raises:
        DataError: a file is there that `maker` did not make, or that was changed since, or one cannot be written.
    """
    for path in paths:
        check_writable(path)
    made = _read(_record(paths), maker)
    there = {path.name: [digest(path)] for path in paths if path.exists()}
    if foreign := [path for path in paths if not set(there.get(path.name, [])) <= set(made.get(path.name, []))]:
        named = ", ".join(map(str, foreign))
        raise DataError(f"{named}: no earlier result of `{maker}`, or changed since; {FIX}")
    return there


def _record(paths: Sequence[Path]) -> Path:
    return paths[0].with_name(f".{paths[0].name}{RECORD}")


def _read(record: Path, maker: str) -> Digests:
    """What `maker` made; empty if another made it, or nobody knows."""
    try:
        told = json.loads(record.read_text(encoding="utf-8"))
        return {str(name): list(digests) for name, digests in told["files"].items() if told["made_by"] == maker}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _write(record: Path, maker: str, files: Digests) -> None:
    told = {"made_by": maker, "files": dict(sorted(files.items()))}
    record.write_text(json.dumps(told) + "\n", encoding="utf-8")


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
