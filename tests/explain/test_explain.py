"""The command on a run of two minutes' worth nothing: files, their content, and what users do wrong."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from finished_run import finished_run
from PIL import Image
from tiny_blip import TINY, tiny

from hemblip.cli.main import main
from hemblip.data.sources.synthetic import DRAWN

SENTENCE = "a small lymphocyte from a healthy person with dense chromatin and no vacuoles ."
STATED = {"cell_size", "cell_type", "diagnosis", "chromatin", "cytoplasm_vacuoles", "caption"}


@pytest.fixture
def run(workplace, monkeypatch):
    """A run on drawn cells whose captioner says the same of every cell."""
    settings = {"pretrained": "compact", "compact": vars(TINY) | {"stem": list(TINY.stem)}}
    folder = finished_run(workplace / "runs" / "tiny" / "version_0", tiny(), settings)
    config = yaml.safe_load((folder / "config.yaml").read_text())
    source = {"class_path": "hemblip.data.sources.Synthetic", "init_args": {"cells": 60, "size": 40}}
    config["data"] = {
        "class_path": "hemblip.data.InternalCells",
        "init_args": {"image_size": 32, "crop": 0.9, "cache": "cache", "sources": [source]},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.setattr("hemblip.models.BlipCaptioner.generate", lambda self, batch: [SENTENCE] * len(batch["images"]))
    return folder


def explain(run, *words):
    return main(["explain", "--run", str(run), "--output", "out", *words])


def test_maps_sheets_and_overlays_of_each_statement(run, capsys):
    assert explain(run, "--method", "[attention, random]", "--cells", "1") == 0
    assert "s a cell" in capsys.readouterr().out
    for method in ("attention", "random"):
        (stored,) = Path("out", method, "maps").iterdir()
        with np.load(stored) as maps:
            assert set(maps) == STATED | {"text"} and str(maps["text"]) == SENTENCE
            for key in STATED:
                found = maps[key]
                assert found.shape == (40, 40) and found.dtype == np.float32
                assert found.sum() == pytest.approx(1, abs=1e-4) and found.min() >= 0
                assert found[:2].sum() == 0  # cropped away
        with Image.open(f"out/{method}/sheets/{stored.stem}.png") as sheet:
            assert sheet.width > 800
        assert {path.stem for path in Path("out", method, "overlays", stored.stem).iterdir()} == STATED


def test_only_asked_statements_are_shown(run):
    assert explain(run, "--method", "occlusion", "--keys", "[chromatin]", "--cells", "1") == 0
    (maps,) = (run / "../../../out/occlusion/maps").iterdir()
    with np.load(maps) as found:
        assert set(found) == {"chromatin", "text"}


def test_trial_writes_rows_table_and_words(run, capsys):
    assert explain(run, "--method", "[attention]", "--trial", "--cells", "4") == 0
    rows, table = pd.read_csv("out/trial_rows.csv"), pd.read_csv("out/trial.csv")
    assert set(rows["method"]) == {"attention", "random", "centre"} and len(rows) == 4 * 3 * len(STATED)
    assert set(table["key"]) == STATED | {"all statements"}
    assert table.loc[table["method"] == "centre", "beats_centre"].abs().max() == 0
    said = capsys.readouterr().out
    assert "did no better than a random map or a blob in the middle: do not read them" in said
    assert "rank correlation" in said


def test_edits_of_a_captioner_that_sees_nothing_change_nothing(run, capsys):
    assert explain(run, "--edits", "--cells", "6") == 0
    table, parts = pd.read_csv("out/edits.csv"), pd.read_csv("out/part_edits.csv")
    assert table["rate"].max() == 0 and parts["rate"].max() == 0
    assert set(parts["part"]) == {"nucleus", "cytoplasm", "background"}
    assert "in 0% (mean over attributes), another one changes in 0.0%" in capsys.readouterr().out
    assert Image.open("out/edits.png").width > 800


def test_edits_of_captions_that_state_nothing_are_refused(run, capsys, monkeypatch):
    monkeypatch.setattr("hemblip.models.BlipCaptioner.generate", lambda self, batch: ["Blue."] * len(batch["images"]))
    assert explain(run, "--edits", "--cells", "2") == 2
    assert "no caption of 2 cells states anything that an edit could change" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--method", "[gaze]"], "--method gaze: no such method; there are attention"),
        (["--keys", "[mood]"], "--keys mood: no such attribute"),
        (["--keys", "[granules]"], "no caption of 8 cells states granules"),
        (["--split", "external"], "--split external: the run's data has no such cells; it has"),
        (["--cells", "0"], "--cells is 0"),
        (["--edits", "--cells", "1"], "--edits: of 1 drawn cells none has a value that another has not"),
        (["--images", "plain", "--trial"], "cell '1.png' has no mask"),
        (["--images", "plain", "--edits"], "cell '1.png' has no mask"),
        (["--images", "plain", "--method", "[parts]"], "--method parts needs masks"),
        (["--images", "sizes", "--trial"], "mask of 20x20 pixels, but its image"),
        (["--images", "small"], "3x3 pixels are too few"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(run, capsys, words, says):
    for folder, side in (("plain", 40), ("sizes", 40), ("small", 3)):
        (run / "../../.." / folder).resolve().mkdir()
        Image.new("RGB", (side, side), "pink").save(f"{folder}/1.png")
    Image.new("L", (20, 20), 255).save("sizes/1_mask.png")
    assert explain(run, *words) == 2
    (line,) = [text for text in capsys.readouterr().err.splitlines() if text.startswith("error: ")]
    assert says in line


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("attention/mine.png", ["--method", "attention"]),
        ("trial.csv", ["--trial"]),
        ("edits.md", ["--edits"]),
        ("part_edits.csv", ["--edits"]),
    ],
)
def test_nothing_of_the_users_is_replaced(run, capsys, monkeypatch, file, words):
    mine = Path("out", file)
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    monkeypatch.setattr("hemblip.explain.explain.open_run", lambda run: pytest.fail("the work has begun"))
    assert explain(run, *words) == 2
    assert mine.name in capsys.readouterr().err and mine.read_text() == "mine"
    assert [path for path in Path("out").rglob("*") if path.is_file()] == [mine]


def test_earlier_maps_are_replaced_and_those_of_another_method_stay(run):
    for method, cells in (("random", 1), ("centre", 2), ("centre", 1)):
        assert explain(run, "--method", method, "--cells", str(cells), "--keys", "[chromatin]") == 0
    assert len(list(Path("out/random/maps").iterdir())) == 1 == len(list(Path("out/centre/maps").iterdir()))


def test_a_run_that_is_not_there_is_named(run, capsys):
    assert explain(run.parent / "version_7") == 2
    assert "version_7" in capsys.readouterr().err


def test_images_with_masks_beside_them_are_tried(run, capsys):
    (run / "../../../mine").resolve().mkdir()
    labels = np.zeros((40, 40), np.uint8)
    labels[10:30, 10:30] = 128
    labels[15:25, 15:25] = 255
    for name in "ab":
        Image.new("RGB", (40, 40), "pink").save(f"mine/{name}.png")
        Image.fromarray(labels).save(f"mine/{name}_mask.png")
    assert explain(run, "--images", "mine", "--trial", "--method", "[occlusion]") == 0
    assert set(pd.read_csv("out/trial_rows.csv")["cell_id"]) == {"a.png", "b.png"}
    json.dumps(capsys.readouterr().out)


def test_drawn_cells_are_called_drawn_and_others_are_not(run, written):
    words = ("--method", "[random]", "--keys", "[chromatin]")
    assert explain(run, *words, "--cells", "1") == 0
    assert sum(text.startswith(f"{DRAWN}\n") for text in written) == 2  # overlay and sheet
    written.clear()
    assert explain(run, "--edits", "--cells", "6") == 0
    assert DRAWN in written
    written.clear()
    Path("mine").mkdir()
    Image.new("RGB", (40, 40), "pink").save("mine/a.png")
    assert explain(run, *words, "--images", "mine") == 0
    assert written and not any(DRAWN in text for text in written)
