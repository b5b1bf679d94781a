"""A planted shortcut is found in the view that it is in, and in no other."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from metrics.by_hand import interval_by_hand
from PIL import Image
from sklearn.metrics import balanced_accuracy_score

from hemblip.cli.main import main
from hemblip.corpus import shortcuts
from hemblip.corpus.audit import audit
from hemblip.corpus.shortcuts import confounding_warning, shortcut_scores
from hemblip.data.records import manifest_table
from hemblip.data.sources import Source


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    """What is planted here is found by a few; each tree costs time."""
    monkeypatch.setattr(shortcuts, "TREES", 25)


def cells(folder, plant, count=72):
    """Discs of random colour on grey, of 12 patients and two sources; `plant` says what tells the sources apart."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(count):
        second = number % 2
        width, grey = 32, 200
        if plant == "aspect":
            width = 26 if second else 32
        pixels = np.full((32, width, 3), grey, np.uint8)
        if plant == "background":
            pixels[..., 2] = 230 if second else 200
        y, x = np.mgrid[:32, :width]
        disc = np.hypot(x - width / 2, y - 16) < rng.uniform(7, 11)
        pixels[disc] = rng.integers(40, 200, 3)
        if plant == "colour":
            pixels[disc] = [200, 60, 60] if second else [60, 60, 200]
        noisy = np.clip(pixels + rng.normal(0, 4, pixels.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / f"{number}.png")
        patient = number // 2 % 6 + 6 * second
        rows.append(
            {"cell_id": str(number), "image": str(folder / f"{number}.png"), "source": "ab"[second],
             "group": f"patient-{patient}"}
        )  # fmt: skip
    return manifest_table(rows, "test")


def scores(folder, plant):
    table = shortcut_scores(cells(folder, plant))
    assert set(table["question"]) == {"source"} and (table["chance"] == 0.5).all() and (table["groups"] == 12).all()
    return table.set_index("view")


def test_background(tmp_path):
    found = scores(tmp_path, "background")
    assert found.loc["background ring", "balanced_accuracy"] > 0.95 and found.loc["background ring", "low"] > 0.7
    assert found.loc["size and aspect", "balanced_accuracy"] == pytest.approx(0.5, abs=0.2)


def test_aspect(tmp_path):
    found = scores(tmp_path, "aspect")
    assert found.loc["size and aspect", "balanced_accuracy"] > 0.95 and found.loc["size and aspect", "low"] > 0.7
    assert found.loc["background ring", "low"] < found.loc["size and aspect", "low"]


def test_colour_of_the_cell(tmp_path):
    found = scores(tmp_path, "colour")
    assert found.loc["colour statistics", "balanced_accuracy"] > 0.95 and found.loc["colour statistics", "low"] > 0.7
    assert found.loc["size and aspect", "balanced_accuracy"] < 0.7


def test_nothing_to_find(tmp_path):
    found = scores(tmp_path, "nothing")
    assert (found["low"] < 0.5).all() and (found["high"] > 0.5).all()
    assert (found["balanced_accuracy"] < 0.75).all()


def test_intervals_are_those_of_scoring_what_is_left_row_by_row(tmp_path, monkeypatch):
    manifest = cells(tmp_path, "nothing")
    truth, groups = manifest["source"].to_numpy(dtype=str), manifest["group"].to_numpy(dtype=str)
    guess = np.where(np.random.default_rng(0).random(len(truth)) < 0.7, truth, "a")
    monkeypatch.setattr(shortcuts, "_cross_validated", lambda *_: guess)
    found = shortcut_scores(manifest).iloc[0]
    left = [balanced_accuracy_score(truth[groups != one], guess[groups != one]) for one in sorted(set(groups))]
    assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth, guess))
    assert (found["low"], found["high"]) == pytest.approx(interval_by_hand(left, found["balanced_accuracy"], 12))


def test_warning_where_source_and_diagnosis_are_one():
    table = pd.DataFrame({"source": ["a", "a", "b", "b"], "diagnosis": ["healthy", "healthy", "AML", "ALL"]})
    assert "balanced accuracy of 1.00" in confounding_warning(table)
    assert confounding_warning(table.assign(diagnosis="healthy")) is None
    assert confounding_warning(table.assign(source=["a", "b", "a", "b"])) is None


class Drawn(Source):
    """Cells with healthy and leukemic patients of one source."""

    name = "drawn"

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def records(self):
        table = cells(Path(self.folder), "aspect")
        return table.assign(diagnosis=table["source"].map({"a": "healthy", "b": "CML"}), split="train")


def test_command(workplace):
    (workplace / "cells").mkdir()
    (workplace / "audit.yaml").write_text(
        "sources: [{class_path: corpus.test_shortcuts.Drawn, init_args: {folder: cells}}]\ncells: 36\n"
    )
    assert main(["audit", "--config", "audit.yaml", "--shortcuts", "true"]) == 0
    table = pd.read_csv("audit/shortcuts.csv")
    assert set(table["question"]) == {"source", "diagnosis", "healthy or leukemic"} and (table["cells"] == 36).all()
    report = (workplace / "audit" / "audit.md").read_text()
    assert "healthy against leukemic is confounded with the source" in report and "## Shortcuts" in report


def test_questions_with_one_answer_are_left_out(tmp_path):
    manifest = cells(tmp_path, "nothing", 12).assign(source="a")
    assert shortcut_scores(manifest).empty
    source = type("One", (Source,), {"name": "one", "records": lambda self: manifest.assign(split="train")})()
    audit([source], output=str(tmp_path / "audit"), shortcuts=True)
    assert "No question has two answers" in (tmp_path / "audit" / "audit.md").read_text()


@pytest.mark.parametrize("cells_drawn", [1, 3, 5])
def test_few_cells_give_no_answer_or_one_that_can_be_asked(tmp_path, cells_drawn):
    table = shortcut_scores(cells(tmp_path, "colour"), cells=cells_drawn)
    assert (table["groups"] >= 4).all() and (not len(table) or cells_drawn == 5)
