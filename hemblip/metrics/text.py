"""Scores of captions against references, as in the paper's Table 1 and in comparable form.

Texts are normalised alike first: lower case, one space around punctuation, so that a model whose tokenizer writes
"light - blue" is not scored for its spacing. The paper's script did not, so that BLEU of the texts as they are is what
stands beside its figures.
"""

import warnings
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemblip.errors import DataError
from hemblip.metrics.corpus_bleu import corpus_bleu_sums, signature
from hemblip.metrics.pairs import NORMALISATION, distinct, normalise

SENTENCE_SCORES = ("bleu_raw", "bleu", "rouge_l")
"""Means over cells of `sentence_scores`."""


def sentence_scores(references: Sequence[str], captions: Sequence[str]) -> list[dict[str, float]]:
    """Score each caption.

    Args:
        references: one text a cell.
        captions: as many texts.

    Returns:
        For each cell `bleu_raw` (nltk sentence BLEU, smoothing method 4, white-space tokens, of the texts as they are:
        the paper's code), `bleu` (the same of normalised texts) and `rouge_l` (F-measure with stemmer), all 0 to 1; an
        empty caption scores 0.
    """
    return [
        {"bleu_raw": _bleu(reference, caption), **_pair_scores(normalise(reference), normalise(caption))}
        for reference, caption in zip(references, captions, strict=True)
    ]


def sentence_columns(references: Sequence[str], captions: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Give `sentence_scores` by name, (N,) each; pairs that repeat are scored once."""
    pairs, which = distinct(list(zip(references, captions, strict=True)))
    scores = sentence_scores(*zip(*pairs, strict=True)) if pairs else []
    return {name: np.array([score[name] for score in scores])[which] for name in SENTENCE_SCORES}


@lru_cache(maxsize=2**17)
def _bleu(reference: str, caption: str) -> float:
    return sentence_bleu([reference], caption) if caption.strip() else 0.0


def sentence_bleu(references: Sequence[str], caption: str) -> float:
    """Score a caption that is not empty against all its references: nltk, smoothing method 4, white-space tokens."""
    from nltk.translate import bleu_score  # takes a second to import

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nltk warns of missing orders, which the smoothing is for
        smoothing = bleu_score.SmoothingFunction().method4
        words = [text.split() for text in references]
        return float(bleu_score.sentence_bleu(words, caption.split(), smoothing_function=smoothing))


@lru_cache(maxsize=2**17)  # tables, intervals and the report ask for the same pairs
def _pair_scores(reference: str, caption: str) -> dict[str, float]:
    rouge = float(_rouge().score(reference, caption)["rougeL"].fmeasure) if caption else 0.0
    return {"bleu": _bleu(reference, caption), "rouge_l": rouge}


class _StemmedWords:
    """The library's words and stems; each word is stemmed once, which is most of the time of ROUGE-L."""

    def __init__(self) -> None:
        from nltk.stem.porter import PorterStemmer

        self.stem = lru_cache(maxsize=2**16)(PorterStemmer().stem)

    def tokenize(self, text: str) -> list[str]:
        """Split a text into stems."""
        from rouge_score.tokenize import tokenize

        return tokenize(text, self)  # type: ignore[no-any-return]


@cache
def _rouge() -> Any:
    from rouge_score.rouge_scorer import RougeScorer  # takes a second to import

    return RougeScorer(["rougeL"], tokenizer=_StemmedWords())


def text_scores(references: Sequence[str], captions: Sequence[str]) -> dict[str, float | str]:
    """Score a set of captions.

    Returns:
        Means over cells of `sentence_scores`, and `sacrebleu` (corpus BLEU, 0 to 100) with its `sacrebleu_signature`.

    Raises:
        DataError: there are no captions.
    """
    if not captions:
        raise DataError("no captions to score; run `python -m hemblip test` on a split that has cells")
    corpus = corpus_bleu_sums(references, captions)
    return {
        **{name: float(values.mean()) for name, values in sentence_columns(references, captions).items()},
        "sacrebleu": float(corpus.score(corpus.total)[0]),
        "sacrebleu_signature": signature(),
        "text_normalisation": NORMALISATION,
    }
