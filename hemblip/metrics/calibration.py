"""Whether confidences are the probabilities that they claim to be, and what makes them so.

Expected calibration error and temperature scaling after Guo et al., ICML 2017.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from hemblip.errors import DataError
from hemblip.metrics.verdicts import Verdict, can_be_judged, verdicts_of
from hemblip.morphology import KEYS
from hemblip.predictions import CONFIDENCE_PREFIX

BINS = 15

LIMITS = (0.05, 20.0)
"""A best temperature at their ends says that scaling does not help: it cannot bring 0.4 above one half."""

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]


def judged(table: pd.DataFrame, key: str) -> tuple[Values, Flags]:
    """Confidences of the statements of one attribute that can be judged, and whether each is right.

    Args:
        table: prediction rows with `confidence_<key>`.
        key: an attribute.

    Returns:
        Both (S,): of cells that are annotated with the attribute, whose caption states it with a confidence.

    Raises:
        DataError: the rows have no such column, or a confidence is not within 0 and 1.
    """
    column = CONFIDENCE_PREFIX + key
    if column not in table.columns:
        raise DataError(f"prediction rows: missing column {column}; captions of this run carry no confidences")
    sure, verdict = table[column].to_numpy(dtype=np.float64, na_value=np.nan), verdicts_of(table, key)
    usable = can_be_judged(verdict) & ~np.isnan(sure)
    if ((sure[usable] < 0) | (sure[usable] > 1)).any():
        raise DataError(
            f"prediction rows: {column} holds values outside 0 to 1; write log-probabilities as probabilities"
        )
    return sure[usable], (verdict == Verdict.RIGHT)[usable]


def judged_cells(table: pd.DataFrame, key: str) -> Flags:
    """Tell of which prediction rows (N,) a statement of `judged` is."""
    sure = table[CONFIDENCE_PREFIX + key].to_numpy(dtype=np.float64, na_value=np.nan)
    usable: Flags = can_be_judged(verdicts_of(table, key)) & ~np.isnan(sure)
    return usable


def reliability(confidence: Values, right: Flags, bins: int = BINS) -> pd.DataFrame:
    """Compare confidence and accuracy in bins of equal width.

    Args:
        confidence: (S,), 0 to 1.
        right: (S,).
        bins: number of bins over 0 to 1.

    Returns:
        A row a bin that holds statements: `low`, `high`, `count`, `confidence` (mean), `accuracy`.
    """
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    rows = [
        {
            "low": place / bins,
            "high": (place + 1) / bins,
            "count": int((index == place).sum()),
            "confidence": float(confidence[index == place].mean()),
            "accuracy": float(right[index == place].mean()),
        }
        for place in np.unique(index)
    ]
    return pd.DataFrame(rows, columns=["low", "high", "count", "confidence", "accuracy"])


def expected_calibration_error(confidence: Values, right: Flags, bins: int = BINS) -> float | None:
    """Mean gap between confidence and accuracy over bins, weighted by their counts; None without statements."""
    if not len(confidence):
        return None
    table = reliability(confidence, right, bins)
    return float((table["count"] * (table["confidence"] - table["accuracy"]).abs()).sum() / len(confidence))


def scaled(confidence: Values, temperature: float) -> Values:
    """Divide the log-odds of confidences (S,) by `temperature`: above 1 they come nearer to one half."""
    log_odds = np.log(np.clip(confidence, 1e-9, 1)) - np.log(np.clip(1 - confidence, 1e-9, 1))
    return np.asarray(1 / (1 + np.exp(-log_odds / temperature)))


def fit_temperature(confidence: Values, right: Flags) -> float | None:
    """Find the temperature under which the statements of validation cells are likeliest.

    Args:
        confidence: (S,), 0 to 1.
        right: (S,).

    Returns:
        Within `LIMITS`; None if all statements are right or all are wrong, because any extreme would do, or if the
        best one is at a limit.
    """
    if right.all() or not right.any():
        return None

    def loss(log_temperature: float) -> float:
        likely = np.clip(scaled(confidence, float(np.exp(log_temperature))), 1e-9, 1 - 1e-9)
        return float(-np.where(right, np.log(likely), np.log(1 - likely)).mean())

    low, high = np.log(LIMITS)
    best = float(minimize_scalar(loss, bounds=(low, high), method="bounded").x)
    return float(np.exp(best)) if low + 0.01 < best < high - 0.01 else None


def fit_temperatures(validation: pd.DataFrame) -> dict[str, float | None]:
    """Fit each attribute's temperature on the prediction rows of validation cells; None where it cannot be."""
    return {key: fit_temperature(*judged(validation, key)) for key in KEYS}


def calibrated(table: pd.DataFrame, temperatures: Mapping[str, float | None]) -> pd.DataFrame:
    """Scale the confidences of prediction rows; an attribute without temperature keeps its own."""
    columns = {}
    for key, temperature in temperatures.items():
        if temperature is not None:
            sure = table[CONFIDENCE_PREFIX + key].to_numpy(dtype=np.float64, na_value=np.nan)
            columns[CONFIDENCE_PREFIX + key] = scaled(sure, temperature)
    return table.assign(**columns)
