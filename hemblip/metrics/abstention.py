"""Saying less: which statements to leave out so that those left are as right as one wants."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import beta

from hemblip.errors import ConfigError
from hemblip.metrics.calibration import expected_calibration_error, judged
from hemblip.morphology import KEYS, describe
from hemblip.predictions import CONFIDENCE_PREFIX

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]

STEPS = 50
"""Thresholds tried on the way from the surest statements to all."""


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


def threshold_for_risk(confidence: Values, right: Flags, risk: float, certainty: float = 0.9) -> float | None:
    """Choose on validation cells how sure a statement must be to be made.

    Goes from few sure statements to many and stops at the first step where it is not `certainty` certain (exact
    binomial bound) that at most `risk` of such statements are wrong; because it stops there, the certainty holds for
    the threshold that comes out (fixed-sequence testing), as long as statements are independent.

    Args:
        confidence: (S,) of validation statements.
        right: (S,).
        risk: share of wrong statements that is tolerated, above 0 and below 1.
        certainty: above 0 and below 1.

    Returns:
        Statements at least this sure are made; None if there are too few cells, or none of them is sure enough.

    Raises:
        ConfigError: `risk` or `certainty` is out of range.
    """
    if not (0 < risk < 1 and 0 < certainty < 1):
        raise ConfigError(f"risk {risk} and certainty {certainty}: both are above 0 and below 1")
    fewest = int(np.ceil(np.log(1 - certainty) / np.log(1 - risk)))  # below, even no error would prove nothing
    curve = risk_coverage(confidence, right)
    counts, thresholds = curve["count"].to_numpy(), curve["threshold"].to_numpy()
    wrong = np.rint(curve["risk"].to_numpy() * counts)
    enough = np.flatnonzero(counts >= fewest)
    chosen: float | None = None
    for step in np.unique(np.linspace(0, len(enough) - 1, STEPS).astype(int)) if len(enough) else []:
        place = enough[step]
        if beta.ppf(certainty, wrong[place] + 1, counts[place] - wrong[place]) > risk:
            break
        chosen = float(thresholds[place])
    return chosen


def fit_thresholds(validation: pd.DataFrame, risk: float, certainty: float = 0.9) -> dict[str, float | None]:
    """Choose each attribute's threshold on the prediction rows of validation cells; see `threshold_for_risk`."""
    return {key: threshold_for_risk(*judged(validation, key), risk, certainty) for key in KEYS}


def abstain(table: pd.DataFrame, thresholds: Mapping[str, float | None]) -> pd.DataFrame:
    """Leave out of each caption what it is not sure enough of.

    Args:
        table: prediction rows with `confidence_<key>`.
        thresholds: from `fit_thresholds`; an attribute with None is never stated.

    Returns:
        Prediction rows. A caption that loses a statement is written anew from those left, which says less and nothing
        else; the others keep their words. Statements left out lose their confidence.
    """
    result = table.copy()
    shortened = np.zeros(len(table), dtype=bool)
    for key in KEYS:
        threshold, column = thresholds.get(key), CONFIDENCE_PREFIX + key
        stated = table[key].notna().to_numpy()
        sure = table[column].to_numpy(dtype=np.float64, na_value=np.nan)
        kept = stated & (sure >= (np.inf if threshold is None else threshold))
        result[key] = table[key].astype(object).where(kept, None)
        result[column] = np.where(kept, sure, np.nan)
        shortened |= stated & ~kept
    captions = [
        describe({key: row[key] for key in KEYS}) if short else row["caption"]
        for short, row in zip(shortened, result.to_dict("records"), strict=True)
    ]
    return result.assign(caption=captions)


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
