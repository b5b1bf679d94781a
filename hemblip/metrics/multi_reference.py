"""Text scores against all captions of a cell: another wording that its annotation allows costs nothing.

Kept apart from the scores against one reference, with which they cannot be compared.
"""

import warnings
from collections.abc import Sequence
from itertools import zip_longest

from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from sacrebleu.metrics.bleu import BLEU

from hemblip.metrics.text import normalise, sentence_scores


def multi_reference_scores(references: Sequence[Sequence[str]], captions: Sequence[str]) -> dict[str, float | str]:
    """Score captions against several references each, normalised as in `hemblip.metrics.text`.

    Args:
        references: at least one text a cell; cells may have different numbers of them.
        captions: one text a cell, at least one cell.

    Returns:
        Means over cells of `bleu` (nltk sentence BLEU with all references, smoothing method 4, 0 to 1) and `rouge_l`
        (best F-measure over the references, 0 to 1; Lin, 2004); `sacrebleu` (corpus BLEU, 0 to 100) with its
        `sacrebleu_signature`; `references`, their mean number a cell.
    """
    texts = [[normalise(text) for text in several] for several in references]
    stated = [normalise(caption) for caption in captions]
    smoothing = SmoothingFunction().method4
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nltk warns of missing orders, which the smoothing is for
        bleu = [
            float(sentence_bleu([text.split() for text in several], caption.split(), smoothing_function=smoothing))
            if caption
            else 0.0
            for several, caption in zip(texts, stated, strict=True)
        ]
    pairs = [(text, caption) for several, caption in zip(texts, stated, strict=True) for text in several]
    each = iter(score["rouge_l"] for score in sentence_scores(*map(list, zip(*pairs, strict=True))))
    rouge = [max(next(each) for _ in several) for several in texts]
    corpus = BLEU(force=True)
    score = corpus.corpus_score(stated, list(zip_longest(*texts)))  # None where a cell has fewer
    return {
        "bleu": sum(bleu) / len(bleu),
        "rouge_l": sum(rouge) / len(rouge),
        "sacrebleu": score.score,
        "sacrebleu_signature": str(corpus.get_signature()),
        "references": len(pairs) / len(stated),
    }
