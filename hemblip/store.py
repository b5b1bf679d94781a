"""Answers of language models on disk, found by the content that they were asked for."""

import hashlib
import json
import sqlite3
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hemblip.atomic import alone
from hemblip.errors import DataError

COLUMNS = "key TEXT PRIMARY KEY, text TEXT NOT NULL, checksum TEXT NOT NULL"

SUFFIX = ".sqlite"
"""Of files that are surely the cache, so that a damaged one may be put aside."""


def content_key(*content: object) -> str:
    """Digest of everything that an answer depends on."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


class Store:
    """Texts by key in one SQLite file; what is written survives a kill, and the first of several writers wins.

    A damaged file is put aside, because answers cost money, and another one begun; a damaged text is asked for again.

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
            row = self._database().execute("SELECT text, checksum FROM answers WHERE key = ?", (key,)).fetchone()
            if row is not None and row[1] != content_key(key, row[0]):
                print(f"note: {self._path}: one text is damaged; it is asked for again", file=sys.stderr)
                with self._database() as database:
                    database.execute("DELETE FROM answers WHERE key = ?", (key,))
                return None
        return None if row is None else str(row[0])

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
            self._opened = sqlite3.connect(self._path, timeout=120, check_same_thread=False)
            with self._opened:
                self._opened.execute(f"CREATE TABLE IF NOT EXISTS answers ({COLUMNS})")
        return self._opened

    def _put_aside_if_damaged(self) -> None:
        if self._path.suffix != SUFFIX or self._is_whole():
            return
        with alone(self._path):
            if not self._path.exists() or self._is_whole():  # another process has put it aside
                return
            aside = self._path.with_name(f"{self._path.name}.damaged")
            self._path.replace(aside)
            for suffix in ("-journal", "-wal", "-shm"):  # of the damaged file
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            print(f"note: {self._path}: damaged; put aside as {aside.name}, and begun again", file=sys.stderr)

    def _is_whole(self) -> bool:
        """Whether SQLite finds nothing wrong; it takes an empty file for a new one, which never is one of ours."""
        if not self._path.stat().st_size:
            return False
        try:
            self.close()
            return bool(self._database().execute("PRAGMA quick_check").fetchone() == ("ok",))
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            if isinstance(error, sqlite3.OperationalError):  # locked, full, not readable
                raise
            self.close()
            return False

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.DatabaseError, OSError) as error:
            fix = "make room" if "full" in str(error) else "move it away, or set paraphraser.cache to another file"
            raise DataError(f"{self._path}: the cache of answers cannot be used ({error}); {fix}") from error
