"""How questions about cells are answered: by kind and attribute, beside the usual answer and what captions state.

Prediction rows with a `question` hold an answer as their `caption` and the right one as their `reference`; see
`hemblip.data.questions`. Which attribute a question is about is read from its words, so that anybody's questions are
scored alike.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemblip.data.questions import NOT_ANNOTATED, OPEN, YES_OR_NO, cell_of, make_questions
from hemblip.data.records import QUESTION
from hemblip.metrics.asked import ANSWER_CONFIDENCE_PREFIX, ANSWER_PREFIX, has_answers
from hemblip.metrics.jackknife import Kinds, Sums, interval, leave_out
from hemblip.morphology import KEYS, extract_attributes
from hemblip.morphology.questions import read_answer, understood

OTHER = "other"
"""Kind of questions about no attribute of the schema."""

ANSWERS = ("majority", "answers", "captions")
"""Whose answers are judged: the most frequent one, the captioner's, and what its captions state."""

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
    return _meant(about, answer) == _meant(about, reference)


def _meant(about: Topic, answer: str) -> str:
    """What counts of an answer: the value that it states, its first word where that is yes or no, else its words."""
    if about.kind == OPEN and (value := read_answer(about.attribute, answer)) is not None:
        return value
    return _plain(answer).split(" ")[0].strip(",.;:!") if about.kind == YES_OR_NO else _plain(answer)


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
        training: manifest of the training cells, and of questions about them if it has some; those of the annotation
            are made.

    Returns:
        Whether yes or no is asked for, and the attribute -> answer. Whether the annotation says something is told to
        nobody: questions that it does not answer are open ones.
    """
    asked = questions_of(training)
    cells = training.drop(index=asked.index)
    pairs = [(one.question, one.answer) for one in make_questions(cells, 0)] if len(cells) else []
    if len(asked):
        pairs += [(question, texts[0]) for question, texts in zip(asked[QUESTION], asked["captions"], strict=True)]
    counts: dict[tuple[bool, str], Counter[str]] = {}
    for question, answer in pairs:
        about = topic(question, answer)
        counts.setdefault((about.kind == YES_OR_NO, about.attribute), Counter())[_meant(about, answer)] += 1
    return {form: min(found, key=lambda one: (-found[one], one)) for form, found in counts.items()}


def question_scores(
    asked: pd.DataFrame, usual: dict[tuple[bool, str], str], captions: pd.DataFrame | None = None
) -> list[dict[str, object]]:
    """Score answers by kind of question and attribute.

    Args:
        asked: `cell_id`, `group`, `question`, `reference` and, if they were answered, `caption`, as rows of predictions
            have.
        usual: see `usual_answers`.
        captions: prediction rows of the cells that are asked about; silence is wrong where the annotation says
            something.

    Returns:
        For each kind and attribute, and for each kind over all (attribute `all`): `kind`, `attribute`, `questions`
        (number), and for each of `ANSWERS` the share that is right, 0 to 1, or None, with its 95 % interval over groups
        (`<name>_low`, `<name>_high`) if there is one.
    """
    judged = _judged(asked, usual, captions)
    forms = [(kind, attribute) for kind, attribute, *_ in judged]
    order = [*KEYS, OTHER, "all"]
    places = sorted(
        {*forms, *((kind, "all") for kind, _ in forms)}, key=lambda one: (ORDER.index(one[0]), order.index(one[1]))
    )
    number = {place: index for index, place in enumerate(places)}
    width = len(places) * len(ANSWERS)
    # Of each question and judge a 1 where it was judged, and a second one, `width` further, where it was right; both
    # for its attribute and for all of its kind.
    ones = np.full((len(judged), 4 * len(ANSWERS)), 2 * width, np.int16)
    for row, (kind, attribute, *found) in enumerate(judged):
        for column, right in enumerate(found):
            if right is not None:
                known = [number[kind, part] * len(ANSWERS) + column for part in (attribute, "all")]
                ones[row, 4 * column : 4 * column + 4] = [
                    *known,
                    *(place + width if right else 2 * width for place in known),
                ]

    def share(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return sums[..., width:] / sums[..., :width]

    names = tuple(name for _ in places for name in ANSWERS)
    left = leave_out(
        Sums(Kinds(ones, 2 * width), share, names, lambda sums: sums[..., :width]), asked["group"].tolist()
    )
    asked_for = Counter(forms) + Counter((kind, "all") for kind, _ in forms)
    scores: list[dict[str, object]] = []
    for place, (kind, attribute) in enumerate(places):
        scores.append({"kind": kind, "attribute": attribute, "questions": asked_for[kind, attribute]})
        for column, name in enumerate(ANSWERS, place * len(ANSWERS)):
            one = interval(float(left.values[column]), left.without[:, column], int(left.groups[column]), (0.0, 1.0))
            scores[-1] |= {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}
    return scores


def _judged(
    asked: pd.DataFrame, usual: dict[tuple[bool, str], str], captions: pd.DataFrame | None
) -> list[tuple[str, str, bool, bool | None, bool | None]]:
    """Kind and attribute of each question, and for each of `ANSWERS` whether it is right; None if it is not known."""
    stated = {} if captions is None else captions.set_index("cell_id")[list(KEYS)].to_dict("index")
    answers = asked["caption"] if "caption" in asked else [None] * len(asked)
    judged = []
    for row, question, right, answer in zip(
        asked["cell_id"], asked[QUESTION], asked["reference"], answers, strict=True
    ):
        about = topic(question, right)
        most = usual.get((about.kind == YES_OR_NO, about.attribute))
        told = None
        if about.attribute and (cell := stated.get(cell_of(row) or row)) is not None:
            told = _told(about, right, cell[about.attribute])
        usually = most is not None and is_right(question, right, most)
        said = None if answer is None else is_right(question, right, answer)
        judged.append((about.kind, about.attribute or OTHER, usually, said, told))
    return judged


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
    """Whether a caption that states a value of the attribute, or None, answers rightly; None if that cannot be read."""
    if about.kind == NOT_ANNOTATED:
        return stated is None
    if about.kind == YES_OR_NO:
        known = stated is not None and (stated in about.values) == (_plain(right) == "yes")
        return known if about.values else None
    value = read_answer(about.attribute, right)
    return None if value is None else stated == value


def _plain(text: str) -> str:
    return " ".join(text.lower().split()).rstrip(".!")


def question_lines(scores: Sequence[Mapping[str, object]]) -> str:
    """Write `question_scores` for the terminal, in percent; columns that hold nothing are left out, and intervals."""
    table = pd.DataFrame(scores)[["kind", "attribute", "questions", *ANSWERS]].dropna(axis="columns", how="all")
    return str(table.to_string(index=False, float_format=lambda share: f"{100 * share:.1f}", na_rep=""))
