"""Answers of language models on disk, found by the content that they were asked for."""

import hashlib
import json
import sqlite3
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path

from hemblip.atomic import alone
from hemblip.errors import DataError

TABLE = "CREATE TABLE answers (key TEXT PRIMARY KEY, text TEXT NOT NULL, checksum TEXT NOT NULL)"

SUFFIX = ".sqlite"
"""Of files that are surely the cache, so that a damaged one may be put aside."""

HEADER = b"SQLite format 3\0\x10\0\x01\x01"
"""First bytes: pages of 4096 bytes, to be read and written by all versions of SQLite 3."""


def content_key(*content: object) -> str:
    """Digest of everything that an answer depends on."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


class Store:
    """Texts by key in one SQLite file; what is written survives a kill, and the first of several writers wins.

    A damaged file is put aside and another one begun, with the texts that are whole, because answers cost money; the
    others are asked for again.

    Args:
        path: of the file, which appears with the first text.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._opened: sqlite3.Connection | None = None
        if path.exists():
            with self._clear_errors():
                self._put_aside_if_damaged()
        if path.exists():
            with self._clear_errors():
                self._database()

    def get(self, key: str) -> str | None:
        """The text stored for `key`."""
        with self._lock, self._clear_errors():
            if not self._path.exists():
                return None
            row = self._database().execute("SELECT key, text, checksum FROM answers WHERE key = ?", (key,)).fetchone()
            if row is None:
                return None
            if (text := _text(*row)) is None:
                print(f"note: {self._path}: one text is damaged; it is asked for again", file=sys.stderr)
                with self._database() as database:
                    database.execute("DELETE FROM answers WHERE key = ?", (key,))
            return text

    def put(self, texts: Mapping[str, str]) -> None:
        """Store texts for keys that have none, all or none of them."""
        rows = [(key, text, content_key(key, text)) for key, text in texts.items()]
        with self._lock, self._clear_errors(), self._database() as database:
            database.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?, ?)", rows)

    def close(self) -> None:
        """Give the file back."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _database(self) -> sqlite3.Connection:
        if self._opened is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with nullcontext() if self._path.exists() else alone(self._path):  # it is empty until it has its table
                self._opened = _open(self._path)
                with self._opened:
                    self._opened.execute(TABLE.replace("TABLE", "TABLE IF NOT EXISTS", 1))
        return self._opened

    def _put_aside_if_damaged(self) -> None:
        if self._path.suffix != SUFFIX or _is_whole(self._path):
            return
        with alone(self._path):
            if not self._path.exists() or _is_whole(self._path):  # another process has put it aside
                return
            kept = dict(_whole_texts(self._path))
            aside = self._path.with_name(f"{self._path.name}.damaged")
            self._path.replace(aside)
            for suffix in ("-journal", "-wal", "-shm"):  # of the damaged file
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            told = f"damaged; put aside as {aside.name}, and begun again with the {len(kept)} texts that are whole"
            print(f"note: {self._path}: {told}", file=sys.stderr)
        if kept:
            self.put(kept)

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.DatabaseError, OSError) as error:
            fix = "make room" if "full" in str(error) else "move it away, or set paraphraser.cache to another file"
            raise DataError(f"{self._path}: the cache of answers cannot be used ({error}); {fix}") from error


def _open(path: Path) -> sqlite3.Connection:
    opened = sqlite3.connect(path, timeout=120, check_same_thread=False)
    opened.text_factory = bytes  # of which a damaged text is told by its checksum, not by its letters
    return opened


def _is_whole(path: Path) -> bool:
    """Whether SQLite finds nothing wrong; it takes a file of few bytes for a new one, which never is one of ours."""
    with path.open("rb") as file:
        if file.read(len(HEADER)) != HEADER:
            return False
    try:
        with closing(_open(path)) as database:
            table = database.execute("SELECT sql FROM sqlite_master WHERE type = 'table'").fetchall()
            whole = database.execute("PRAGMA integrity_check").fetchone() == (b"ok",)
            return whole and table == [(TABLE.encode(),)]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT):  # of its schema
            return False
        raise  # locked, full, not readable
    except (sqlite3.DatabaseError, UnicodeDecodeError):
        return False


def _whole_texts(path: Path) -> Iterator[tuple[str, str]]:
    """Keys and texts of a damaged file, as far as it can be read."""
    with suppress(sqlite3.DatabaseError, UnicodeDecodeError), closing(_open(path)) as database:
        for key, text, checksum in database.execute("SELECT key, text, checksum FROM answers NOT INDEXED"):
            if (found := _text(key, text, checksum)) is not None:
                yield key.decode(), found


def _text(*row: object) -> str | None:
    """Text of a row; None if it, its key or its checksum is damaged."""
    key, text, checksum = (part.decode(errors="replace") if isinstance(part, bytes) else "" for part in row)
    return text if content_key(key, text) == checksum else None
