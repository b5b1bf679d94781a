"""All scores of one model on one set of cells."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd

from hemblip.errors import DataError
from hemblip.metrics.attributes import attribute_scores, exact_match, single_valued
from hemblip.metrics.diversity import diversity
from hemblip.metrics.incompatible import incompatible_statements
from hemblip.metrics.multi_reference import multi_reference_scores
from hemblip.metrics.references import comparable
from hemblip.metrics.text import SENTENCE_SCORES, text_scores
from hemblip.metrics.verdicts import hallucinated
from hemblip.morphology import KEYS
from hemblip.predictions import check

if TYPE_CHECKING:  # an encoder is loaded only where BERTScore is asked for
    from hemblip.metrics.bert import BertScore

Scores = dict[str, object]


def score(table: pd.DataFrame, bert: BertScore | None = None) -> Scores:
    """Score prediction rows of one model.

    Args:
        table: prediction rows, see `hemblip.predictions`; at least one.
        bert: encoder of BERTScore; None leaves it out.

    Returns:
        Ready for JSON: `cells`; the text scores, over the cells with a reference, or None and `no_text_scores`, why;
        `text_cells` and `texts_left_out`, how many and why, where only some can be compared;
        `accuracy` and `macro_f1`, means over the attributes that are annotated with more than one value;
        `single_valued`, the others; `hallucination`, mean over all; `exact_match`; `incompatible`, captions that
        contradict themselves; `diversity`, how many captions there are and how they repeat; `attributes`, a mapping
        key -> scores of `attribute_scores`; and `unannotated`, a mapping from keys without any
        annotation to the share of captions that fill them nevertheless. With `bert` also `bertscore` and what it was
        made with; of rows with `references` also `multi_reference`, see `multi_reference_scores`.

    Raises:
        DataError: there are no rows, a column is missing, or a value is not in the schema.
    """
    check(table, "prediction rows")
    if table.empty:
        raise DataError("no prediction rows to score; run `python -m hemblip test` on a split that has cells")
    attributes: dict[str, dict[str, object]] = attribute_scores(table).to_dict("index")
    made_up = dict(zip(KEYS, hallucinated(table)[0].mean(0).tolist(), strict=True))
    single = single_valued(table)
    contrasted = [row for key, row in attributes.items() if key not in single]
    return {
        "cells": len(table),
        **score_texts(table, bert),
        **{name: mean(row[name] for row in contrasted) for name in ("accuracy", "macro_f1")},
        "single_valued": single,
        "hallucination": mean(made_up.values()),
        "exact_match": exact_match(table),
        "incompatible": incompatible_statements(table),
        "diversity": diversity(table),
        "attributes": attributes,
        "unannotated": {key: share for key, share in made_up.items() if key not in attributes},
    }


def score_texts(table: pd.DataFrame, bert: BertScore | None = None) -> Scores:
    """The part of `score` that compares captions with references."""
    rows, note = comparable(table)
    if not rows.any():
        return {**dict.fromkeys((*SENTENCE_SCORES, "sacrebleu")), "no_text_scores": note}
    having = table.loc[rows, table.columns.intersection(["reference", "references", "caption"])]
    references, captions = having["reference"].tolist(), having["caption"].tolist()
    scores: Scores = dict(text_scores(references, captions))
    if note:
        scores |= {"text_cells": len(having), "texts_left_out": note}
    if bert is not None:
        scores |= bert.summary(references, captions)
    if (several := having.get("references")) is not None:
        scores["multi_reference"] = multi_reference_scores(several.tolist(), captions)
    return scores


def mean(values: Iterable[object]) -> float | None:
    """Average the numbers among `values`; None if there is none."""
    known = [value for value in values if isinstance(value, float)]
    return sum(known) / len(known) if known else None
