"""The captioner and the twelve cells that come with the package."""

from pathlib import Path

import pandas as pd
import pytest

import hemblip
from hemblip.cli.main import main
from hemblip.data.taught import never_seen
from hemblip.models.loading import SHIPPED

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
    assert main(["test", "--run", "wbcatt-compact"]) == 2
    assert "comes with HemBLIP" in capsys.readouterr().err
