"""How often intervals hold the truth, by drawing cells of groups whose captioner is known."""

import numpy as np

from hemblip.metrics.jackknife import Interval, Sums, interval, leave_out, p_value


def sizes_of(groups: int, kind: str, random: np.random.Generator) -> np.ndarray:
    """Cells of each group: all 40, from few to many about 40, or a few groups with most cells."""
    if kind == "equal":
        return np.full(groups, 40)
    if kind == "unequal":
        return 1 + random.geometric(1 / 40, groups)
    return np.maximum(1, np.round(np.exp(random.normal(2.5, 1.3, groups)))).astype(int)


def share(right: np.ndarray, cells: np.ndarray) -> tuple[float, np.ndarray, int]:
    """Right statements of cells, pooled, and without each group."""
    sums = Sums(np.stack([right, cells], axis=1).astype(float), lambda s: s[..., :1] / s[..., 1:], ("accuracy",))
    left = leave_out(sums, range(len(cells)))
    return float(left.values[0]), left.without[:, 0], int(left.groups[0])


def jackknife(right: np.ndarray, cells: np.ndarray) -> Interval:
    """The interval of a score."""
    return interval(*share(right, cells), (0.0, 1.0))


def coverage(groups: int, kind: str, truth: float, trials: int, method=jackknife) -> float:
    """Share of intervals that hold the truth; the share right of a group is beta distributed around it."""
    random, covered = np.random.default_rng(groups), 0
    for _ in range(trials):
        cells = sizes_of(groups, kind, random)
        right = random.binomial(cells, random.beta(8 * truth, 8 * (1 - truth), groups))
        found = method(right, cells)
        covered += found.low <= truth <= found.high
    return covered / trials


def false_alarms(groups: int, kind: str, trials: int, truth: float = 0.8) -> float:
    """Share of p below 0.05 between two captioners that are equally good, and alike in each group."""
    random, alarms = np.random.default_rng(groups), 0
    for _ in range(trials):
        cells = sizes_of(groups, kind, random)
        likely = random.beta(8 * truth, 8 * (1 - truth), groups)
        ours = np.clip(likely + random.normal(0, 0.05, groups), 0, 1)
        theirs = np.clip(likely + random.normal(0, 0.05, groups), 0, 1)
        (one, without, count), (other, based, _) = (
            share(random.binomial(cells, chance), cells) for chance in (ours, theirs)
        )
        p = p_value(one - other, without - based, count, (0.0, 1.0))
        alarms += p < 0.05
    return alarms / trials


def percentile_bootstrap(right: np.ndarray, cells: np.ndarray, draws: int = 1000) -> Interval:
    """What was used before: percentiles over groups drawn with replacement."""
    drawn = np.random.default_rng(0).integers(0, len(cells), (draws, len(cells)))
    shares = right[drawn].sum(1) / cells[drawn].sum(1)
    low, high = np.quantile(shares, [0.025, 0.975])
    return Interval(float(right.sum() / cells.sum()), float(low), float(high), len(cells))


if __name__ == "__main__":
    print("| groups | cells a group | truth | jackknife | percentile bootstrap | p < 0.05 where nothing differs |")
    print("|---|---|---|---|---|---|")
    for groups in (6, 8, 10, 20, 60):
        for kind in ("equal", "unequal", "few large"):
            alarms = false_alarms(groups, kind, 2000)
            for truth in (0.7, 0.9):
                covers = [coverage(groups, kind, truth, 2000, method) for method in (jackknife, percentile_bootstrap)]
                told = " | ".join(f"{share:.3f}" for share in covers)
                print(f"| {groups} | {kind} | {truth} | {told} | {alarms:.3f} |", flush=True)
