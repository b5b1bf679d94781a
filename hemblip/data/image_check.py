"""Every image file is decoded once before its cells are used, in parallel; what is wrong is told, not met later."""

import json
import os
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from tqdm import tqdm

from hemblip.atomic import write_text
from hemblip.data.images import box_error, box_flaw, read_image
from hemblip.errors import DataError, ImageError

CHECKSUM = len("00000000 ")
"""Characters before the entry in a line of the log."""

SHOWN = 20
"""Most flaws that an error names."""


class Flaw(NamedTuple):
    """Why an image, or a cell in it, cannot be used.

    Attributes:
        kind: what such images have in common, to be counted.
        message: path, reason and fix.
    """

    kind: str
    message: str


@dataclass(frozen=True)
class CheckedImage:
    """What is known of an image file after decoding it.

    Args:
        width: in pixels, 0 if it cannot be read.
        height: in pixels, 0 if it cannot be read.
        flaw: why it cannot be used; None if it can.
    """

    width: int
    height: int
    flaw: Flaw | None


def inspect_image(path: str) -> CheckedImage:
    """Decode one file."""
    try:
        height, width = read_image(path).shape[:2]
    except ImageError as error:
        return CheckedImage(0, 0, Flaw(error.kind, str(error)))
    return CheckedImage(width, height, None)


def check_images(paths: Iterable[str], log: Path | None = None, workers: int | None = None) -> dict[str, CheckedImage]:
    """Decode image files, with a progress bar when it takes long.

    Args:
        paths: image files; repetitions are read once.
        log: file of results, so that an interrupted check goes on where it was; an entry counts as long as its file's
            size and time of change are the same.
        workers: threads, None for one a core.

    Returns:
        Path -> result, in the order of `paths`.

    Raises:
        DataError: the log cannot be written.
    """
    states = {path: _state(path) for path in paths}
    known = {} if log is None else _read_log(log)
    fresh = [path for path, state in states.items() if (path, state) not in known]
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool, _appending(log) as append:
        results = zip(fresh, pool.map(inspect_image, fresh), strict=True)
        for path, result in tqdm(results, "Checking images", len(fresh), leave=False, delay=1, disable=None):
            known[path, states[path]] = result
            append(_line({"path": path, "state": states[path], **asdict(result)}))
    return {path: known[path, state] for path, state in states.items()}


def cell_flaws(manifest: pd.DataFrame, checked: Mapping[str, CheckedImage]) -> list[Flaw | None]:
    """What is wrong with each cell's image, or with its box in the image; None if the cell can be used."""
    flaws = []
    for cell_id, path, box in zip(manifest["cell_id"], manifest["image"], manifest["bbox"], strict=True):
        image = checked[path]
        flaw = image.flaw
        if flaw is None and (reason := box_flaw(box, (image.width, image.height))):
            flaw = Flaw(reason, f"cell '{cell_id}' of {box_error(path, box, reason)}")
        flaws.append(flaw)
    return flaws


def messages(flaws: Iterable[Flaw | None]) -> list[str]:
    """The different ones of several cells, in their order."""
    return list(dict.fromkeys(flaw.message for flaw in flaws if flaw is not None))


def refuse(flaws: Iterable[Flaw | None], setting: str) -> None:
    """End if there are flaws.

    Args:
        flaws: of cells.
        setting: name of the one by which they would be left out.

    Raises:
        DataError: there are; it names the first of them.
    """
    bad = messages(flaws)
    if bad:
        shown = [*bad[:SHOWN], *([f"and {len(bad) - SHOWN} more"] if len(bad) > SHOWN else [])]
        raise DataError(f"{len(bad)} bad images: {' | '.join(shown)}; or set {setting} to exclude")


def _state(path: str) -> str:
    """Changes when the file does."""
    try:
        status = Path(path).stat()
    except OSError:
        return ""
    return f"{status.st_size} {status.st_mtime_ns}"


@contextmanager
def _appending(log: Path | None) -> Iterator[Callable[[str], object]]:
    """Give a function that adds a line to the log, if there is one."""
    if log is None:
        yield lambda line: None
        return
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as lines:
            yield lines.write
    except OSError as error:
        raise DataError(f"{log}: cannot be written ({error.strerror}); make room or choose another output") from error


def _read_log(log: Path) -> dict[tuple[str, str], CheckedImage]:
    known: dict[tuple[str, str], CheckedImage] = {}
    if not log.is_file():
        return known
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    whole = [line for line in lines if _is_whole(line)]
    if len(whole) < len(lines) or not lines:
        what = f"{len(lines) - len(whole)} of {len(lines)} lines are damaged; their" if lines else "empty; all"
        print(f"note: {log}: {what} images are checked again", file=sys.stderr)
        write_text(log, "".join(whole))
    for entry in map(json.loads, (line[CHECKSUM:] for line in whole)):
        flaw = None if entry["flaw"] is None else Flaw(*entry["flaw"])
        known[entry["path"], entry["state"]] = CheckedImage(entry["width"], entry["height"], flaw)
    return known


def _line(entry: Mapping[str, Any]) -> str:
    text = json.dumps(entry)
    return f"{zlib.crc32(text.encode()):08x} {text}\n"


def _is_whole(line: str) -> bool:
    text = line[CHECKSUM:].removesuffix("\n")
    return line == f"{zlib.crc32(text.encode()):08x} {text}\n"
