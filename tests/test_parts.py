"""Rows on disk as they are made."""

import pandas as pd
import pytest

from hemblip import parts
from hemblip.errors import DataError
from hemblip.parts import RowParts

MADE_WITH = {"weights": "a", "cells": {"size": 32, "sizes": (1, 2)}}


def row(cell, **other):
    return {"cell_id": cell, "nucleoli": None, "sure": None} | other


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "SECONDS", -1)  # each batch is a part
    return tmp_path / "test.parquet"


def test_parts_of_all_ranks_make_one_table_in_order(table):
    first, second = RowParts(table), RowParts(table)
    first.start(MADE_WITH, go_on=False)
    first.add([row("b"), row("d")])
    second.add([row("c", nucleoli="absent", sure=0.5), row("a")])
    second.add([row("d")])  # a batch that two ranks have seen
    rows = first.rows()
    assert rows["cell_id"].tolist() == ["a", "b", "c", "d"]
    assert rows["nucleoli"].dropna().tolist() == ["absent"] and rows["sure"].tolist()[2] == 0.5
    assert set(first.columns("cell_id")["cell_id"]) == set("abcd")


def test_a_killed_job_goes_on_and_another_begins_anew(table):
    RowParts(table).start(MADE_WITH, go_on=False)
    RowParts(table).add([row("a")])
    again = RowParts(table)
    again.start(MADE_WITH, go_on=True)
    assert again.rows()["cell_id"].tolist() == ["a"]
    with pytest.raises(DataError, match="made with another weights; give"):
        again.start({**MADE_WITH, "weights": "b"}, go_on=True)
    again.start({**MADE_WITH, "weights": "b"}, go_on=False)
    assert again.rows().empty and again.columns("cell_id").empty


def test_rows_wait_in_memory_until_they_are_due(tmp_path):
    waiting = RowParts(tmp_path / "test.parquet")
    waiting.start(MADE_WITH, go_on=False)
    waiting.add([row("a")])
    assert not list(waiting.folder.glob("*.parquet"))
    waiting.flush()
    assert len(list(waiting.folder.glob("*.parquet"))) == 1 and waiting.rows()["cell_id"].tolist() == ["a"]
    waiting.remove()
    assert not waiting.folder.exists()


def test_how_rows_fell_into_parts_does_not_show(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "SECONDS", -1)
    rows = [row("a"), row("b", nucleoli="absent"), row("c", sure=0.25)]
    written = []
    for number, batches in enumerate([[rows], [[one] for one in reversed(rows)]]):
        made = RowParts(tmp_path / f"{number}.parquet")
        made.start(MADE_WITH, go_on=False)
        for batch in batches:
            made.add(batch)
        made.rows().to_parquet(tmp_path / f"{number}.parquet", index=False)
        written.append((tmp_path / f"{number}.parquet").read_bytes())
    assert written[0] == written[1]
    assert isinstance(made.rows(), pd.DataFrame)
