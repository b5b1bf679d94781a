"""Answers to questions, judged and put beside captions."""

import pandas as pd
import pytest

from hemblip.data.questions import NOT_ANNOTATED, OPEN, YES_OR_NO
from hemblip.metrics.asked import ANSWER_CONFIDENCE_PREFIX, ANSWER_PREFIX, as_answered
from hemblip.metrics.questions import by_cell, is_right, question_scores, questions_of, stated_by, topic, usual_answers
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


def test_without_captions_and_training_there_are_answers_alone(table):
    found = question_scores(questions_of(table), {}, None)
    assert {one["captions"] for one in found} == {None} and {one["majority"] for one in found} == {0.0}
