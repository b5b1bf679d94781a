"""Saying less: which statements to leave out so that those left are as right as one wants."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import bdtr

from hemblip.errors import ConfigError
from hemblip.metrics.calibration import expected_calibration_error, judged, judged_cells
from hemblip.morphology import KEYS, describe
from hemblip.predictions import CONFIDENCE_PREFIX, UNLIKE

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]

DOUBT = {0.1: 0.1, 0.25: 0.1, 0.4: 0.2, 0.5: 0.0, 0.6: 0.0, 0.7: 0.2, 0.8: 0.0, 0.9: 0.0, 0.95: 0.0, 1.0: 0.4}
"""Of the statements, the surest ones: what is tried, the fewest first, and its own part of the doubt."""

FOREIGN = 0.99
"""Share of the validation cells that are more like the training cells, above which a cell is called unlike them."""


def risk_coverage(confidence: Values, right: Flags) -> pd.DataFrame:
    """Tell how often statements are wrong when only the surest are made.

    Args:
        confidence: (S,).
        right: (S,).

    Returns:
        A row a distinct confidence, falling: `threshold` (statements at least as sure are made), `count`, `coverage`
        share of statements made, `risk` share wrong of those.
    """
    order = np.argsort(-confidence, kind="stable")
    sure, wrong = confidence[order], np.cumsum(~right[order])
    last = np.flatnonzero(np.append(sure[:-1] != sure[1:], len(sure) > 0))  # equally sure ones stay together
    count = last + 1
    return pd.DataFrame(
        {"threshold": sure[last], "count": count, "coverage": count / max(1, len(sure)), "risk": wrong[last] / count}
    )


def area_under_risk(confidence: Values, right: Flags) -> float | None:
    """Mean risk over coverages (AURC; smaller is better); None without statements."""
    if not len(confidence):
        return None
    curve = risk_coverage(confidence, right)
    steps = np.diff(curve["coverage"].to_numpy(), prepend=0.0)
    return float((curve["risk"].to_numpy() * steps).sum())


def threshold_for_risk(
    confidence: Values, right: Flags, risk: float, certainty: float = 0.9, groups: Sequence[object] | None = None
) -> float | None:
    """Choose on validation cells how sure a statement must be to be made.

    Of the surest statements, more and more, the most are taken whose risk is bounded by `risk`. Each number of them
    has its own part of the doubt, 1 - `certainty`, and that of the one before where its risk was bounded (the fallback
    procedure: Wiens, Pharm Stat 2:211, 2003). So all bounds hold together with `certainty`, whatever the order of
    risks, and the choice among them costs nothing of it (Learn then Test, Angelopoulos et al., arXiv 2110.01052). Most
    of the doubt goes to all statements: few of them are too few to show a small risk (experiments/risk). For statements
    that are drawn independently the bound is the exact binomial one; for groups, whose statements may be wrong
    together, it is Hoeffding's and Bentkus' for the mean over groups of the share wrong (section 3 there).

    Args:
        confidence: (S,) of validation statements.
        right: (S,).
        risk: share of wrong statements that is tolerated, above 0 and below 1.
        certainty: above 0 and below 1.
        groups: slide or patient of each statement (S,); None if they are drawn independently.

    Returns:
        Statements at least this sure are made; None if there are too few cells, or none of them is sure enough.

    Raises:
        ConfigError: `risk` or `certainty` is out of range.
    """
    if not (0 < risk < 1 and 0 < certainty < 1):
        raise ConfigError(f"risk {risk} and certainty {certainty}: both are above 0 and below 1")
    order = np.argsort(-confidence, kind="stable")
    sure, wrong = confidence[order], ~right[order]
    names = None if groups is None else np.unique(np.asarray(groups, dtype=str), return_inverse=True)[1][order]
    found, passed = None, 0.0
    for share, part in DOUBT.items():
        doubt, passed = passed + part * (1 - certainty), 0.0
        place = round(share * len(sure)) - 1
        if place < 0:
            continue
        made = sure >= sure[place]  # equally sure ones stay together
        if names is None:
            chance = _independent(wrong[made], risk)
        else:
            chance = _bounded(_group_losses(wrong[made], names[made]), risk)
        if chance <= doubt:
            found, passed = float(sure[place]), doubt
    return found


def _group_losses(wrong: Flags, names: NDArray[np.int64]) -> Values:
    """Share wrong of each group that makes a statement."""
    counts = np.bincount(names)
    return np.bincount(names, wrong)[counts > 0] / counts[counts > 0]


def _independent(wrong: Flags, risk: float) -> float:
    """Chance of so few wrong statements, or fewer, if the risk were just too large."""
    return float(bdtr(wrong.sum(), len(wrong), risk))


def _bounded(losses: Values, risk: float) -> float:
    """The same for losses within 0 and 1, of whatever distribution."""
    count, mean = len(losses), float(losses.mean())
    if mean >= risk:
        return 1.0
    spread = (1 - mean) * np.log((1 - mean) / (1 - risk)) + (mean * np.log(mean / risk) if mean else 0.0)
    return float(min(np.exp(-count * spread), np.e * bdtr(np.ceil(count * mean), count, risk)))


def fewest_groups(risk: float, certainty: float = 0.9) -> int:
    """Groups below which no bound over groups could hold, even without an error: that of all has the most doubt."""
    return int(np.ceil(np.log(DOUBT[1.0] * (1 - certainty)) / np.log(1 - risk)))


def groups_of(validation: pd.DataFrame, risk: float, certainty: float = 0.9) -> int | None:
    """Count the groups that thresholds are bounded over; None where cells are their own groups, or groups too few."""
    count = int(validation["group"].nunique())
    return count if fewest_groups(risk, certainty) <= count < len(validation) else None


def promise(validation: pd.DataFrame, risk: float, certainty: float = 0.9) -> str:
    """Say in a sentence what the thresholds promise, and of which cells."""
    count = int(validation["group"].nunique())
    told = (
        f"With {certainty:.0%} certainty at most {risk:.0%} of the statements of an attribute are wrong, for cells "
        "like those of validation"
    )
    if groups_of(validation, risk, certainty):
        return f"{told}: on average over patients or slides, of which validation has {count}."
    if count == len(validation):
        return f"{told}, drawn independently."
    needed = fewest_groups(risk, certainty)
    return (
        f"{told}, if they were drawn independently: a promise over patients or slides takes {needed} of them, and "
        f"validation has {count}."
    )


def fit_thresholds(validation: pd.DataFrame, risk: float, certainty: float = 0.9) -> dict[str, float | None]:
    """Choose each attribute's threshold on the prediction rows of validation cells; see `threshold_for_risk`.

    Over groups where there are enough, see `groups_of`.
    """
    grouped = groups_of(validation, risk, certainty) is not None
    found: dict[str, float | None] = {}
    for key in KEYS:
        sure, right = judged(validation, key)
        groups = validation["group"][judged_cells(validation, key)].tolist() if grouped else None
        found[key] = threshold_for_risk(sure, right, risk, certainty, groups)
    return found


def foreign(table: pd.DataFrame) -> Flags:
    """Tell which rows (N,) are of cells unlike those of training: none where column `unlike` is missing or empty."""
    if UNLIKE not in table:
        return np.zeros(len(table), dtype=bool)
    far: Flags = table[UNLIKE].to_numpy(dtype=np.float64, na_value=np.nan) > FOREIGN
    return far


def abstain(table: pd.DataFrame, thresholds: Mapping[str, float | None]) -> pd.DataFrame:
    """Leave out of each caption what it is not sure enough of, and all that is said of foreign cells.

    Args:
        table: prediction rows with `confidence_<key>`; with `unlike` where it is known.
        thresholds: from `fit_thresholds`; an attribute with None is never stated.

    Returns:
        Prediction rows. A caption that loses a statement is written anew from those left, which says less and nothing
        else; the others keep their words. Statements left out lose their confidence. Of foreign cells nothing was
        promised: their captions are empty.
    """
    result, shortened = leave_out(table, thresholds)
    captions = [
        "" if far else describe({key: row[key] for key in KEYS}) if short else row["caption"]
        for far, short, row in zip(foreign(table), shortened, result.to_dict("records"), strict=True)
    ]
    return result.assign(caption=captions)


def leave_out(table: pd.DataFrame, thresholds: Mapping[str, float | None]) -> tuple[pd.DataFrame, Flags]:
    """Leave out the same statements, and tell of which rows (N,); captions stay as they were."""
    result, unknown = table.copy(), foreign(table)
    shortened = np.zeros(len(table), dtype=bool)
    for key in KEYS:
        threshold, column = thresholds.get(key), CONFIDENCE_PREFIX + key
        stated = table[key].notna().to_numpy()
        sure = table[column].to_numpy(dtype=np.float64, na_value=np.nan)
        kept = stated & (sure >= (np.inf if threshold is None else threshold)) & ~unknown
        result[key] = table[key].astype(object).where(kept, None)
        result[column] = np.where(kept, sure, np.nan)
        shortened |= stated & ~kept
    return result, shortened


def confidence_scores(table: pd.DataFrame) -> dict[str, dict[str, float | int | None]]:
    """Score the confidences of prediction rows.

    Returns:
        Key -> `statements` that can be judged, `ece` (expected calibration error), `aurc` (area under the risk-coverage
        curve) and `risk` (share wrong without abstention); only keys with such statements.
    """
    found: dict[str, dict[str, float | int | None]] = {}
    for key in KEYS:
        sure, right = judged(table, key)
        if len(sure):
            found[key] = {
                "statements": len(sure),
                "ece": expected_calibration_error(sure, right),
                "aurc": area_under_risk(sure, right),
                "risk": float(1 - right.mean()),
            }
    return found
