"""Cells that are unlike those of training."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import hemblip
from hemblip.cli.main import main
from hemblip.errors import DataError
from hemblip.metrics.abstention import FOREIGN
from hemblip.models.familiarity import FILE, MOST, NEIGHBOUR, Familiarity, sample_of

TINY = str(Path(__file__).parents[1] / "conf" / "tiny.yaml")
RUN = Path("runs/tiny/version_0")
CELLS = Path(hemblip.__file__).parent / "data" / "cells"
random = np.random.default_rng(0)


def clouds(size, place=0.0):
    return (place + random.normal(size=(size, 8))).astype(np.float32)


def test_the_distance_is_that_to_the_fifth_nearest():
    training = clouds(50)
    known = Familiarity.of(training, clouds(20))
    point = clouds(1, 0.3)
    scaled = (training - training.mean(0)) / (training.std(0) + 1e-6)
    by_hand = np.sort(np.linalg.norm(scaled - (point - training.mean(0)) / (training.std(0) + 1e-6), axis=1))
    assert known.distance(point)[0] == pytest.approx(by_hand[NEIGHBOUR - 1], rel=1e-4)


def test_quantiles_are_those_of_validation_cells():
    known = Familiarity.of(clouds(200), clouds(400))
    assert known.quantile(clouds(400)).mean() == pytest.approx(0.5, abs=0.08)
    assert (known.quantile(clouds(20, 9.0)) > FOREIGN).all()


def test_it_is_kept_with_a_run(tmp_path):
    known = Familiarity.of(clouds(30), clouds(10))
    assert Familiarity.read(tmp_path) is None
    known.write(tmp_path)
    again, some = Familiarity.read(tmp_path), clouds(5)
    assert np.allclose(known.distance(some), again.distance(some), atol=1e-2)
    (tmp_path / FILE).write_bytes((tmp_path / FILE).read_bytes()[:99])
    with pytest.raises(DataError, match=r"familiarity.npz: damaged .* validate"):
        Familiarity.read(tmp_path)


def test_a_sample_does_not_depend_on_the_order_of_files():
    cells = [f"cell-{number}" for number in range(3 * MOST)]
    chosen = {cells[place] for place in sample_of(cells)}
    backwards = cells[::-1]
    assert len(chosen) == MOST and chosen == {backwards[place] for place in sample_of(backwards)}


def strange(folder, size=64):
    """Noise, an empty field and something like a photograph, beside a cell."""
    folder.mkdir()
    Image.fromarray(random.integers(0, 256, (size, size, 3), dtype=np.uint8)).save(folder / "noise.png")
    Image.fromarray(np.full((size, size, 3), 243, np.uint8)).save(folder / "empty.png")
    shades = np.linspace(0, 255, size).astype(np.uint8)
    Image.fromarray(np.stack([*np.meshgrid(shades, shades), np.full((size, size), 40, np.uint8)], -1)).save(
        folder / "photo.png"
    )
    (folder / "ly_179009.jpg").write_bytes((CELLS / "ly_179009.jpg").read_bytes())


def test_the_captioner_that_comes_along_knows_what_is_no_cell(workplace, capsys):
    strange(Path("mixed"), 360)
    assert main(["predict", "--run", "wbcatt-compact", "--images", "mixed", "--output", "o.csv"]) == 0
    far = pd.read_csv("o.csv").set_index("cell_id")["unlike"]
    assert (far[["noise.png", "empty.png", "photo.png"]] > FOREIGN).all() and far["ly_179009.jpg"] < FOREIGN
    assert "3 of them of cells unlike those of training (column unlike)" in capsys.readouterr().out
    cell = hemblip.load("wbcatt-compact", device="cpu").describe(["mixed/noise.png"])[0]
    assert cell.unlike == pytest.approx(far["noise.png"])


def test_a_page_too_short_for_all_keeps_the_unlike_cells_first_and_lists_what_is_torn(workplace, monkeypatch):
    monkeypatch.setattr("hemblip.callbacks.prediction_writer.PAGE", 3)
    strange(Path("mixed"), 360)
    (Path("mixed") / "torn.png").write_bytes(b"\x89PNG torn")
    assert main(["predict", "--run", "wbcatt-compact", "--images", "mixed", "--output", "o.html"]) == 0
    told = Path("o.html").read_text()
    names = re.findall(r'aria-label="([^"]+\.(?:png|jpg))"', told)
    assert sorted(names) == ["empty.png", "noise.png", "photo.png"] and "3 of 4 cells" in told
    assert "never seen leukemic cells" in told and "Model: <code>wbcatt-compact</code>" in told
    assert "torn.png" in told.split("Not described:")[1].split("</ul>")[0]


def test_nothing_is_said_of_foreign_cells_where_a_risk_is_promised(tiny_run, capsys):
    assert main(["validate", "--config", TINY, "--ckpt_path", str(RUN)]) == 0
    assert (RUN / FILE).is_file()
    strange(Path("mixed"))
    words = ["predict", "--config", TINY, "--ckpt_path", str(RUN), "--images", "mixed"]
    assert main([*words, "--risk", "0.5", "--output", "o.csv"]) == 0
    table = pd.read_csv("o.csv").set_index("cell_id")
    foreign = table["unlike"] > FOREIGN
    assert foreign["noise.png"] and table.loc[foreign, "caption"].isna().all()
    assert (table.loc[foreign, "why"] == "unlike the training cells").all() and table["unshortened"].notna().any()
    assert main([*words, "--output", "o.html"]) == 0
    assert "Unlike the cells that it was trained on" in Path("o.html").read_text()
