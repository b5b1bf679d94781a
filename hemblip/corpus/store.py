"""Paraphrases on disk, found by the content that they were asked for."""

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hemblip.errors import DataError


def content_key(*content: object) -> str:
    """Digest of everything that an answer depends on."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


class Store:
    """Texts by key in one SQLite file; what is written survives a kill, and the first of several writers wins.

    Args:
        path: of the file, which appears with the first text.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._opened: sqlite3.Connection | None = None
        if path.exists():
            with self._clear_errors():
                self._database()

    def get(self, key: str) -> str | None:
        """The text stored for `key`."""
        with self._lock, self._clear_errors():
            if not self._path.exists():
                return None
            row = self._database().execute("SELECT text FROM texts WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def put(self, texts: Mapping[str, str]) -> None:
        """Store texts for keys that have none, all or none of them."""
        with self._lock, self._clear_errors(), self._database() as database:
            database.executemany("INSERT OR IGNORE INTO texts VALUES (?, ?)", texts.items())

    def close(self) -> None:
        """Give the file back."""
        if self._opened is not None:
            self._opened.close()

    def _database(self) -> sqlite3.Connection:
        if self._opened is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._opened = sqlite3.connect(self._path, timeout=120, check_same_thread=False)
            with self._opened:
                self._opened.execute("CREATE TABLE IF NOT EXISTS texts (key TEXT PRIMARY KEY, text TEXT NOT NULL)")
        return self._opened

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.DatabaseError, OSError) as error:
            fix = "make room" if "full" in str(error) else "move it away, or set paraphraser.cache to another file"
            raise DataError(f"{self._path}: the cache of paraphrases cannot be used ({error}); {fix}") from error
