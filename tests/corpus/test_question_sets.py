"""Questions made of the annotation, and how far captions answer them."""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pytest
from finished_run import finished_run
from tiny_blip import tiny

from hemblip.cli.main import main
from hemblip.data.questions import CLOSED, NOT_ANNOTATED, OPEN, WORDINGS, YES_OR_NO, make_questions
from hemblip.data.sources.manifest import read_manifest
from hemblip.metrics.questions import question_scores, usual_answers
from hemblip.morphology import KEYS, SCHEMA, describe
from hemblip.morphology.questions import understood
from hemblip.predictions import rows

SIZES = ["small", "large", "large", "large", "small", "medium", "large"]


@pytest.fixture
def cells():
    """Seven cells with a size, of which five have nucleoli as well, all alike."""
    rows = [
        {"cell_id": f"c{place}", "image": f"{place}.png", **dict.fromkeys(KEYS), "cell_size": size}
        for place, size in enumerate(SIZES)
    ]
    for row in rows[:5]:
        row["nucleoli"] = "prominent"
    return pd.DataFrame(rows).astype(object).where(lambda table: table.notna(), None)


def test_each_annotated_attribute_is_asked_for_once(cells):
    asked = [one for one in make_questions(cells, 0) if one.kind == OPEN]
    assert Counter(one.attribute for one in asked) == {"cell_size": 7, "nucleoli": 5}
    assert [one.answer for one in asked if one.attribute == "cell_size"] == SIZES


@pytest.mark.parametrize("seed", range(3))
def test_yes_and_no_are_in_balance_and_right(cells, seed):
    size = dict(zip(cells["cell_id"], SIZES, strict=True))
    asked = [one for one in make_questions(cells, seed) if one.kind == YES_OR_NO]
    assert Counter(one.answer for one in asked) == {"yes": 4, "no": 3}
    for one in asked:
        assert one.attribute == "cell_size"  # of nucleoli, all alike, nothing can be denied
        assert one.question == CLOSED["cell_size"].format(one.value) and one.value in SIZES
        assert (one.answer == "yes") == (one.value == size[one.cell_id])


def test_what_is_not_annotated_is_asked_for_once_a_cell(cells):
    asked = [one for one in make_questions(cells, 0) if one.kind == NOT_ANNOTATED]
    assert [one.cell_id for one in asked] == cells["cell_id"].tolist()
    for one in asked:
        assert cells.set_index("cell_id").loc[one.cell_id, one.attribute] is None and one.answer == "not annotated"


def test_the_same_seed_asks_the_same(cells):
    assert make_questions(cells, 1) == make_questions(cells.sample(frac=1, random_state=0), 1)
    assert make_questions(cells, 1) != make_questions(cells, 2)


def test_each_wording_is_understood_as_it_is_meant():
    assert set(WORDINGS) == set(CLOSED) == set(KEYS)
    for key, wordings in WORDINGS.items():
        for wording in wordings:
            found = understood(wording)
            assert found is not None and (found.key, found.values) == (key, None), wording
        for value in SCHEMA[key]:
            assert understood(CLOSED[key].format(value)) == (key, frozenset((value,)))


def test_captions_answer_by_what_they_state(cells):
    """Counted by hand: captions say `large` of all cells, and nothing of nucleoli."""
    captions = cells[["cell_id"]].assign(**dict.fromkeys(KEYS) | {"cell_size": "large"})
    captions = captions.astype(object).where(captions.notna(), None)
    asked = make_questions(cells, 0)
    rows = pd.DataFrame([asdict(one) for one in asked]).rename(columns={"answer": "reference"}).assign(group="one")
    scores = pd.DataFrame(question_scores(rows, usual_answers(cells), captions)).set_index(["kind", "attribute"])
    size = scores.loc[(OPEN, "cell_size")]
    assert (size["questions"], size["captions"], size["majority"]) == (7, 4 / 7, 4 / 7)
    assert scores.loc[(OPEN, "nucleoli"), ["captions", "majority"]].tolist() == [0, 1]
    closed = [one for one in asked if one.kind == YES_OR_NO]
    right = sum((one.value == "large") == (one.answer == "yes") for one in closed)
    assert scores.loc[(YES_OR_NO, "cell_size"), "captions"] == right / 7
    assert scores.loc[(YES_OR_NO, "cell_size"), "majority"] == 4 / 7
    assert (scores.loc[NOT_ANNOTATED]["captions"] == 1).all() and scores["answers"].isna().all()


def test_mistakes_are_told_in_one_line(workplace, capsys):
    assert main(["questions", "--manifest", "none.parquet"]) == 2
    error = capsys.readouterr().err
    assert "no such manifest" in error and error.count("\n") == 1 and not Path("questions.jsonl").exists()
    Path("mine.jsonl").write_text("mine")
    assert main(["questions", "--manifest", "none.parquet", "--output", "mine.jsonl"]) == 2
    assert "mine.jsonl: no earlier result of `questions`" in capsys.readouterr().err
    assert Path("mine.jsonl").read_text() == "mine"


@pytest.mark.slow
def test_captions_of_the_annotation_itself_answer_everything(workplace, capsys):
    root = Path(__file__).parents[2]
    assert main(["prepare", "--config", str(root / "configs/prepare/demo.yaml"), "--output", "made.parquet"]) == 0
    manifest = read_manifest(Path("made.parquet"))
    cells = manifest[manifest["split"] == "test"].to_dict("records")
    told = [describe({key: cell[key] for key in KEYS}) for cell in cells]
    table = rows(told, told, pd.DataFrame(cells)[list(KEYS)], cells=[cell["cell_id"] for cell in cells])
    run = finished_run(workplace / "runs/tiny/version_0", tiny(), {"pretrained": "compact"})
    (run / "predictions").mkdir()
    table.to_parquet(run / "predictions/test.parquet")
    assert main(["questions", "--manifest", "made.parquet", "--run", str(run)]) == 0
    lines = [json.loads(line) for line in Path("questions.jsonl").read_text().splitlines()]
    assert {line["kind"] for line in lines} >= {OPEN, YES_OR_NO} and {line["cell_id"] for line in lines} == {
        cell["cell_id"] for cell in cells
    }
    scores = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip().startswith("open ")]
    assert len(scores) > 10 and {words[-1] for words in scores} == {"100.0"}
    assert any(words[-2] != "100.0" for words in scores)
