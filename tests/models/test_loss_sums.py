"""The loss of an evaluation, from the sums of ranks."""

import math

from hemblip.models.loss_sums import LossSums, mean_loss


def sums(first, *losses):
    """Sums of a rank whose first batch had these cells."""
    found = LossSums(list(first))
    found.add(losses)
    return found


def test_each_cell_counts_once_whatever_its_rank():
    same = (0.1, 1), (0.2, 3)
    ranks = [sums("ab", *same), sums("cd", (0.3, 5)), sums("ab", *same)]
    assert mean_loss(ranks) == math.fsum([0.1, 0.2, 0.3]) / 9
    assert mean_loss(ranks[:1]) == math.fsum([0.1, 0.2]) / 4


def test_without_tokens_there_is_no_loss():
    assert mean_loss([LossSums(), LossSums()]) is None
