"""Intervals hold with few groups, p values say how often, and Holm's correction is the textbook's."""

import numpy as np
import pytest
from metrics.by_hand import holm_by_hand
from metrics.coverage import coverage, false_alarms
from scipy.stats import beta, false_discovery_control, ttest_1samp, ttest_rel

from hemblip.errors import DataError
from hemblip.metrics import jackknife
from hemblip.metrics.jackknife import Kinds, Sums, holm, interval, leave_out, p_value

SHARE = (0.0, 1.0)


def mean_of(values, groups=None):
    """Mean of values (N,), by default of one group each."""
    cells = np.stack([values, np.ones(len(values))], axis=1)
    left = leave_out(Sums(cells, lambda sums: sums[..., :1] / sums[..., 1:], ("mean",)), groups or range(len(values)))
    return float(left.values[0]), left.without[:, 0], int(left.groups[0])


def test_a_mean_has_students_interval_and_p():
    """With the shares of groups near enough to normal, nothing is left of the jackknife but the t test."""
    values = np.tile([0.3, -0.3, 0.1, -0.1, 0.2, -0.2], 2) + 0.15
    mean = mean_of(values)
    test = ttest_1samp(values, 0)
    expected = test.confidence_interval(0.95)
    found = interval(*mean)
    assert (found.low, found.high) == pytest.approx(tuple(expected)) and p_value(*mean, SHARE) == pytest.approx(
        test.pvalue
    )
    assert found.groups == 12


def test_a_difference_has_the_p_of_the_paired_t_test():
    one, other = np.random.default_rng(0).normal(0, 1, (2, 9))
    (a, without, groups), (b, based, _) = mean_of(one), mean_of(other)
    apart = without - based - (a - b)
    assert 3 * (apart**2).sum() ** 2 / (apart**4).sum() > 8  # no degree of freedom is lost
    assert p_value(a - b, without - based, groups, SHARE) == pytest.approx(ttest_rel(one, other).pvalue)


def test_few_groups_that_carry_the_variance_count_as_few():
    """One of twenty groups differs: the interval is wider than that of the plain t with 19 degrees of freedom."""
    values = np.array([0.5] * 19 + [1.0])
    found, plain = interval(*mean_of(values)), ttest_1samp(values, 0).confidence_interval(0.95)
    assert found.high - found.low > 1.2 * (plain.high - plain.low)


def test_where_all_groups_agree_the_interval_is_that_of_the_rarest_disagreement():
    for groups in (3, 8, 60):
        found = interval(*mean_of(np.ones(groups)), (0.0, 1.0))
        assert (found.value, found.high) == (1, 1)
        assert found.low == pytest.approx(beta.ppf(0.025, groups, 1))  # Clopper and Pearson, groups of groups
        none = interval(*mean_of(np.zeros(groups)), (0.0, 1.0))
        assert (none.low, none.high) == pytest.approx((0, 1 - found.low))
    assert p_value(*mean_of(np.ones(8)), SHARE) == 2 * 0.5**8  # the sign test
    assert p_value(*mean_of(np.zeros(8)), SHARE) == 1


def test_groups_that_agree_on_less_than_all_are_not_certain_either():
    """With a chance of 2.5 % no group of three is of a kind that 71 % of groups are, and that says 0 or 1."""
    found = interval(0.7, np.array([0.7, 0.7, 0.7]), 3, (0.0, 1.0))
    unseen = 1 - 0.025 ** (1 / 3)
    assert (found.low, found.high) == pytest.approx(((1 - unseen) * 0.7, (1 - unseen) * 0.7 + unseen))
    assert found.value == 0.7 and found.low < 0.25 and found.high > 0.9


@pytest.mark.parametrize("shared", [0.0, 0.05, 0.3, -0.3, 1.0])
@pytest.mark.parametrize("groups", [2, 3, 8, 60, 400])
def test_a_difference_that_all_groups_share_is_not_certain_either(shared, groups):
    """At the ends of the interval, 2.5 % of draws hold no group of those that make up the rest as far as can be."""
    mean = mean_of(np.full(groups, shared))
    found = interval(*mean, SHARE, difference=True)
    assert found.low <= found.value <= found.high and found.low < found.high
    for end, worst in ((found.low, -1.0), (found.high, 1.0)):
        if worst != shared:  # the end is shared * (1 - unseen) + worst * unseen
            unseen = (end - shared) / (worst - shared)
            assert (1 - unseen) ** groups == pytest.approx(0.025)
    p = p_value(*mean, SHARE)
    assert (p < 0.05) == (found.low > 0 or found.high < 0)
    tens = interval(*mean_of(np.full(groups, 100 * shared)), (0.0, 100.0), difference=True)
    assert (tens.low, tens.high) == pytest.approx((100 * found.low, 100 * found.high))


def test_without_limits_groups_that_agree_have_no_interval():
    found = interval(*mean_of(np.full(5, 0.3)))
    assert (found.value, found.low, found.high) == (pytest.approx(0.3), None, None)


def test_intervals_stay_within_the_limits_of_a_score():
    found = interval(*mean_of(np.array([100.0, 99, 98, 60])), (0.0, 100.0))
    assert 0 < found.low < found.value < found.high < 100
    negative = interval(*mean_of(np.array([-0.9, -0.99, -0.5])), (-1.0, 1.0))
    assert -1 < negative.low < negative.value < negative.high < 1


def test_a_score_that_one_group_makes_alone_has_no_interval():
    cells = np.array([[1.0, 1], [0, 0], [0, 0]])
    left = leave_out(Sums(cells, lambda sums: sums[..., :1] / sums[..., 1:], ("x",)), ["a", "b", "c"])
    found = interval(float(left.values[0]), left.without[:, 0], int(left.groups[0]), (0.0, 1.0))
    assert (found.value, found.low, found.high) == (1, None, None)
    assert p_value(1.0, left.without[:, 0], 3, SHARE) is None


def test_many_groups_are_left_out_in_sets(monkeypatch):
    values = np.random.default_rng(0).random(3000)
    one_by_one = interval(*mean_of(values))
    monkeypatch.setattr(jackknife, "MOST", 300)
    in_sets = interval(*mean_of(values))
    assert in_sets.groups == one_by_one.groups == 3000
    assert in_sets.high - in_sets.low == pytest.approx(one_by_one.high - one_by_one.low, rel=0.15)


def test_copies_within_a_group_add_no_certainty():
    values, groups = np.array([0.2, 0.7, 0.4, 0.9]), list("abcd")
    once, tenfold = mean_of(values, groups), mean_of(np.repeat(values, 10), list(np.repeat(groups, 10)))
    assert interval(*once) == interval(*tenfold) or interval(*once).low == pytest.approx(interval(*tenfold).low)


@pytest.mark.parametrize("groups", [6, 8, 20])
@pytest.mark.parametrize("sizes", ["equal", "unequal"])
def test_intervals_cover_the_truth_as_often_as_they_say(groups, sizes):
    """The percentile bootstrap covers 0.78 to 0.91 here; the full figures are in experiments/intervals."""
    assert 0.91 <= coverage(groups, sizes, truth=0.9, trials=600) <= 0.985


@pytest.mark.parametrize("groups", [6, 20])
def test_where_nothing_differs_p_is_below_one_twentieth_as_rarely_as_it_says(groups):
    assert 0.015 <= false_alarms(groups, "equal", trials=600) <= 0.075


def test_holm_is_the_textbooks():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    for seed in range(20):
        p = np.random.default_rng(seed).random(9) ** 3
        assert holm(p.tolist()) == pytest.approx(holm_by_hand(p))
        assert (np.array(holm(p.tolist())) >= false_discovery_control(p) - 1e-12).all()  # stricter than scipy's FDR


def test_mistakes_are_one_line():
    with pytest.raises(DataError, match="no prediction rows"):
        leave_out(Sums(np.ones((0, 1)), lambda sums: sums, ("x",)), [])
    with pytest.raises(DataError, match="3 cells were scored but 2 have a group"):
        leave_out(Sums(np.ones((3, 1)), lambda sums: sums, ("x",)), ["a", "b"])


def test_kinds_are_flags_by_their_place(monkeypatch):
    """Of more groups than sets, one that no cell of a kind is in among them."""
    monkeypatch.setattr(jackknife, "MOST", 4)
    random = np.random.default_rng(0)
    places = random.integers([0, 3], [3, 7], (60, 2))  # 6 is none
    flags = (places[:, :, None] == np.arange(6)).any(1)
    groups = random.integers(0, 11, 60).tolist()

    def left(cells):
        names = tuple("abcdef")
        return leave_out(Sums(cells, lambda sums: sums / 60, names, lambda sums: sums), groups)

    kinds, dense = left(Kinds(places.astype(np.int16), 6)), left(flags)
    for name in ("values", "without", "groups"):
        assert (getattr(kinds, name) == getattr(dense, name)).all(), name
    assert (dense.values * 60 == flags.sum(0)).all() and (dense.groups <= 11).all()
    assert (Sums(Kinds(places.astype(np.int16), 6), np.copy, ()).total == flags.sum(0)).all()
