"""Does a captioner look at the cell, or say the same of many? How many different captions it has, and how they repeat.

Good scores are no sign of it: where one type is common, its commonest caption is right of many cells.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from hemblip.metrics.pairs import normalise
from hemblip.metrics.references import with_reference

NGRAM = 4
"""Words of a run that a text should have once."""


class Diversity(NamedTuple):
    """How different texts are, each normalised.

    Attributes:
        distinct: number of different texts.
        commonest: share of the texts that are the commonest one, above 0 to 1.
        repeated: share of the runs of four words of a text that it has had before, mean over texts, 0 to 1 (seq-rep-4:
            Welleck et al., Neural text generation with unlikelihood training, ICLR 2020); a shorter text has none.
    """

    distinct: int
    commonest: float
    repeated: float


def diversity_of(texts: Sequence[str]) -> Diversity | None:
    """Compare texts with each other; None without any."""
    if not len(texts):
        return None
    given = Counter(texts)
    counts: Counter[str] = Counter()
    for text, count in given.items():
        counts[normalise(text)] += count
    repeated = sum(_repeated(text) * count for text, count in counts.items()) / len(texts)
    return Diversity(len(counts), max(counts.values()) / len(texts), float(repeated))


def diversity(table: pd.DataFrame) -> dict[str, float | int | None]:
    """Compare captions with each other, and the references of the same cells.

    Args:
        table: prediction rows of one model.

    Returns:
        `distinct_captions`, `commonest_caption` and `repeated_ngrams` as in `Diversity`, and of the cells with a
        reference `distinct_references`, `commonest_reference` and `repeated_ngrams_of_references`; None without one.
    """
    captions = diversity_of(table["caption"].tolist())
    references = diversity_of(table.loc[with_reference(table), "reference"].tolist())
    return {
        "distinct_captions": captions.distinct if captions else None,
        "distinct_references": references.distinct if references else None,
        "commonest_caption": captions.commonest if captions else None,
        "commonest_reference": references.commonest if references else None,
        "repeated_ngrams": captions.repeated if captions else None,
        "repeated_ngrams_of_references": references.repeated if references else None,
    }


def _repeated(text: object) -> float:
    words = str(text).split()
    runs = [tuple(words[start : start + NGRAM]) for start in range(len(words) - NGRAM + 1)]
    return 1 - len(set(runs)) / len(runs) if runs else 0.0
