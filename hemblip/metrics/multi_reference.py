"""Text scores against all captions of a cell: another wording that its annotation allows costs nothing.

Kept apart from the scores against one reference, with which they cannot be compared.
"""

from collections.abc import Sequence

import numpy as np

from hemblip.metrics.corpus_bleu import bleu_counts, bleu_of_counts, signature
from hemblip.metrics.pairs import distinct, normalise
from hemblip.metrics.text import sentence_bleu, sentence_scores


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
    cells, which = distinct([(*several, caption) for several, caption in zip(references, captions, strict=True)])
    times = np.bincount(which)
    texts = [[normalise(text) for text in several] for *several, _ in cells]
    stated = [normalise(caption) for *_, caption in cells]
    bleu = [sentence_bleu(several, caption) if caption else 0.0 for several, caption in zip(texts, stated, strict=True)]
    pairs = [(text, caption) for several, caption in zip(texts, stated, strict=True) for text in several]
    each = iter(score["rouge_l"] for score in sentence_scores(*map(list, zip(*pairs, strict=True))))
    rouge = [max(next(each) for _ in several) for several in texts]
    counts = np.array([bleu_counts(tuple(several), caption) for several, caption in zip(texts, stated, strict=True)])
    numbers = np.array([len(several) for several in texts])
    return {
        "bleu": float(np.average(bleu, weights=times)),
        "rouge_l": float(np.average(rouge, weights=times)),
        "sacrebleu": float(bleu_of_counts(times @ counts)[0]),
        "sacrebleu_signature": signature(set(numbers.tolist())),
        "references": float(np.average(numbers, weights=times)),
    }
