"""What scores are made from, cell by cell: a score that is a function of sums over cells is cheap without a group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hemblip.metrics.attributes import (
    METRICS,
    confusion_counts,
    confusion_scores,
    contrasted,
    entirely_right,
    mean_known,
)
from hemblip.metrics.corpus_bleu import corpus_bleu_sums
from hemblip.metrics.incompatible import RULES, broken
from hemblip.metrics.jackknife import Kinds, Sums
from hemblip.metrics.references import comparable
from hemblip.metrics.text import sentence_columns
from hemblip.metrics.verdicts import Verdict, annotated, codes, hallucinated, verdicts_of
from hemblip.morphology import KEYS

if TYPE_CHECKING:  # an encoder is loaded only where BERTScore is asked for
    from hemblip.metrics.bert import BertScore

Values = NDArray[np.float64]

HALLUCINATION = "hallucination"


def attribute_sums(table: pd.DataFrame, keys: Sequence[str]) -> Sums:
    """Make the scores of attributes from sums.

    Args:
        table: prediction rows of one model.
        keys: attributes to score; those that no cell is annotated with have NaN.

    Returns:
        `<metric>/<key>` for each metric of `confusion_scores`, and their means over the keys with more than one
        annotated value as `<metric>`.
    """
    wholes = [confusion_counts(table, key) for key in keys]
    columns = [np.flatnonzero(whole) for whole in wholes]  # most of a matrix never occurs: it need not be multiplied
    *ends, width = np.cumsum([len(used) for used in columns]).tolist()
    parts = []
    for key, whole, used, start in zip(keys, wholes, columns, [0, *ends], strict=True):
        truth, stated = codes(table, key)
        column = np.full(whole.size + whole.shape[1], width, dtype=np.int16)  # not annotated: in none
        column[used] = np.arange(start, start + len(used))
        parts.append(column[truth * whole.shape[1] + stated])
    chosen = [place for place, whole in enumerate(wholes) if contrasted(whole)]

    def score(sums: Values) -> Values:
        found: dict[str, list[Values]] = {name: [] for name in METRICS}
        for some, used, whole in zip(np.split(sums, ends, axis=-1), columns, wholes, strict=True):
            matrix = np.zeros((*sums.shape[:-1], whole.size))
            matrix[..., used] = some
            for name, value in confusion_scores(matrix.reshape(*sums.shape[:-1], *whole.shape), whole).items():
                found[name].append(value)
        each = [np.stack(found[name], axis=-1) for name in METRICS]
        return np.concatenate([*each, np.stack([mean_known(part[..., chosen]) for part in each], axis=-1)], axis=-1)

    def count(sums: Values) -> Values:
        cells = np.stack([some.sum(-1) for some in np.split(sums, ends, axis=-1)], axis=-1)
        together = np.repeat(cells[..., chosen].sum(-1, keepdims=True), len(METRICS), axis=-1)
        return np.concatenate([cells] * len(METRICS) + [together], axis=-1)

    names = tuple(f"{metric}/{key}" for metric in METRICS for key in keys)
    return Sums(Kinds(np.stack(parts, axis=1), width), score, (*names, *METRICS), count)


def error_sums(table: pd.DataFrame, keys: Sequence[str]) -> Sums:
    """Make the shares of errors from sums.

    Args:
        table: prediction rows of one model.
        keys: attributes with annotated cells.

    Returns:
        `plausible/<key>` and `other/<key>`, the shares of annotated cells whose caption states a neighbouring value or
        any other wrong one, and `plausible` and `other` of all annotated attributes together.
    """
    judged = np.stack([verdicts_of(table, key) for key in keys], axis=1)  # (N, K)
    kinds = (judged == Verdict.PLAUSIBLE, judged == Verdict.WRONG, annotated(judged))

    def score(sums: Values) -> Values:
        plausible, rest, total = np.split(sums, 3, axis=-1)  # (..., K) each
        of_all = [part.sum(-1, keepdims=True) / total.sum(-1, keepdims=True) for part in (plausible, rest)]
        return np.concatenate([plausible / total, rest / total, *of_all], axis=-1)

    def count(sums: Values) -> Values:
        total = np.split(sums, 3, axis=-1)[2]
        return np.concatenate([total, total, *[total.sum(-1, keepdims=True)] * 2], axis=-1)

    names = (*(f"{kind}/{key}" for kind in ("plausible", "other") for key in keys), "plausible", "other")
    return Sums(np.concatenate(kinds, axis=1), score, names, count)


def mean_sums(cells: Mapping[str, Values], limits: tuple[float, float] = (0.0, 1.0)) -> Sums:
    """Make means over cells from sums: name -> score of each cell (N,)."""
    values = np.stack(list(cells.values()), axis=1)
    stacked = np.concatenate([values, np.ones((len(values), 1))], axis=1)
    return Sums(stacked, lambda sums: sums[..., :-1] / sums[..., -1:], tuple(cells), limits=limits)


def caption_sums(table: pd.DataFrame) -> Sums:
    """Make shares of captions from sums.

    Returns:
        `contradicting`, captions that state what cannot both be true; `hallucination/<key>` for all attributes, because
        captions also state those that no cell is annotated with, and their mean `hallucination`.
    """
    filled = hallucinated(table)[0]
    shares = {f"{HALLUCINATION}/{key}": filled[:, place] for place, key in enumerate(KEYS)}
    shares |= {HALLUCINATION: filled.mean(1), "contradicting": np.any([broken(table, rule) for rule in RULES], axis=0)}
    return mean_sums({name: share.astype(np.float64) for name, share in shares.items()})


def exact_match_sums(table: pd.DataFrame) -> Sums:
    """Make the share of entirely right captions from sums; see `hemblip.metrics.attributes.exact_match`."""
    right, known = entirely_right(table)
    cells = np.stack([right & known, known], axis=1).astype(np.float64)
    return Sums(cells, lambda sums: sums[..., :1] / sums[..., 1:], ("exact_match",), lambda sums: sums[..., 1:])


def all_sums(table: pd.DataFrame, keys: Sequence[str], text: bool = True, bert: BertScore | None = None) -> list[Sums]:
    """Everything that is known of prediction rows.

    Args:
        table: prediction rows of one model.
        keys: attributes with annotated cells.
        text: whether to score texts: `SENTENCE_SCORES` and `sacrebleu`.
        bert: encoder of BERTScore; None leaves it out.
    """
    found = [exact_match_sums(table), caption_sums(table)]
    if keys:
        found += [attribute_sums(table, keys), error_sums(table, keys)]
    known = comparable(table).rows if text or bert else np.zeros(len(table), dtype=bool)
    if not known.any():
        return found
    texts = table["reference"][known].tolist(), table["caption"][known].tolist()
    if text:
        found += [_of_some(mean_sums(sentence_columns(*texts)), known), _of_some(corpus_bleu_sums(*texts), known)]
    if bert is not None:
        matched = {name: np.array(values) for name, values in bert.scores(*texts).items()}
        found.append(_of_some(mean_sums(matched, (-1.0, 1.0)), known))
    return found


def _of_some(sums: Sums, known: NDArray[np.bool_]) -> Sums:
    """Give cells whose texts are not compared summands that change nothing."""
    if known.all():
        return sums
    assert isinstance(sums.cells, np.ndarray)
    cells = np.zeros((len(known), sums.cells.shape[1]))
    cells[known] = sums.cells
    names = len(sums.names)
    return replace(sums, cells=cells, count=lambda each: np.repeat(each.any(-1, keepdims=True), names, axis=-1))
