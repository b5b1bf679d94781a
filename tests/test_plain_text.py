"""What comes from outside is shown, and does nothing."""

import csv
import io
import re
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hemblip.cli.main import main
from hemblip.plain_text import FORMULA, as_written, csv_text, plain

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=12) | st.sampled_from(
    ["=1+1", "'=1", "''=1", "-3", "+3e4", "@A1", "\tx", "'", "it's", "-", "-nan", "=", "'-2"]
)


@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_a_table_for_spreadsheets_holds_what_it_was_given_and_no_formula(texts):
    header, *rows = csv.reader(io.StringIO(csv_text(pd.DataFrame({"caption": texts, "number": -1.5}))))
    assert header == ["caption", "number"] and {row[1] for row in rows} == {"-1.5"}
    cells = [row[0] for row in rows]
    assert [as_written(cell) for cell in cells] == texts
    for cell in cells:
        assert not cell.startswith(FORMULA) or float(cell) is not None


@given(st.text(max_size=20))
def test_plain_text_cannot_act_on_a_terminal(text):
    kept = plain(text)
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", kept)
    assert plain(kept) == kept and [sign for sign in kept if sign.isprintable()] == [
        sign for sign in text if sign.isprintable()
    ]


EVIL = '<script>alert(1)</script>\u202e\x1b[31m | \\input{/etc/passwd} [a](javascript:1) <img src=x onerror="x">'


@pytest.fixture
def hostile(workplace, capsys):
    rows = [
        {
            **{"cell_id": f"=cmd|'/C calc'!A{number}<b>", "group": f"<g>{number % 4}\x1b[0m", "model": model},
            **{"caption": f"=2+2 A large neutrophil. {EVIL}", "reference": f"A small lymphocyte. {EVIL}"},
            "cell_type": "neutrophil" if number % 3 else "monocyte",
        }
        for number in range(8)
        for model in (f"@SUM(1){EVIL}", f"=other{{}}$^_{EVIL}")
    ]
    pd.DataFrame(rows).to_csv("captions.csv", index=False)
    assert main(["score", "captions.csv", "--output", "scores"]) == 0
    return {path: path.read_text() for path in Path("scores").iterdir() if path.suffix in READ} | {
        Path("terminal.txt"): capsys.readouterr().out
    }


READ = (".html", ".csv", ".md", ".tex", ".json")


def test_nothing_from_outside_acts_in_what_is_written(hostile):
    assert {path.suffix for path in hostile} == {*READ, ".txt"}
    for path, text in hostile.items():
        assert "\x1b" not in text and "\u202e" not in text, path
        if path.suffix in (".html", ".md"):
            assert "<script>alert" not in text and "<img src=x" not in text, path
            assert "](javascript" not in text or path.suffix == ".html", path
        if path.suffix == ".tex":
            assert "\\input{" not in text, path
        if path.suffix == ".csv":
            cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
            assert not [cell for cell in cells if re.match("[=@]|[+-](?![0-9.])", cell)], path


def test_a_table_that_was_written_is_read_as_it_was(workplace):
    table = pd.DataFrame({"cell_id": ["=a", "-b", "'c"], "caption": "A monocyte.", "cell_type": "monocyte"})
    Path("captions.csv").write_text(csv_text(table))
    assert main(["score", "captions.csv", "--output", "scores"]) == 0
    assert pd.read_parquet("scores/predictions.parquet")["cell_id"].tolist() == ["'c", "-b", "=a"]
