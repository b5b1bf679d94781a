"""sacreBLEU as a function of sums over cells: counts of n-grams and lengths add up."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from sacrebleu.metrics.bleu import BLEU

from hemblip.metrics.jackknife import Sums
from hemblip.metrics.text import normalise

Values = NDArray[np.float64]

_SCORER = BLEU(force=True)  # no warning that the text is tokenised: the normalisation is meant


def corpus_bleu_sums(references: Sequence[str], captions: Sequence[str]) -> Sums:
    """Make corpus BLEU (0 to 100), as `hemblip.metrics.text_scores` has it, from sums as `sacrebleu`."""
    pairs = zip(map(normalise, references), map(normalise, captions), strict=True)
    return Sums(np.array([_counts(*pair) for pair in pairs]), _score, ("sacrebleu",), limits=(0.0, 100.0))


def signature() -> str:
    """What makes the score comparable: version and settings of sacreBLEU."""
    _SCORER.corpus_score(["a"], [["a"]])  # it knows the number of references only then
    return str(_SCORER.get_signature())


@lru_cache(maxsize=2**17)  # most pairs are asked for several times
def _counts(reference: str, caption: str) -> tuple[float, ...]:
    found = _SCORER.corpus_score([caption], [[reference]])
    return (*found.counts, *found.totals, found.sys_len, found.ref_len)


def _score(sums: Values) -> Values:
    rows = sums.reshape(-1, sums.shape[-1]).astype(int).tolist()
    scores = [_SCORER.compute_bleu(row[:4], row[4:8], row[8], row[9], _SCORER.smooth_method).score for row in rows]
    return np.array(scores).reshape(*sums.shape[:-1], 1)
