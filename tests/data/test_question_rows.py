"""Questions among the cells: rows, batches, splits, and published files of them."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hemblip.data import ExternalCells, InternalCells
from hemblip.data.balance import Balance
from hemblip.data.questions import cell_of, question_rows
from hemblip.data.sources import QuestionFile, Synthetic, check_source
from hemblip.errors import ConfigError
from hemblip.morphology import KEYS
from hemblip.morphology.questions import understood


@pytest.fixture
def cells(workplace):
    data = InternalCells([Synthetic(40, size=32)], image_size=32, batch_size=8, cache="cache", questions=True)
    data.setup()
    return data


def test_each_cell_is_described_and_asked_about(cells):
    rows, manifest = cells.rows, cells.manifest
    assert "question" not in manifest and set(rows["cell_id"]) > set(manifest["cell_id"])
    asked = rows[rows["question"] != ""]
    assert rows["cell_id"].is_unique and set(asked["cell_id"].map(cell_of)) == set(manifest["cell_id"])
    split = manifest.set_index("cell_id")["split"]
    assert (asked["cell_id"].map(cell_of).map(split) == asked["split"]).all()
    known = manifest.set_index("cell_id").to_dict("index")
    for row in asked.to_dict("records"):
        told = {key: row[key] for key in KEYS if row[key] is not None}
        cell, about = known[cell_of(row["cell_id"])], understood(row["question"])
        (answer,) = row["captions"]
        if answer in ("yes", "no"):
            assert not told and (answer == "yes") == (cell[about.key] in about.values)
        else:
            assert told == ({} if cell[about.key] is None else {about.key: cell[about.key]})
            assert answer == (cell[about.key] or "not annotated")


def test_a_question_comes_with_the_image_of_its_cell(cells):
    dataset = cells.dataset("test")
    assert len(dataset.cells) == (cells.manifest["split"] == "test").sum() < len(dataset)
    pictures = {example["cell_id"]: example["image"] for example in (dataset[0, row] for row in range(len(dataset)))}
    for name, picture in pictures.items():
        assert np.array_equal(picture, pictures[cell_of(name) or name])
    batch = next(iter(cells.test_dataloader()))
    assert len(batch["questions"]) == 8 and "" in batch["questions"]


def test_what_training_has_one_value_of_is_not_asked_for(cells):
    assert set(question_rows(cells.manifest, ["cell_size"], 0)["question"].map(lambda one: understood(one).key)) == {
        "cell_size"
    }


def test_the_same_seed_asks_the_same(workplace, cells):
    again = InternalCells([Synthetic(40, size=32)], image_size=32, cache="cache", questions=True)
    again.setup()
    assert again.rows.equals(cells.rows)


def test_external_cells_are_asked_about_too(workplace):
    data = ExternalCells([Synthetic(10, size=32, external=True)], image_size=32, cache="cache", questions=True)
    data.setup()
    assert set(data.asked["split"]) == {"external"} and len(data.asked) > 100


def test_questions_and_balance_exclude_each_other():
    with pytest.raises(ConfigError, match="balance"):
        InternalCells([Synthetic(10)], balance=Balance(), questions=True)


LINES = [
    {"image": "a.png", "question": "What size is the cell?", "answer": "Large"},
    {"image": "a.png", "question": "Is the nucleus lobed?", "answer": "yes"},
    {"image": "b.png", "question": "Who drew this blood?", "answer": "a nurse"},
    {"image": "b.png", "question": "Empty?", "answer": ""},
    {"image": "none.png", "question": "What is the diagnosis?", "answer": "CLL"},
]


@pytest.fixture
def published(workplace):
    for name in "ab":
        Image.fromarray(np.full((20, 20, 3), ord(name), np.uint8)).save(f"{name}.png")
    Path("instr.jsonl").write_text("".join(json.dumps(line) + "\n" for line in LINES))
    return QuestionFile("instr.jsonl")


def test_a_file_of_questions_is_a_source(published):
    table = check_source(published)
    assert table["question"].tolist() == [line["question"] for line in LINES[:3]]
    assert table["captions"].tolist() == [["Large"], ["yes"], ["a nurse"]]
    assert table["cell_size"].tolist() == ["large", None, None] and table["nucleus_shape"].isna().all()
    assert table["group"].tolist() == ["questions/a.png", "questions/a.png", "questions/b.png"]
    assert sorted(published.excluded) == ["instr.jsonl row 4", "instr.jsonl row 5"]


def test_marks_of_the_image_are_left_out_of_questions(published):
    told = [{**LINES[0], "question": "<image>\nWhat size is the cell?"}, {**LINES[1], "question": "<image>"}]
    Path("instr.jsonl").write_text("".join(json.dumps(line) + "\n" for line in told))
    table = QuestionFile("instr.jsonl").records()
    assert table["question"].tolist() == ["What size is the cell?"] and table["cell_size"].tolist() == ["large"]


def test_images_of_a_file_are_decoded_once(published):
    data = ExternalCells([published], image_size=16, cache="cache")
    data.setup()
    dataset = data.dataset("external")
    assert len(dataset) == 3 and len(dataset.cells) == 2
    assert [dataset[0, row]["question"] for row in range(3)] == [line["question"] for line in LINES[:3]]
