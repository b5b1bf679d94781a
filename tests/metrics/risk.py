"""How often the promise of `--risk` is kept and what it costs, by drawing statements whose risk is known."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import bdtr

from hemblip.metrics.abstention import DOUBT, threshold_for_risk

RISK = 0.05


class Promised(NamedTuple):
    """Shares of the draws, 0 to 1.

    Attributes:
        silenced: nothing may be stated.
        stated: mean share of the statements that may be made.
        broken: what may be stated is wrong more often than the risk.
    """

    silenced: float
    stated: float
    broken: float


def promised(count: int, wrong: float, slope: float, draws: int, method: Callable = threshold_for_risk) -> Promised:
    """Draw validation statements of which the surest share s is wrong in wrong * s ** slope, and choose thresholds.

    Confidences are the shares less sure: at slope 0 they say nothing.
    """
    random, shares = np.random.default_rng(count), []
    for _ in range(draws):
        sure = random.random(count)
        right = random.random(count) >= wrong * (slope + 1) * (1 - sure) ** slope
        threshold = method(sure, right, RISK)
        shares.append(0.0 if threshold is None else 1 - threshold)
    stated = np.array(shares)
    return Promised(
        float((stated == 0).mean()),
        float(stated.mean()),
        float((wrong * stated**slope > RISK)[stated > 0].sum() / draws),
    )


def bonferroni(sure: np.ndarray, right: np.ndarray, risk: float) -> float | None:
    """What was used before: the same part of the doubt for each threshold."""
    order = np.argsort(-sure)
    for share in sorted(DOUBT, reverse=True):
        count = round(share * len(sure))
        if count and bdtr((~right[order][:count]).sum(), count, risk) <= 0.1 / len(DOUBT):
            return float(sure[order][count - 1])
    return None


if __name__ == "__main__":
    print("| confidence | statements | wrong | silenced | before | stated | before | broken | before |")
    print("|---|---|---|---|---|---|---|---|---|")
    for slope, name in ((0, "says nothing"), (1, "some"), (3, "much")):
        for count in (300, 1000, 3000):
            for wrong in (0.01, 0.03, 0.05001, 0.08):
                now, then = promised(count, wrong, slope, 2000), promised(count, wrong, slope, 2000, bonferroni)
                cells = (f"{value:.3f}" for pair in zip(now, then, strict=True) for value in pair)
                print(f"| {name} | {count:,} | {wrong:.2f} | {' | '.join(cells)} |")
