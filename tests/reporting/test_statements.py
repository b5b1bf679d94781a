"""Statements of captions, judged and marked in their words."""

import pytest

from hemblip.morphology import KEYS, extract_attributes
from hemblip.predictions import TRUE_PREFIX
from hemblip.reporting.statements import MARKS, judge, marked_caption


def row(caption, **truth):
    known = dict.fromkeys(KEYS) | truth
    return {
        "caption": caption,
        **extract_attributes(caption),
        **{TRUE_PREFIX + key: value for key, value in known.items()},
    }


CAPTION = "A large neutrophil with coarse chromatin and prominent nucleoli."
TRUTH = {"cell_type": "neutrophil", "cell_size": "small", "chromatin": "open", "granules": "small"}


def test_each_statement_gets_its_verdict():
    verdicts = {statement.key: statement.verdict for statement in judge(row(CAPTION, **TRUTH))}
    assert verdicts == {
        "cell_type": "right",
        "cell_size": "wrong",  # small and large are opposites
        "chromatin": "near",  # the paper's own example of a plausible error
        "nucleoli": "unverifiable",
        "granules": "omitted",
    }


def test_pieces_make_up_the_caption_and_mark_the_words_that_state():
    pieces = marked_caption(row(CAPTION, **TRUTH))
    assert "".join(piece.text for piece in pieces) == CAPTION
    assert [(piece.text, piece.verdict) for piece in pieces if piece.verdict] == [
        ("large", "wrong"),
        ("neutrophil", "right"),
        ("coarse", "near"),
        ("prominent", "unverifiable"),
    ]
    assert "annotated: small" in next(piece.note for piece in pieces if piece.text == "large")


def test_no_verdict_is_told_by_colour_alone():
    assert len(set(MARKS.values())) == len(MARKS)


@pytest.mark.parametrize("caption", ["", "   ", "…", "nothing to see"])
def test_a_caption_that_says_nothing_has_no_marks(caption):
    pieces = marked_caption(row(caption, **TRUTH))
    assert "".join(piece.text for piece in pieces) == caption
    assert not [piece for piece in pieces if piece.verdict]
