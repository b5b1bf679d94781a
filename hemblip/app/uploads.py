"""What people may hand in: images, not too many, not too large; read once, and then no longer on the disk."""

from collections.abc import Sequence
from pathlib import Path

from hemblip.app.reader import Reader
from hemblip.data.images import Pixels, read_image
from hemblip.data.sources.file_names import SUFFIXES
from hemblip.errors import DataError, ImageError
from hemblip.reporting.described import Cell

MOST_FILES = 200
"""At once."""

MOST_MEGABYTES = 20
"""Of one file."""


def read_uploads(paths: Sequence[str], folder: Path) -> tuple[list[tuple[str, Pixels]], list[str]]:
    """Read uploaded images and delete their files.

    Args:
        paths: of the files, below `folder`.
        folder: the page's own; nothing outside of it is read or deleted.

    Returns:
        Name and pixels (H, W, 3) of each image, and a line about each file that is none.

    Raises:
        DataError: there are too many, or one lies elsewhere.
    """
    files = [Path(path).resolve() for path in paths]
    if outside := [file for file in files if not file.is_relative_to(folder.resolve())]:
        raise DataError(f"{outside[0].name}: lies outside of the page's folder; upload it instead")
    try:
        if len(files) > MOST_FILES:
            raise DataError(f"{len(files)} files are more than the {MOST_FILES} that are described at once; give fewer")
        images, flaws = [], []
        for file in files:
            try:
                images.append((file.name, _image(file)))
            except ImageError as error:
                flaws.append(str(error).replace(str(file), file.name))
        return images, flaws
    finally:
        for file in files:
            file.unlink(missing_ok=True)


def describe_uploads(reader: Reader, paths: Sequence[str], folder: Path) -> tuple[list[Cell], list[str]]:
    """Describe what was uploaded; see `read_uploads`."""
    images, flaws = read_uploads(paths, folder)
    return reader.describe(images), flaws


def _image(file: Path) -> Pixels:
    if file.suffix.lower() not in SUFFIXES:
        raise ImageError(f"{file.name}: no image; give {', '.join(SUFFIXES)}")
    if file.stat().st_size > MOST_MEGABYTES * 2**20:
        raise ImageError(f"{file.name}: larger than {MOST_MEGABYTES} MB; cut the cell out first")
    return read_image(file)
