"""The whole experiment in one command."""

from pathlib import Path

import pytest
import yaml

from hemblip.cli.main import main

TINY = str(Path(__file__).parents[1] / "conf" / "tiny.yaml")
CELLS = {"class_path": "hemblip.data.sources.Synthetic", "init_args": {"cells": 20, "size": 32, "external": True}}
EXTERNAL = {"class_path": "hemblip.data.ExternalCells", "init_args": {"image_size": 32, "sources": [CELLS]}}


@pytest.mark.slow
def test_it_ends_with_the_scores_of_all_cells_and_where_the_rest_is(workplace, capsys):
    Path("external.yaml").write_text(yaml.safe_dump(EXTERNAL))
    assert main(["demo", "--experiment", TINY, "--external", "external.yaml", "--name", "shown"]) == 0
    *_, table, paths = capsys.readouterr().out.split("\n\n")
    rows = [line.split()[:2] for line in table.splitlines()[1:] if "means without" not in line]
    assert rows == [["val", "24"], ["test", "24"], ["external", "20"]]
    assert "majority %" in table and "n/a" not in table
    for line in paths.splitlines():
        _, path = line.split()
        for split in ("test", "external"):
            assert Path(path.replace("{test,external}", split)).is_file()


def test_it_ends_where_a_command_fails(workplace, capsys):
    assert main(["demo", "--experiment", "nowhere.yaml"]) == 2
    told = capsys.readouterr()
    assert told.out.count("$ python -m hemblip") == 1 and told.err.count("error:") == 1 and "nowhere.yaml" in told.err
