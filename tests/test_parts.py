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
    killed = RowParts(table)
    killed.start(MADE_WITH, go_on=False)
    killed.add([row("a")])
    killed.close()
    again = RowParts(table)
    again.start(MADE_WITH, go_on=True)
    assert again.rows()["cell_id"].tolist() == ["a"]
    again.close()
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


def test_one_job_at_a_time(table):
    first, second = RowParts(table), RowParts(table)
    first.start(MADE_WITH, go_on=False)
    first.add([row("a")])
    with pytest.raises(DataError, match="being written by another process"):
        second.start(MADE_WITH, go_on=True)
    assert first.rows()["cell_id"].tolist() == ["a"]
    first.close()
    second.start(MADE_WITH, go_on=True)
    assert second.rows()["cell_id"].tolist() == ["a"]


def test_a_job_that_is_refused_lets_others_in(table):
    first, second = RowParts(table), RowParts(table)
    first.start(MADE_WITH, go_on=False)
    first.close()
    with pytest.raises(DataError, match="made with another"):
        second.start({"weights": "b"}, go_on=True)
    first.start(MADE_WITH, go_on=True)


def test_nothing_else_is_removed(table):
    made = RowParts(table)
    made.folder.mkdir()
    notes = made.folder / "notes.txt"
    notes.write_text("mine")
    with pytest.raises(DataError, match="holds files that are no rows of"):
        made.start(MADE_WITH, go_on=False)
    notes.unlink()
    made.start(MADE_WITH, go_on=False)
    notes.write_text("mine")
    made.add([row("a")])
    made.remove()
    assert [file.name for file in made.folder.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("how", ["empty", "cut", "overwritten", "flipped"])
def test_a_damaged_part_is_made_again_and_said(table, capsys, how):
    killed = RowParts(table)
    killed.start(MADE_WITH, go_on=False)
    killed.add([row("a")])
    (part,) = killed.folder.glob("*.parquet")
    data = part.read_bytes()
    flipped = bytearray(data)
    flipped[data.index(b"a")] ^= 1  # the cell's name, which Parquet itself would read without a word
    part.write_bytes({"empty": b"", "cut": data[:50], "overwritten": b"x" * len(data), "flipped": flipped}[how])
    killed.add([row("c")])
    killed.close()
    again = RowParts(table)
    again.start(MADE_WITH, go_on=True)
    assert again.columns("cell_id")["cell_id"].tolist() == ["c"]
    told = "1 of 2 files are damaged; their rows are made again"
    assert capsys.readouterr().err == f"note: {again.folder}: {told}\n"
    again.close()


def test_what_rows_were_made_with_is_damaged(table):
    killed = RowParts(table)
    killed.start(MADE_WITH, go_on=False)
    killed.add([row("a")])
    killed.close()
    (killed.folder / parts.MADE_WITH).write_text("{")
    with pytest.raises(DataError, match=r"made_with\.json: damaged; leave --resume out"):
        RowParts(table).start(MADE_WITH, go_on=True)
    again = RowParts(table)
    again.start(MADE_WITH, go_on=False)
    assert again.rows().empty
    again.close()
