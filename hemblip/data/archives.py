"""ZIP archives from elsewhere: nothing of them lands outside of its folder."""

import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from hemblip.data.sources.file_names import is_hidden
from hemblip.errors import DataError

CHUNK = 1 << 20


def unpack(archive: Path, folder: Path, strip: int = 0, only: str = "", origin: str = "") -> None:
    """Unpack a ZIP archive; hidden files and what macOS adds are left out, and each file's check sum is compared.

    Args:
        archive: to read.
        folder: to fill; made if it is not there.
        strip: folders at the top that are dropped.
        only: folder, after `strip`, that alone is kept.
        origin: named in errors in place of the archive.

    Raises:
        DataError: it is no archive or damaged, holds a path that leaves the folder or a link, or does not fit on the
            disk; it is then removed, so that the next try fetches it anew, unless only room is missing.
    """
    name = origin or str(archive)
    try:
        with zipfile.ZipFile(archive) as opened:
            files = _files(opened, strip, only, name)
            folder.mkdir(parents=True, exist_ok=True)
            needed, free = sum(info.file_size for info, _ in files), shutil.disk_usage(folder).free
            if needed > free:
                raise DataError(f"{name}: unpacked it has {needed} bytes, {folder} has room for {free}; make room")
            for info, place in files:
                target = folder / place
                target.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(info) as source, target.open("wb") as out:
                    shutil.copyfileobj(source, out, CHUNK)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        archive.unlink(missing_ok=True)
        raise DataError(f"{name}: not an archive that can be unpacked ({error}); it was removed: try again") from error


def _files(opened: zipfile.ZipFile, strip: int, only: str, name: str) -> list[tuple[zipfile.ZipInfo, Path]]:
    """Files of an archive and their places.

    All names are checked, also those of files that are not kept: an archive that tries once is not to be trusted.
    """
    files = []
    for info in opened.infolist():
        path = PurePosixPath(info.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or path.as_posix()[1:2] == ":":
            raise DataError(f"{name}: holds '{info.filename}', which leaves its folder; it was not unpacked")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise DataError(f"{name}: holds the link '{info.filename}'; it was not unpacked")
        place = Path(*path.parts[strip:])
        if info.is_dir() or not place.parts or is_hidden(Path(path)) or (only and place.parts[0] != only):
            continue
        files.append((info, place))
    if not files:
        raise DataError(f"{name}: holds no files{f' in {only}' if only else ''}; see whether its layout has changed")
    return files
