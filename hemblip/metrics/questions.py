"""How questions about cells are answered: by kind and attribute, beside the usual answer and what captions state.

Prediction rows with a `question` hold an answer as their `caption` and the right one as their `reference`; see
`hemblip.data.questions`. Which attribute a question is about is read from its words, so that anybody's questions are
scored alike.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import pandas as pd

from hemblip.data.questions import NOT_ANNOTATED, OPEN, YES_OR_NO, cell_of, make_questions
from hemblip.data.records import QUESTION
from hemblip.metrics.asked import ANSWER_CONFIDENCE_PREFIX, ANSWER_PREFIX, has_answers
from hemblip.morphology import KEYS, extract_attributes
from hemblip.morphology.questions import read_answer, understood

OTHER = "other"
"""Kind of questions about no attribute of the schema."""

ORDER = (OPEN, YES_OR_NO, NOT_ANNOTATED, OTHER)


class Topic(NamedTuple):
    """What a question is about.

    Attributes:
        kind: `open`, `yes or no`, `not annotated` or `other`.
        attribute: key; empty if it is about none.
        values: of a yes-or-no question those for which the answer is yes.
    """

    kind: str
    attribute: str
    values: frozenset[str] = frozenset()


@lru_cache(100_000)
def topic(question: str, answer: str) -> Topic:
    """Tell kind and attribute of a question by its words and its right answer."""
    asked, right = understood(question), _plain(answer)
    key = asked.key if asked else ""
    if right == NOT_ANNOTATED:
        return Topic(NOT_ANNOTATED, key)
    if right in ("yes", "no"):
        return Topic(YES_OR_NO, key, (asked.values or frozenset()) if asked else frozenset())
    return Topic(OPEN if key else OTHER, key)


def stated_by(question: str, reference: str, answer: str) -> dict[str, str | None]:
    """Give the attributes that a text states: all of a description; of an answer that of an open question, or none."""
    if not question:
        return extract_attributes(answer)
    about = topic(question, reference)
    stated: dict[str, str | None] = dict.fromkeys(KEYS)
    if about.kind in (OPEN, NOT_ANNOTATED) and about.attribute and _plain(answer) != NOT_ANNOTATED:
        stated[about.attribute] = read_answer(about.attribute, answer)
    return stated


def is_right(question: str, reference: str, answer: str) -> bool:
    """Whether an answer is the right one: its value, its yes or no, or its words."""
    about = topic(question, reference)
    if about.kind == OPEN and (value := read_answer(about.attribute, reference)) is not None:
        return value == read_answer(about.attribute, answer)
    if about.kind == YES_OR_NO:
        return _plain(answer).split(" ")[0].strip(",.;") == _plain(reference)
    return _plain(answer) == _plain(reference)


def questions_of(table: pd.DataFrame) -> pd.DataFrame:
    """Those of some prediction rows that answer questions."""
    return table[table[QUESTION] != ""] if QUESTION in table else table.head(0)


def by_cell(table: pd.DataFrame) -> pd.DataFrame:
    """Prediction rows of cells alone, with what was answered about them beside what captions tell.

    Args:
        table: prediction rows, of cells and of questions about them; of questions alone, they stay as they are.

    Returns:
        Rows without a question, with `answer_<key>` and `answer_confidence_<key>` (see `hemblip.metrics.asked`) from
        open questions, unless the cells were asked otherwise.
    """
    asked = questions_of(table)
    if asked.empty or len(asked) == len(table):
        return table
    cells = table[table[QUESTION] == ""].drop(columns=QUESTION).reset_index(drop=True)
    if has_answers(cells):
        return cells
    given: dict[str, dict[str, tuple[str | None, float | None]]] = {key: {} for key in KEYS}
    for row, question, right, answer, sure in asked[
        ["cell_id", QUESTION, "reference", "caption", "confidence"]
    ].itertuples(index=False):
        about = topic(question, right)
        if about.kind in (OPEN, NOT_ANNOTATED) and about.attribute:
            value = stated_by(question, right, answer)[about.attribute]
            given[about.attribute][cell_of(row)] = value, sure if value is not None else None
    nothing = (None, None)
    told = {
        prefix + key: pd.Series([given[key].get(cell, nothing)[place] for cell in cells["cell_id"]], dtype=kind)
        for key in KEYS
        for place, (prefix, kind) in enumerate(((ANSWER_PREFIX, object), (ANSWER_CONFIDENCE_PREFIX, float)))
    }
    return cells.assign(**told)


def usual_answers(training: pd.DataFrame) -> dict[tuple[bool, str], str]:
    """Find the most frequent answer to questions about each attribute, of equally frequent ones the alphabet's first.

    Args:
        training: manifest of the training cells; of questions about them if it has some, else these are made.

    Returns:
        Whether yes or no is asked for, and the attribute -> answer. Whether the annotation says something is told to
        nobody: questions that it does not answer are open ones.
    """
    if QUESTION in training:
        pairs = [(one, texts[0]) for one, texts in zip(training[QUESTION], training["captions"], strict=True) if one]
    else:
        pairs = [(one.question, one.answer) for one in make_questions(training, 0)]
    counts: dict[tuple[bool, str], Counter[str]] = {}
    for question, answer in pairs:
        about = topic(question, answer)
        counts.setdefault((about.kind == YES_OR_NO, about.attribute), Counter())[answer] += 1
    return {form: min(found, key=lambda one: (-found[one], one)) for form, found in counts.items()}


def question_scores(
    asked: pd.DataFrame, usual: dict[tuple[bool, str], str], captions: pd.DataFrame | None = None
) -> list[dict[str, object]]:
    """Score answers by kind of question and attribute.

    Args:
        asked: `cell_id`, `question`, `reference` and, if they were answered, `caption`, as rows of predictions have.
        usual: see `usual_answers`.
        captions: prediction rows of the cells that are asked about; silence is wrong where the annotation says
            something.

    Returns:
        For each kind and attribute, and for each kind over all (attribute `all`): `kind`, `attribute`, `questions`
        (number), `majority`, `answers` and `captions`, shares right, 0 to 1, or None.
    """
    stated = {} if captions is None else captions.set_index("cell_id")[list(KEYS)].to_dict("index")
    answers = asked["caption"] if "caption" in asked else [None] * len(asked)
    groups: dict[tuple[str, str], list[tuple[bool, bool | None, bool | None]]] = {}
    for row, question, right, answer in zip(
        asked["cell_id"], asked[QUESTION], asked["reference"], answers, strict=True
    ):
        about = topic(question, right)
        most = usual.get((about.kind == YES_OR_NO, about.attribute))
        told = None
        if about.attribute and (cell := stated.get(cell_of(row) or row)) is not None:
            told = _told(about, right, cell[about.attribute])
        judged = (most == right, None if answer is None else is_right(question, right, answer), told)
        for attribute in (about.attribute or OTHER, "all"):
            groups.setdefault((about.kind, attribute), []).append(judged)
    places = [*KEYS, OTHER, "all"]
    return [
        {
            "kind": kind,
            "attribute": attribute,
            "questions": len(found := groups[kind, attribute]),
            **{
                name: _share(column)
                for name, column in zip(("majority", "answers", "captions"), zip(*found, strict=True), strict=True)
            },
        }
        for kind, attribute in sorted(groups, key=lambda one: (ORDER.index(one[0]), places.index(one[1])))
    ]


def answer_scores(answers: pd.DataFrame, cells: pd.DataFrame, training: pd.DataFrame | None) -> list[dict[str, object]]:
    """Score what a captioner answered, beside what its own captions of the cells state.

    Args:
        answers: prediction rows of questions.
        cells: those of the cells; the same ones where only questions were asked, and captions state nothing.
        training: manifest of the training cells, for the usual answers; None if it is not known.

    Returns:
        See `question_scores`.
    """
    usual = {} if training is None else usual_answers(training)
    return question_scores(answers, usual, None if len(answers) == len(cells) else cells)


def _told(about: Topic, right: str, stated: object) -> bool | None:
    """Whether a caption that states a value of the attribute, or None, answers rightly."""
    if about.kind == NOT_ANNOTATED:
        return stated is None
    if about.kind == YES_OR_NO:
        return (
            stated is not None and about.values != frozenset() and (stated in about.values) == (_plain(right) == "yes")
        )
    value = read_answer(about.attribute, right)
    return None if value is None else stated == value


def _share(judged: Iterable[bool | None]) -> float | None:
    known = [one for one in judged if one is not None]
    return sum(known) / len(known) if known else None


def _plain(text: str) -> str:
    return " ".join(text.lower().split()).rstrip(".!")


def question_lines(scores: Sequence[Mapping[str, object]]) -> str:
    """Write `question_scores` for the terminal, in percent; columns that hold nothing are left out."""
    table = pd.DataFrame(scores).dropna(axis="columns", how="all")
    return str(table.to_string(index=False, float_format=lambda share: f"{100 * share:.1f}", na_rep=""))
