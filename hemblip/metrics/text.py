"""Scores of captions against references, as in the paper's Table 1 and in comparable form.

All texts are normalised alike first: lower case, one space around punctuation, so that a model whose tokenizer
writes "light - blue" is not scored for its spacing.
"""

import re
import warnings
from collections.abc import Sequence

from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.bleu import BLEU

from hemblip.errors import DataError

NORMALISATION = "lower case; one space around punctuation"


def normalise(text: str) -> str:
    """Lower the case and put one space around punctuation."""
    return " ".join(re.findall(r"\w+|[^\w\s]", text.lower()))


def sentence_scores(references: Sequence[str], captions: Sequence[str]) -> list[dict[str, float]]:
    """Score each caption.

    Args:
        references: one text a cell.
        captions: as many texts.

    Returns:
        For each cell `bleu` (nltk sentence BLEU, smoothing method 4, white-space tokens, as in the paper's code) and
        `rouge_l` (F-measure with stemmer), both 0 to 1; an empty caption scores 0.
    """
    smoothing = SmoothingFunction().method4
    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    known: dict[tuple[str, str], dict[str, float]] = {}
    scores = []
    for pair in zip(map(normalise, references), map(normalise, captions), strict=True):
        if pair not in known:
            reference, caption = pair
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # nltk warns of missing orders, which the smoothing is for
                bleu = (
                    sentence_bleu([reference.split()], caption.split(), smoothing_function=smoothing)
                    if caption
                    else 0.0
                )
            rouge = scorer.score(reference, caption)["rougeL"].fmeasure if caption else 0.0
            known[pair] = {"bleu": float(bleu), "rouge_l": float(rouge)}
        scores.append(known[pair])
    return scores


def text_scores(references: Sequence[str], captions: Sequence[str]) -> dict[str, float | str]:
    """Score a set of captions.

    Returns:
        Means over cells of `sentence_scores`, and `sacrebleu` (corpus BLEU, 0 to 100) with its `sacrebleu_signature`.

    Raises:
        DataError: there are no captions.
    """
    if not captions:
        raise DataError("no captions to score; run `python -m hemblip test` on a split that has cells")
    scores = sentence_scores(references, captions)
    corpus = BLEU(force=True)  # no warning that the text is tokenised: the normalisation is meant
    score = corpus.corpus_score([normalise(text) for text in captions], [[normalise(text) for text in references]])
    return {
        "bleu": sum(score["bleu"] for score in scores) / len(scores),
        "rouge_l": sum(score["rouge_l"] for score in scores) / len(scores),
        "sacrebleu": score.score,
        "sacrebleu_signature": str(corpus.get_signature()),
        "text_normalisation": NORMALISATION,
    }
