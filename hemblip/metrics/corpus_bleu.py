"""sacreBLEU as a function of sums over cells: counts of n-grams and lengths add up."""

from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray
from sacrebleu.metrics.bleu import BLEU

from hemblip.metrics.jackknife import Sums
from hemblip.metrics.pairs import distinct, normalise

Values = NDArray[np.float64]

_SCORER = BLEU(force=True)  # no warning that the text is tokenised: the normalisation is meant


def corpus_bleu_sums(references: Sequence[str], captions: Sequence[str]) -> Sums:
    """Make corpus BLEU (0 to 100), as `hemblip.metrics.text_scores` has it, from sums as `sacrebleu`."""
    pairs, which = distinct(list(zip(references, captions, strict=True)))
    counts = [bleu_counts((normalise(reference),), normalise(caption)) for reference, caption in pairs]
    return Sums(np.array(counts)[which], bleu_of_counts, ("sacrebleu",), limits=(0.0, 100.0))


def signature(references: Collection[int] = (1,)) -> str:
    """What makes the score comparable: settings and version of sacreBLEU, and numbers of references a cell."""
    texts = [["a"] * count for count in references]
    _SCORER.corpus_score(["a"] * len(texts), list(zip_longest(*texts)))  # it knows their number only then
    return str(_SCORER.get_signature())


@lru_cache(maxsize=2**17)  # most are asked for several times
def bleu_counts(references: tuple[str, ...], caption: str) -> tuple[float, ...]:
    """Summands (10,) of a cell: n-grams that match, all (4 each); words of caption and nearest reference."""
    found = _SCORER.corpus_score([caption], [[reference] for reference in references])
    return (*found.counts, *found.totals, found.sys_len, found.ref_len)


def bleu_of_counts(sums: Values) -> Values:
    """Corpus BLEU (..., 1) of sums (..., 10)."""
    rows = sums.reshape(-1, sums.shape[-1]).astype(int).tolist()
    scores = [_SCORER.compute_bleu(row[:4], row[4:8], row[8], row[9], _SCORER.smooth_method).score for row in rows]
    return np.array(scores).reshape(*sums.shape[:-1], 1)
