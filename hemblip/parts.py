"""Rows of a table that is still being made: on disk as they come, so that memory stays small and killed jobs go on."""

import json
import secrets
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from hemblip.atomic import alone, replacing, write_text
from hemblip.errors import DataError
from hemblip.shared_texts import read_arrow, to_pandas

SECONDS = 30.0
"""Longest that rows wait in memory; a killed job loses no more."""

MADE_WITH = "made_with.json"


class RowParts:
    """Part files of one table, `<table>.parts/`; each rank writes its own, the first one makes the table of them.

    One job at a time makes them: from `start` to `close` others are kept out.

    Args:
        table: that is being made; its folder is one that all ranks see.
        key: column that tells rows apart.
    """

    def __init__(self, table: Path, key: str = "cell_id") -> None:
        self.folder, self.key = table.with_name(f"{table.name}.parts"), key
        self._rows: list[Mapping[str, Any]] = []
        self._written = time.monotonic()
        self._alone = ExitStack()

    def start(self, made_with: Mapping[str, Any], go_on: bool) -> None:
        """Begin anew, or go on with what a killed job left; the first rank calls it, and the others wait.

        Args:
            made_with: all that rows depend on, plain values.
            go_on: keep the rows that are there.

        Raises:
            DataError: they were made with something else, which is named; another job is making them; the folder
                holds other files, or cannot be written.
        """
        self._alone.enter_context(alone(self.folder, wait=False))
        try:
            self._start(made_with, go_on)
        except BaseException:
            self._alone.close()
            raise

    def _start(self, made_with: Mapping[str, Any], go_on: bool) -> None:
        told, facts = self.folder / MADE_WITH, json.loads(json.dumps(made_with))
        if go_on and told.is_file():
            try:
                before = dict(json.loads(told.read_text(encoding="utf-8")))
            except (ValueError, TypeError) as error:
                raise DataError(f"{told}: damaged; leave --resume out to begin anew") from error
            if changed := [name for name in {**before, **facts} if before.get(name) != facts.get(name)]:
                raise DataError(
                    f"{self.folder}: holds rows that were made with another {', '.join(changed)}; give the settings of "
                    "then, or leave --resume out to begin anew"
                )
            self._drop_damaged()
            return
        if not told.is_file() and self.folder.is_dir() and any(self.folder.iterdir()):
            raise DataError(f"{self.folder}: holds files that are no rows of {self.folder.stem}; move them elsewhere")
        self._clear()
        write_text(told, json.dumps(facts, indent=2) + "\n")

    def _drop_damaged(self) -> None:
        parts = sorted(self.folder.glob("*.parquet"))
        damaged = [part for part in parts if not _is_whole(part)]
        for part in damaged:
            part.unlink(missing_ok=True)
        if damaged:
            told = f"{len(damaged)} of {len(parts)} files are damaged; their rows are made again"
            print(f"note: {self.folder}: {told}", file=sys.stderr)

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Take the rows of a whole batch.

        Raises:
            DataError: they cannot be written.
        """
        self._rows += rows
        if time.monotonic() - self._written > SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write the rows that wait."""
        if self._rows:
            with replacing(self.folder / f"{secrets.token_hex(8)}.parquet", one_of_many=True) as partial:
                pq.write_table(pa.Table.from_pylist(self._rows), partial, write_page_checksum=True)
        self._rows, self._written = [], time.monotonic()

    def columns(self, *names: str) -> pd.DataFrame:
        """Read some columns of what is written, in no order."""
        return to_pandas(self._read(list(names)))

    def rows(self) -> pd.DataFrame:
        """Read what is written, each key once, in the order of keys."""
        table = self._read(None)
        if not table.num_rows:
            return pd.DataFrame()
        keys = pd.Series(table[self.key].cast(pa.string()).to_pylist(), dtype=object)
        order = keys.drop_duplicates().sort_values(kind="stable").index
        return to_pandas(table.take(pa.array(order)))

    def remove(self) -> None:
        """Remove all parts: the table is made."""
        self._clear()
        self.close()

    def close(self) -> None:
        """Write the rows that wait, and let other jobs in."""
        try:
            self.flush()
        finally:
            self._alone.close()

    def _clear(self) -> None:
        """Remove what jobs of this table wrote, and nothing else; what says that it is theirs goes last."""
        for part in self.folder.glob("*.parquet"):
            part.unlink(missing_ok=True)
        for partial in self.folder.glob(".*.parquet.*.partial"):
            partial.unlink(missing_ok=True)
        (self.folder / MADE_WITH).unlink(missing_ok=True)
        with suppress(OSError):  # there is none, or something else is in it
            self.folder.rmdir()

    def _read(self, columns: list[str] | None) -> pa.Table:
        tables = [read_arrow(part, columns) for part in sorted(self.folder.glob("*.parquet"))]
        if not tables:
            return pa.table({})
        return pa.concat_tables(tables, promote_options="permissive").unify_dictionaries().combine_chunks()


def _is_whole(part: Path) -> bool:
    """Whether a file is as it was written, as the checksums in it tell."""
    try:
        with pq.ParquetFile(part, page_checksum_verification=True) as file:
            for _ in file.iter_batches():
                pass
    except Exception:  # the decoder raises many kinds for damaged files
        return False
    return True
