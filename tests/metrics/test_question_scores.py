"""Answers to questions, judged and put beside captions."""

import random
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from hemblip.data.questions import NOT_ANNOTATED, OPEN, YES_OR_NO, make_questions
from hemblip.metrics.asked import ANSWER_CONFIDENCE_PREFIX, ANSWER_PREFIX, as_answered
from hemblip.metrics.jackknife import interval
from hemblip.metrics.questions import by_cell, is_right, question_scores, questions_of, stated_by, topic, usual_answers
from hemblip.morphology import KEYS
from hemblip.predictions import prediction_table, rows

SIZE, LARGE = "What size is the cell?", "Is the size of the cell large?"


@pytest.mark.parametrize(
    ("question", "answer", "kind", "attribute"),
    [
        (SIZE, "large", OPEN, "cell_size"),
        (LARGE, "No.", YES_OR_NO, "cell_size"),
        (SIZE, "not annotated", NOT_ANNOTATED, "cell_size"),
        ("Is there a parasite?", "yes", YES_OR_NO, ""),
        ("Who drew this blood?", "a nurse", "other", ""),
    ],
)
def test_kind_and_attribute_are_read_from_the_words(question, answer, kind, attribute):
    assert topic(question, answer)[:2] == (kind, attribute)


@pytest.mark.parametrize(
    ("question", "reference", "answer", "right"),
    [
        (SIZE, "large", "Large.", True),
        (SIZE, "large", "small", False),
        (SIZE, "large", "The cell is large.", True),
        (SIZE, "large", "", False),
        (SIZE, "large", "not annotated", False),
        (SIZE, "not annotated", "Not annotated.", True),
        (SIZE, "not annotated", "large", False),
        (LARGE, "yes", "Yes, it is.", True),
        (LARGE, "yes", "Yes! It is.", True),
        (LARGE, "yes", "no", False),
        (LARGE, "no", "nothing", False),
        ("What is the shape of the nucleus?", "segmented-bilobed", "segmented-bilobed", True),
        ("Who drew this blood?", "a nurse", "A nurse.", True),
    ],
)
def test_answers_are_right_by_value_by_yes_or_no_or_by_words(question, reference, answer, right):
    assert is_right(question, reference, answer) == right


def test_an_answer_states_what_is_asked_for_alone():
    assert {key for key, value in stated_by(SIZE, "large", "small").items() if value} == {"cell_size"}
    assert not any(stated_by(LARGE, "yes", "yes").values())
    assert not any(stated_by(SIZE, "large", "not annotated").values())
    assert stated_by("", "", "A large monocyte.")["cell_type"] == "monocyte"


@pytest.fixture
def table():
    """Two cells that are described, of which the second one is asked for its size as well, wrongly answered."""
    told = rows(["A large monocyte.", "A small cell."], annotations=[{}, {"cell_size": "large"}], cells=["a", "b"])
    asked = [
        ("b?00", SIZE, "large", "small", 0.9),
        ("b?01", LARGE, "yes", "yes", 0.8),
        ("a?00", SIZE, NOT_ANNOTATED, "large", 0.7),
    ]
    answers = [
        {**told.iloc[0].to_dict(), **stated_by(question, right, said), "cell_id": cell, "question": question}
        | {"reference": right, "caption": said, "confidence": sure}
        for cell, question, right, said, sure in asked
    ]
    return prediction_table([*told.assign(question="").to_dict("records"), *answers])


def test_rows_of_cells_keep_their_captions_and_get_the_answers(table):
    cells = by_cell(table)
    assert cells["cell_id"].tolist() == ["a", "b"] and "question" not in cells
    assert cells["caption"].tolist() == ["A large monocyte.", "A small cell."]
    assert cells[ANSWER_PREFIX + "cell_size"].tolist() == ["large", "small"]
    assert cells[ANSWER_CONFIDENCE_PREFIX + "cell_size"].tolist() == [0.7, 0.9]
    assert as_answered(cells)["cell_type"].tolist() == [None, None]
    assert by_cell(cells) is cells and by_cell(questions_of(table)).equals(questions_of(table))


def test_answers_are_counted_beside_majority_and_captions(table):
    """By hand: `b` is said to be small in answer and caption, to be large in answer to yes or no."""
    training = pd.DataFrame({"question": [SIZE, SIZE, LARGE], "captions": [["large"], ["large"], ["no"]]})
    found = {
        (one["kind"], one["attribute"]): (one["questions"], one["majority"], one["answers"], one["captions"])
        for one in question_scores(questions_of(table), usual_answers(training), by_cell(table))
    }
    assert found[OPEN, "cell_size"] == found[OPEN, "all"] == (1, 1.0, 0.0, 0.0)
    assert found[YES_OR_NO, "cell_size"] == (1, 0.0, 1.0, 0.0)
    assert found[NOT_ANNOTATED, "cell_size"] == (1, 0.0, 0.0, 0.0)


SHAPE = {"cell_size": ("small", "large"), "chromatin": ("dense", "loose"), "nucleoli": ("inconspicuous", "prominent")}


@pytest.mark.parametrize("seed", range(3))
def test_scores_and_intervals_are_those_of_brute_force(seed):
    """Questions know what they are about and what is right; no word of them is read here."""
    draw = random.Random(seed)
    cells = pd.DataFrame(
        [
            {"cell_id": f"c{place:02d}", "image": "", "group": f"p{place % 5}", "split": "test", **dict.fromkeys(KEYS)}
            | {key: draw.choice((*values, None)) for key, values in SHAPE.items()}
            for place in range(30)
        ],
        dtype=object,
    )
    said = {cell: {key: draw.choice((*values, None)) for key, values in SHAPE.items()} for cell in cells["cell_id"]}
    captions = pd.DataFrame(
        [{"cell_id": cell, **dict.fromkeys(KEYS), **stated} for cell, stated in said.items()], dtype=object
    )
    asked = [one for one in make_questions(cells, seed) if one.attribute in SHAPE]
    told = [draw.choice(["Yes.", "no", "Not annotated", *SHAPE[one.attribute]]) for one in asked]
    group = cells.set_index("cell_id")["group"]
    rows = pd.DataFrame(
        [
            (one.cell_id, one.question, one.answer, group[one.cell_id], said)
            for one, said in zip(asked, told, strict=True)
        ],
        columns=["cell_id", "question", "reference", "group", "caption"],
    )

    def judge(one, answer):
        most = Counter(
            other.answer
            for other in make_questions(cells, 0)
            if other.attribute == one.attribute and (other.kind == YES_OR_NO) == (one.kind == YES_OR_NO)
        )
        usual = min(most, key=lambda answer: (-most[answer], answer))
        stated = said[one.cell_id][one.attribute]
        told = {NOT_ANNOTATED: stated is None, OPEN: stated == one.answer}.get(
            one.kind, stated is not None and (stated == one.value) == (one.answer == "yes")
        )
        return usual == one.answer, answer.rstrip(".").lower() == one.answer, told

    judged = [(one, judge(one, answer)) for one, answer in zip(asked, told, strict=True)]
    scores = question_scores(rows, usual_answers(cells), captions)
    assert {one["kind"] for one in scores} == {OPEN, YES_OR_NO, NOT_ANNOTATED} and len(scores) > 9
    for score in scores:
        found = [
            (group[one.cell_id], right)
            for one, right in judged
            if one.kind == score["kind"] and score["attribute"] in (one.attribute, "all")
        ]
        assert score["questions"] == len(found)
        patients = sorted({patient for patient, _ in found})
        for column, name in enumerate(("majority", "answers", "captions")):
            share = np.mean([right[column] for _, right in found])
            without = [np.mean([right[column] for other, right in found if other != one]) for one in patients]
            expected = interval(share, np.array(without), len(patients), (0.0, 1.0))
            low, high = score[f"{name}_low"], score[f"{name}_high"]
            assert (score[name], low, high) == pytest.approx((share, expected.low, expected.high))


def test_the_majority_of_a_file_is_judged_by_what_answers_mean():
    """And answers of the annotation count beside those of the file."""
    file = pd.DataFrame({"question": [SIZE] * 3, "captions": [["Large."], ["large"], ["small"]]})
    assert usual_answers(file) == {(False, "cell_size"): "large"}
    cells = {"cell_id": ["a", "b", "c"], "image": "", "question": "", "captions": [[], [], []]}
    cells = pd.DataFrame({**cells, **dict.fromkeys(KEYS), "chromatin": ["dense", "dense", "loose"]}).astype(object)
    usual = usual_answers(pd.concat([cells, file.assign(**dict.fromkeys(KEYS))], ignore_index=True))
    assert usual[False, "cell_size"] == "large" and usual[False, "chromatin"] == "dense"
    asked = [{"cell_id": "x", "group": "x", "question": SIZE, "reference": "Large!", "caption": "It is small."}]
    (one, _) = question_scores(pd.DataFrame(asked), usual)
    assert (one["majority"], one["answers"], one["captions"]) == (1.0, 0.0, None)


def test_captions_are_not_judged_by_questions_whose_values_are_not_known(table):
    odd = "Is the chromatin remarkable?"
    asked = pd.DataFrame([{"cell_id": "a", "group": "g", "question": odd, "reference": "no", "caption": "No."}])
    (one, _) = question_scores(asked, {}, by_cell(table))
    assert (one["attribute"], one["answers"], one["captions"]) == ("chromatin", 1.0, None)


def test_without_captions_and_training_there_are_answers_alone(table):
    found = question_scores(questions_of(table), {}, None)
    assert {one["captions"] for one in found} == {None} and {one["majority"] for one in found} == {0.0}
