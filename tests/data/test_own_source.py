"""`prepare` with a source of the user's own, and where its files cannot be written."""

import json
from errno import ENOSPC
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from hemblip.cli.main import main
from hemblip.corpus.prepare import prepare
from hemblip.data.records import manifest_table
from hemblip.data.sources import Folder, Source
from hemblip.errors import DataError


class MyClinic(Source):
    """What a user writes."""

    name = "my_clinic"

    def __init__(self, cells: int = 3) -> None:
        self.cells = cells

    def records(self):
        Image.new("RGB", (8, 8), "pink").save("a.png")
        rows = [
            {"cell_id": f"my_clinic/{number}", "image": "a.png", "source": self.name} for number in range(self.cells)
        ]
        return manifest_table(rows, self.name)


def test_a_source_of_the_users_own_by_class_path(workplace, no_card_figure, capsys):
    config = {"sources": [{"class_path": "data.test_own_source.MyClinic", "init_args": {"cells": 4}}], "copies": "keep"}
    (workplace / "config.json").write_text(json.dumps(config))
    assert main(["prepare", "--config", "config.json", "--output", "mine.parquet"]) == 0
    assert len(pd.read_parquet("mine.parquet")) == 4
    assert main(["prepare", "--config", "config.json", "--output", "mine.csv"]) == 2
    assert "error: --output mine.csv" in capsys.readouterr().err


@pytest.mark.parametrize(("step", "file"), [("pq.write_table", "mine.parquet"), ("draw_card", "mine.png")])
def test_a_full_disk_is_told_and_the_files_of_before_stay(workplace, no_card_figure, monkeypatch, capsys, step, file):
    def contents():
        return {path.name: path.read_bytes() for path in Path("out").iterdir() if path.name.startswith("mine")}

    def fill(_, path):
        path.write_bytes(b"half a file")
        raise OSError(ENOSPC, "No space left on device")

    own = '[{"class_path": "data.test_own_source.MyClinic"}]'
    words = ["prepare", "--sources", own, "--output", "out/mine.parquet"]
    assert main([*words, "--copies", "keep"]) == 0
    before = contents()
    assert len(before) == 4
    monkeypatch.setattr(f"hemblip.corpus.prepare.{step}", fill)
    assert main(words) == 2
    said = f"error: out/{file}: cannot be written (No space left on device); make room or choose another folder"
    assert capsys.readouterr().err.splitlines()[-1] == said
    assert contents() == before


def test_an_output_that_cannot_be_written_is_told_before_the_work(workplace):
    Path("file").write_text("not a folder")
    with pytest.raises(DataError, match=r"^file/x\.parquet: cannot be written \(file is a file\)"):
        prepare([Folder("nowhere", "raabin")], output="file/x.parquet")
