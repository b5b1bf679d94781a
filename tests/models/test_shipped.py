"""The captioner and the twelve cells that come with the package."""

from pathlib import Path

import pandas as pd
import pytest

import hemblip
from hemblip.cli.main import main
from hemblip.data.taught import never_seen
from hemblip.run import SHIPPED

CELLS = Path(hemblip.__file__).parent / "data" / "cells"
TYPES = {"ba": "basophil", "bne": "neutrophil", "eo": "eosinophil", "ly": "lymphocyte", "mo": "monocyte"}


@pytest.fixture(scope="module")
def captioner():
    return hemblip.load("wbcatt-compact", device="cpu")


def test_it_describes_cells_that_it_has_not_seen(captioner):
    paths = sorted(CELLS.glob("*.jpg"))
    assert len(paths) == 12
    found = captioner.describe(paths)
    wanted = [TYPES[path.name.split("_")[0]] for path in paths]
    assert sum(one.attributes["cell_type"] == kind for one, kind in zip(found, wanted, strict=True)) >= 11
    for one in found:
        assert one.attributes["diagnosis"] is None  # it knows healthy cells only
        assert sum(value is not None for value in one.attributes.values()) >= 10
        assert one.caption[0].isupper() and " - " not in one.caption


def test_it_says_what_it_has_never_seen_and_is_small(captioner):
    assert "never seen leukemic cells" in never_seen(captioner.taught)
    card = (SHIPPED / "wbcatt-compact" / "README.md").read_text()
    assert "never seen leukemic cells" in card and "doi 10.17632/snkd93bnjr.1" in card
    assert sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file()) < 6e6
    assert "doi 10.17632/snkd93bnjr.1" in (CELLS / "ATTRIBUTION.md").read_text()


def test_predict_takes_it_by_name(workplace, captioner, capsys):
    assert main(["predict", "--run", "wbcatt-compact", "--images", str(CELLS), "--output", "o.csv"]) == 0
    table = pd.read_csv("o.csv")
    assert table["caption"].tolist() == [one.caption for one in captioner.describe(table["image"].tolist())]
    assert "never seen leukemic cells" in capsys.readouterr().out
    assert main(["predict", "--run", "wbcatt-compact", "--images", str(CELLS), "--risk=0.1", "--output", "p.csv"]) == 2
    assert "--risk: wbcatt-compact comes with HemBLIP, without the captions of validation" in capsys.readouterr().err
    assert main(["test", "--run", "wbcatt-compact"]) == 2
    assert "comes with HemBLIP" in capsys.readouterr().err


def contents():
    return {path: path.read_bytes() for path in SHIPPED.rglob("*") if path.is_file()}


def test_explain_takes_it_by_name(workplace, capsys):
    before, words = contents(), ["explain", "--run", "wbcatt-compact", "--method", "attention"]
    assert main([*words, "--images", str(CELLS), "--cells", "2"]) == 0
    assert len(list(Path("runs/wbcatt-compact/explain/attention/sheets").iterdir())) == 2
    assert main(words) == 2
    assert "--run wbcatt-compact: it has no cells of its own; give --images" in capsys.readouterr().err
    assert contents() == before  # nothing is written into the package


def test_export_takes_it_by_name_and_every_command_what_was_exported(workplace, captioner, capsys):
    before, cells = contents(), sorted(CELLS.glob("*.jpg"))[:3]
    assert main(["export", "--run", "wbcatt-compact", "--output", "mine"]) == 0
    assert contents() == before and "it/s" not in capsys.readouterr().err  # bars are for terminals
    told = [one.caption for one in captioner.describe(cells)]
    assert [one.caption for one in hemblip.load("mine", device="cpu").describe(cells)] == told
    for name in ("generation_config.json", "processor_config.json", "familiarity.npz"):
        assert Path("mine", name).read_bytes() == (SHIPPED / "wbcatt-compact" / name).read_bytes()
    card = Path("mine/README.md").read_text()
    assert 'from_pretrained("mine")' in card and "| test | 600 | 93.7 |" in card
    assert main(["predict", "--run", "mine", "--images", str(CELLS), "--output", "o.csv"]) == 0
    assert pd.read_csv("o.csv")["caption"].tolist()[:3] == told
    assert main(["ask", "--run", "mine", "--images", str(cells[0]), "--question", "Is the nucleus lobed?"]) == 0
    assert main(["test", "--run", "mine"]) == 2
    assert "--run mine: it is an exported captioner" in capsys.readouterr().err
    Path("mine/README.md").unlink()
    assert main(["export", "--run", "mine", "--output", "again"]) == 2
    assert "README.md: no such file; export the run again" in capsys.readouterr().err and not Path("again").exists()
