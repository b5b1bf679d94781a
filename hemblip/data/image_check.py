"""Every image file is decoded once before training, in parallel; an interrupted check goes on where it was."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from hemblip.data.images import read_image
from hemblip.errors import DataError


@dataclass(frozen=True)
class CheckedImage:
    """What is known of an image file after decoding it.

    Args:
        width: in pixels, 0 if it cannot be read.
        height: in pixels, 0 if it cannot be read.
        digest: of its bytes, empty if there is no such file.
        flaw: why it cannot be used; empty if it can.
    """

    width: int
    height: int
    digest: str
    flaw: str


def inspect_image(path: str) -> CheckedImage:
    """Decode one file."""
    try:
        digest = hashlib.md5(Path(path).read_bytes()).hexdigest()
        height, width = read_image(path).shape[:2]
        return CheckedImage(width, height, digest, "")
    except FileNotFoundError:
        return CheckedImage(0, 0, "", "image missing")
    except DataError as error:
        flaw = "image too large" if "is more than" in str(error) else "image not readable"
        return CheckedImage(0, 0, digest, flaw)
    except OSError as error:
        return CheckedImage(0, 0, "", f"image not readable ({error.strerror})")


def inspect_images(paths: Sequence[str], log: Path, workers: int | None = None) -> dict[str, CheckedImage]:
    """Decode files that `log` does not know, and add them to it one by one.

    Args:
        paths: image files; repetitions are read once.
        log: file of earlier results; an entry counts as long as its file's size and time of change are the same.
        workers: threads, None for one a core.

    Returns:
        Path -> result, in the order of `paths`.

    Raises:
        DataError: the log cannot be written.
    """
    unique = list(dict.fromkeys(paths))
    states = {path: _state(path) for path in unique}
    known = _read_log(log)
    fresh = [path for path in unique if (path, states[path]) not in known]
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(workers or os.cpu_count()) as pool, log.open("a", encoding="utf-8") as lines:
            results = zip(fresh, pool.map(inspect_image, fresh), strict=True)
            for path, result in tqdm(results, total=len(fresh), desc="Checking images", disable=not fresh):
                known[path, states[path]] = result
                lines.write(json.dumps({"path": path, "state": states[path], **asdict(result)}) + "\n")
    except OSError as error:
        raise DataError(f"{log}: cannot be written ({error.strerror}); make room or choose another output") from error
    return {path: known[path, states[path]] for path in unique}


def _state(path: str) -> str:
    """Changes when the file does."""
    try:
        status = Path(path).stat()
    except OSError:
        return ""
    return f"{status.st_size} {status.st_mtime_ns}"


def _read_log(log: Path) -> dict[tuple[str, str], CheckedImage]:
    known = {}
    for entry in _entries(log.read_text(encoding="utf-8").splitlines() if log.is_file() else ()):
        path, state = entry.pop("path"), entry.pop("state")
        known[path, state] = CheckedImage(**entry)
    return known


def _entries(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:  # cut off when the process was killed
            continue
        if isinstance(entry, dict) and set(entry) == {"path", "state", *CheckedImage.__dataclass_fields__}:
            yield entry
