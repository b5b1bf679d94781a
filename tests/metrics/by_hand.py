"""Intervals and corrections as a text-book has them, to hold those of the package against."""

import numpy as np
from scipy.stats import t as student


def interval_by_hand(values, value, groups, low=0.0, high=1.0):
    """The jackknife on the logit scale between `low` and `high`; `values` are without one group each."""
    apart = np.array(values) - value
    error = np.sqrt((groups - 1) / groups * (apart**2).sum())
    freedom = min(groups - 1, 3 * (apart**2).sum() ** 2 / (apart**4).sum())
    share = (value - low) / (high - low)
    reach = student.ppf(0.975, freedom) * error / (high - low) / (share * (1 - share))
    odds = np.log(share / (1 - share)) + np.array([-reach, reach])
    return low + (high - low) / (1 + np.exp(-odds))


def difference_by_hand(values, value, groups):
    """Interval and two-sided p of a difference; `values` are without one group each."""
    apart = np.array(values) - value
    error = np.sqrt((groups - 1) / groups * (apart**2).sum())
    freedom = min(groups - 1, 3 * (apart**2).sum() ** 2 / (apart**4).sum())
    low, high = student.interval(0.95, freedom, loc=value, scale=error)
    return low, high, 2 * student.cdf(-abs(value) / error, freedom)


def holm_by_hand(p):
    """The largest of (m - j + 1) p(j) over all that are no larger."""
    p = np.asarray(p)
    return [min(1.0, max((len(p) - (p < other).sum()) * other for other in p[p <= value])) for value in p]
