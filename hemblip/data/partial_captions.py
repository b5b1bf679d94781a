"""Captions of some of a cell's attributes, in any order, so that a captioner can be asked in short sentences.

A captioner that has seen whole captions only takes a sentence about one attribute for an unlikely caption, whatever
the cell; experiments/ask measures what such captions change.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from hemblip.morphology import describe


def partial_caption(annotation: Mapping[str, str], styles: Sequence[int], chance: np.random.Generator) -> str | None:
    """Write sentences about a random subset of attributes, in a random order, each in one of the styles.

    Args:
        annotation: attribute -> value.
        styles: of `describe`.
        chance: draws the number of attributes (all numbers alike), which ones, their order and the style.

    Returns:
        The caption; None if nothing is annotated.
    """
    keys = list(annotation)
    if not keys:
        return None
    chosen = chance.permutation(keys)[: chance.integers(1, len(keys) + 1)].tolist()
    style = int(chance.choice(np.asarray(styles)))
    return " ".join(describe({key: annotation[key]}, style) for key in chosen)
