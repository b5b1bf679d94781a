"""`python -m hemblip download`: published sources, into the layout that their readers take."""

import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import requests
import yaml
from tqdm import tqdm

from hemblip.atomic import alone
from hemblip.data.archives import unpack
from hemblip.errors import ConfigError, DataError
from hemblip.results import digest, replacing_folder

CATALOGUE = Path(__file__).with_name("downloads.yaml")
"""What is published where."""

TRIES = 5
"""Connections without a single new byte, one after the other, before a download gives up."""

CHUNK = 1 << 14
"""Bytes; what of one has come when a connection ends is lost."""

COMMAND = "python -m hemblip download"


@dataclass(frozen=True)
class File:
    """One file of a source.

    Attributes:
        address: of it, http or https.
        to: its place in the source's folder; that of what it is unpacked to, if it is an archive.
        unpack: it is a ZIP archive.
        strip: folders at the top of the archive that are dropped.
        only: folder of the archive, after `strip`, that alone is kept.
        bytes: its size; None if the publisher fixes none.
        sha256: of it; None if the publisher fixes none.
    """

    address: str
    to: str = ""
    unpack: bool = False
    strip: int = 0
    only: str = ""
    bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Published:
    """Where a source is published.

    Attributes:
        about: one line.
        page: of its authors.
        licence: as they state it.
        folder: that its reader takes, below the download folder.
        config: the entry of `sources` in a config that reads it.
        files: that are fetched.
        person: what somebody has to do himself, in place of files.
        size: on disk, in words; empty where only the publisher knows it.
    """

    about: str
    page: str
    licence: str
    folder: str
    config: str
    files: list[File] = field(default_factory=list)
    person: str = ""
    size: str = ""


def catalogue(path: Path = CATALOGUE) -> dict[str, Published]:
    """Read where sources are published: name -> source.

    Raises:
        ConfigError: the file is no catalogue; it says why.
    """
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {str(name): _published(entry) for name, entry in entries.items()}
    except (OSError, ValueError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: not a catalogue of downloads ({error}); {CATALOGUE} is an example") from error


def download(
    sources: list[str] | None = None, output: str = "", force: bool = False, catalogue_file: str = str(CATALOGUE)
) -> None:
    """Fetch published sources; a download that was interrupted goes on where it was.

    Example: `python -m hemblip download wbcatt`

    Args:
        sources: names; nothing for a list of them.
        output: folder that their folders come into; `$HEMBLIP_DATA` if empty, or this folder.
        force: fetch again what is there.
        catalogue_file: where they are published; a copy of the package's own with the addresses of a lab's mirror.

    Raises:
        ConfigError: a name is unknown.
        DataError: a source needs a person, cannot be reached, or is not what its publisher says.
    """
    known = catalogue(Path(catalogue_file))
    if not sources:
        for name, published in known.items():
            said = "; ".join(filter(None, (published.licence, published.size)))
            print(f"{name:<18}{published.about}\n{'':<18}{published.page} ({said})")
        print(f"\n{COMMAND} NAME fetches one, or says what to press where a person has to")
        return
    if unknown := [name for name in sources if name not in known]:
        raise ConfigError(f"download {unknown[0]}: no such source; there are {', '.join(known)}")
    top = Path(output or os.environ.get("HEMBLIP_DATA", ".")).expanduser()
    for name in sorted(sources, key=lambda name: bool(known[name].person)):  # what can be fetched is, first
        published = known[name]
        if published.person:
            raise DataError(
                f"{name} cannot be fetched without a person: open {published.page}, {published.person}; "
                f"put it at {top / published.folder} (licence: {published.licence})"
            )
        _fetch_source(name, published, top, force)
        print(f"{top / published.folder}   licence: {published.licence}; sources: [{published.config}]")


def _fetch_source(name: str, published: Published, top: Path, force: bool) -> None:
    """Fetch the files of a source beside its folder, and make the folder of them when all are there."""
    folder, waiting = top / published.folder, top / f".{published.folder}.download"
    if folder.exists() and any(folder.iterdir()) and not force:
        print(f"note: {folder} is there already; --force fetches it again")
        return
    with alone(waiting, wait=False):
        waiting.mkdir(parents=True, exist_ok=True)
        fetched = [fetch(file, waiting / f"{number}") for number, file in enumerate(published.files)]
        with replacing_folder(folder, f"download {name}") as partial:
            for file, path in zip(published.files, fetched, strict=True):
                if file.unpack:
                    unpack(path, partial / file.to, file.strip, file.only, file.address)
                else:
                    (partial / file.to).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, partial / file.to)
        shutil.rmtree(waiting, ignore_errors=True)


def fetch(file: File, path: Path, timeout: float = 30.0, pause: float = 1.0) -> Path:
    """Fetch one file, from where an earlier try has ended if the server can.

    Args:
        file: what to fetch.
        path: to write; what is there and complete is kept.
        timeout: seconds of silence that end a connection.
        pause: seconds before a second connection, twice as many before each further one.

    Raises:
        DataError: the server refuses or does not answer, or the file is not what its publisher says and was removed.
    """
    part, seal = path.with_suffix(".part"), path.with_suffix(".json")
    if path.exists():
        return path
    failures = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            if _receive(file, part, seal, timeout):
                break
            said = "the connection ended early"
        except requests.RequestException as error:
            said = type(error).__name__
        after = part.stat().st_size if part.exists() else 0
        failures = 0 if after > before else failures + 1
        if failures >= TRIES:
            raise DataError(
                f"{file.address}: {said}, {after} bytes are there; run the same command again to go on from them"
            )
        time.sleep(pause * 2**failures)
    _check(file, part)
    part.rename(path)
    seal.unlink(missing_ok=True)
    return path


def _receive(file: File, part: Path, seal: Path, timeout: float) -> bool:
    """Add to `part` what one connection gives; is it complete?

    The version that the server named (`seal`) has to be the same for the rest, by `If-Range`: a file that changed comes
    whole. Where it names none, what is there is used only if a check sum will tell.
    """
    have = part.stat().st_size if part.exists() else 0
    version = json.loads(seal.read_text(encoding="utf-8")) if seal.exists() else {}
    if have and not (version.get("validator") or file.sha256):
        have = 0
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-"}
        headers |= {"If-Range": version["validator"]} if version.get("validator") else {}
    with requests.get(file.address, headers=headers, stream=True, timeout=timeout) as reply:
        if file.address.startswith("https:") and not reply.url.startswith("https:"):
            raise DataError(f"{file.address}: leads to {reply.url}, which is not encrypted; nothing was fetched")
        if reply.status_code == 416:  # there is nothing after what we have: it is whole, or of another version
            whole = have == _total(reply)
            if not whole:
                part.unlink()
            return whole
        if reply.status_code in (408, 429, 500, 502, 503, 504):
            return False
        if reply.status_code not in (200, 206):
            raise DataError(
                f"{file.address}: refused (status {reply.status_code}); see whether the file has moved, and give its "
                "address in a copy of downloads.yaml by --catalogue_file"
            )
        if reply.status_code == 200 or not reply.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            if reply.status_code == 206:
                part.unlink(missing_ok=True)
                return False
            have = 0  # the server has sent all from the start
        etag = reply.headers.get("ETag", "")
        validator = etag if etag and not etag.startswith("W/") else reply.headers.get("Last-Modified", "")
        total = _total(reply) if have else _number(reply.headers.get("Content-Length"))
        seal.write_text(json.dumps({"validator": validator, "address": file.address}) + "\n", encoding="utf-8")
        _write(reply, part, have, total, file)
    return total is None or part.stat().st_size == total


def _write(reply: requests.Response, part: Path, have: int, total: int | None, file: File) -> None:
    name = file.to or file.address.rsplit("/", 1)[-1]
    bar = tqdm(
        desc=name, total=total, initial=have, unit="B", unit_scale=True, disable=None
    )  # silent without a terminal
    try:
        with part.open("ab" if have else "wb") as out, bar:
            for chunk in reply.iter_content(CHUNK):
                out.write(chunk)
                bar.update(len(chunk))
    except OSError as error:
        if isinstance(error, requests.RequestException):
            raise
        raise DataError(f"{part}: cannot be written ({error.strerror}); make room or give another --output") from error


def _check(file: File, part: Path) -> None:
    size = part.stat().st_size
    wrong = f"{size} bytes, published are {file.bytes}" if file.bytes not in (None, size) else ""
    if not wrong and file.sha256 and (found := digest(part)) != file.sha256:
        wrong = f"sha256 {found}, published is {file.sha256}"
    if wrong:
        part.unlink()
        raise DataError(f"{file.address}: has {wrong}; it was removed: try again, or ask its publisher")


def _total(reply: requests.Response) -> int | None:
    """The size of the whole file, of which a reply has a part."""
    return _number(reply.headers.get("Content-Range", "").rpartition("/")[2])


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


def _published(entry: Mapping[str, Any]) -> Published:
    given = dict(entry)
    given["files"] = [File(**_checked(file, File)) for file in given.get("files", [])]
    published = Published(**_checked(given, Published))
    if bool(published.files) == bool(published.person):
        raise ValueError("a source has either files or person")
    for file in published.files:
        if not file.address.startswith(("http://", "https://")):
            raise ValueError(f"address '{file.address}' is neither http nor https")
        if Path(file.to).is_absolute() or ".." in Path(file.to).parts:
            raise ValueError(f"'{file.to}' leaves the folder")
    if Path(published.folder).name != published.folder:
        raise ValueError(f"folder '{published.folder}' is no single name")
    return published


def _checked(entry: Mapping[str, Any], kind: type) -> dict[str, Any]:
    names = {part.name for part in fields(kind)}
    if unknown := sorted(set(entry) - names):
        raise ValueError(f"unknown key '{unknown[0]}'; there are {', '.join(sorted(names))}")
    return dict(entry)
