"""What file and folder names say: which files are images, where a table's image is, published splits, copies."""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from hemblip.data.masks import is_mask
from hemblip.data.tables import UNPACKED

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")

DEPTH = 6
"""Most folders below a table's that are searched for its images: it may lie in somebody's home."""

MISSING, OUTSIDE = "image missing", "image path leaves the data folder"

SPLIT = re.compile(r"(train|val|test)(?:ing|id|idation)?(?:[ _-]?(?:set|data|simple|a|b))?", re.IGNORECASE)
"""Folders that are a split: TRAIN, Training, valid, validation, TestA, test_set."""

COPY = re.compile(
    r"[_.](?:jpe?g|png|bmp|tiff?)\.rf\.[0-9a-z]+$"
    r"|\.(?:jpe?g|png|bmp|tiff?)_[0-9a-f]{8}-[0-9a-f-]{27}$"
    r"|[ _-]+\(?(?:copy|aug(?:mented)?|(?:h|v|hor\w*|vert\w*)?[ _-]?flip(?:ped)?|mirror(?:ed)?|rot(?:at(?:ed?|ion))?"
    r"|blur(?:red)?|nois[ey]|bright(?:ness)?|contrast|zoom(?:ed)?|shear(?:ed)?|shift(?:ed)?)[ _-]?\d*\)?$",
    re.IGNORECASE,
)
"""End of the name of an augmented copy: by Roboflow, by Augmentor, or in words."""

PREFIX = re.compile(r"^(?:.+_original_|(?:aug(?:mented)?|flipped|rotated)[_-](?:\d+[_-])?)", re.IGNORECASE)
"""Start of one: by Augmentor, or in words."""

KERAS = re.compile(r"((?:aug)?_\d+)_\d+")
"""Copies by Keras' ImageDataGenerator as in Kaggle's blood cells: the numbers of image and copy."""


def list_images(folder: Path) -> list[Path]:
    """The image files of a folder at any depth, without masks, hidden files and what macOS adds to archives."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    inside = ((path, path.relative_to(folder)) for path in found)
    return sorted(path for path, name in inside if not (is_hidden(name) or is_mask(name) or path.is_dir()))


def is_hidden(path: Path) -> bool:
    """Is a file no data: its name or a folder above it begins with a dot, or is macOS's own."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def name_flaw(name: str) -> str:
    """Why a file of this name is not used, empty if it is; other files and terminals could not show it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return "file name is not UTF-8; rename it"
    return "" if name.isprintable() else "file name holds control characters; rename it"


def published_splits(images: Sequence[Path]) -> list[str | None]:
    """The split that a folder above each image states; None for all if there is one split only."""
    if not images:
        return []
    top = len(Path(os.path.commonpath([image.parent for image in images])).parts)
    splits = [next(filter(None, map(split_of, image.parts[top:-1])), None) for image in images]
    return splits if len(set(splits) - {None}) > 1 else [None] * len(splits)


def copies(images: Sequence[Path]) -> list[str]:
    """What several images, or cells of one image, were made of; empty where an image is alone."""
    if not images:
        return []
    above = os.path.commonpath([image.parent for image in images])
    made_of = [os.path.relpath(image.parent / original(image.stem), above) for image in images]
    counts = Counter(made_of)
    return [name if counts[name] > 1 else "" for name in made_of]


def split_of(name: str) -> str | None:
    """Which of train, val and test a folder or a value is."""
    found = SPLIT.fullmatch(name.strip())
    return found[1].lower() if found else None


def original(stem: str) -> str:
    """The name, without suffix, of the image that an augmented copy was made of; that of others is their own."""
    if keras := KERAS.fullmatch(stem):
        return keras[1]
    while (shorter := COPY.sub("", stem)) not in ("", stem):
        stem = shorter
    return PREFIX.sub("", stem) or stem


class ImageFinder:
    """Finds the images that a table names, by the names that its authors' machine had for them.

    Args:
        folder: of the images; nothing outside of it is found.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.looked_for = ""  # the first path where an image was expected and was not

    def find(self, *names: str) -> Path | str:
        """Find an image by any of its names: as written, the longest end of it that exists, or deeper down.

        Returns:
            Path, or why there is none.
        """
        flaw = MISSING
        for name in filter(None, names):
            if _is_file(Path(name)) and Path(name).is_relative_to(UNPACKED.absolute()):
                return Path(name)
            parts = [part for part in re.split(r"[\\/]+", name) if part not in ("", ".")]
            if parts and re.fullmatch("[A-Za-z]:", parts[0]):
                parts = parts[1:]
            leaves = ".." in parts
            ends = [parts[start:] for start in range(len(parts)) if ".." not in parts[start:]]
            if path := next(filter(_is_file, self._places(ends)), None) or (None if leaves else self._deeper(parts)):
                return path
            flaw = OUTSIDE if leaves else flaw
            written = parts[-1:] if leaves or Path(name).is_absolute() else parts
            self.looked_for = self.looked_for or str(self.folder.joinpath(*written))
        return flaw

    def _places(self, ends: Sequence[Sequence[str]]) -> Iterator[Path]:
        for end in ends:
            for below in ("", "images", "Images"):
                path = self.folder.joinpath(below, *end)
                yield path
                if path.suffix.lower() not in SUFFIXES:
                    yield from (path.with_name(path.name + suffix) for suffix in SUFFIXES)

    def _deeper(self, parts: Sequence[str]) -> Path | None:
        """The one place below the folder, at the least depth, whose end is as written."""
        places = self._by_name.get(parts[-1], []) if parts else []
        found = [place for place in places if place.parts[-len(parts) :] == tuple(parts)]
        alone = len(found) == 1 or (found and len(found[0].parts) < len(found[1].parts))
        return found[0] if alone else None

    @cached_property
    def _by_name(self) -> dict[str, list[Path]]:
        """File name -> paths, the least deep first."""
        places: dict[str, list[Path]] = {}
        for folder, below, files in os.walk(self.folder):
            place = Path(folder)
            depth = len(place.relative_to(self.folder).parts)
            below[:] = sorted(name for name in below if not is_hidden(Path(name)) and depth < DEPTH)
            for name in files:
                if name.lower().endswith(SUFFIXES):
                    places.setdefault(name, []).append(place / name)
        return {name: sorted(found, key=lambda path: len(path.parts)) for name, found in places.items()}


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 - it takes any name, too long or with NUL
