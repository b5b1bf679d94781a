"""`ask` answers from the captioner that comes with HemBLIP."""

from pathlib import Path

import pandas as pd
import pytest

import hemblip
from hemblip.cli.main import main

CELLS = Path(hemblip.__file__).parent / "data" / "cells"
RUN = ["ask", "--run", "wbcatt-compact", "--images", str(CELLS)]


def test_a_question_is_answered_for_each_cell(workplace, capsys):
    assert main([*RUN, "--question", "Is the nucleus lobed?", "--output", "o.csv"]) == 0
    table = pd.read_csv("o.csv").set_index("cell_id")
    assert len(table) == 12 and set(table["attribute"]) == {"nucleus_shape"} and set(table["answer"]) == {"yes", "no"}
    assert (table["probability"] >= table["second_probability"]).all()
    assert (table["probability"] + table["second_probability"]).sub(1).abs().max() < 1e-3
    round_nuclei = [cell for cell in table.index if cell.startswith(("ly_", "mo_"))]
    assert (table.loc[round_nuclei, "answer"] == "no").all()


def test_all_attributes_are_answered(workplace):
    for _ in range(2):  # an earlier result is replaced
        assert main([*RUN, "--output", "o.csv"]) == 0
    table = pd.read_csv("o.csv")
    assert "diagnosis" not in set(table["attribute"])  # it has seen healthy cells only
    types = table[table["attribute"] == "cell_type"].set_index("cell_id")["answer"]
    assert types.filter(like="eo_").eq("eosinophil").all() and types.filter(like="ly_").eq("lymphocyte").all()
    assert table["entropy"].between(0, 4).all()


@pytest.mark.parametrize("question", ["Who won?", "Is it leukemic?"])
def test_what_was_not_taught_is_said(workplace, capsys, question):
    assert main([*RUN, "--question", question]) == 0
    assert capsys.readouterr().out.strip() == f"{question}: not something I was taught"


def test_an_output_that_cannot_be_written_is_told_first(workplace, capsys):
    assert main([*RUN, "--output", "o.txt"]) == 2 and "ends in neither" in capsys.readouterr().err
    Path("o.csv").write_text("mine")
    assert main([*RUN, "--output", "o.csv"]) == 2 and "o.csv: no earlier result of `ask`" in capsys.readouterr().err
    assert Path("o.csv").read_text() == "mine"
