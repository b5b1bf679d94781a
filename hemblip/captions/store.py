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
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        with self._clear_errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=120, check_same_thread=False)
            with self._database:
                self._database.execute("CREATE TABLE IF NOT EXISTS texts (key TEXT PRIMARY KEY, text TEXT NOT NULL)")

    def get(self, key: str) -> str | None:
        """The text stored for `key`."""
        with self._lock, self._clear_errors():
            row = self._database.execute("SELECT text FROM texts WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def put(self, texts: Mapping[str, str]) -> None:
        """Store texts for keys that have none, all or none of them."""
        with self._lock, self._clear_errors(), self._database:
            self._database.executemany("INSERT OR IGNORE INTO texts VALUES (?, ?)", texts.items())

    def close(self) -> None:
        """Give the file back."""
        self._database.close()

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.DatabaseError, OSError) as error:
            raise DataError(f"{self._path}: the cache of paraphrases cannot be used ({error}); move it away") from error
