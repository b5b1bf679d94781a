"""Scores of a captioner by condition and strength."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from hemblip.metrics.abstention import abstain, foreign
from hemblip.metrics.calibration import expected_calibration_error, judged
from hemblip.metrics.verdicts import Verdict, annotated, can_be_judged, verdict_matrix
from hemblip.morphology import KEYS
from hemblip.predictions import UNLIKE

AS_IT_IS = "none"
"""Condition of the same cells as they are."""


def stress_scores(
    table: pd.DataFrame, thresholds: Mapping[str, float | None] | None, risk: float
) -> list[dict[str, Any]]:
    """Score each condition and strength.

    Args:
        table: prediction rows with `condition` and `strength`, and with `unlike` where that is known.
        thresholds: from `fit_thresholds` for `risk`; None if no validation cells were described.
        risk: share of wrong statements that abstention aims at.

    Returns:
        A row a condition and strength, in their order: `condition`, `strength` (None for the cells as they are),
        `cells`; of annotated attributes `accuracy`, the share stated right, all attributes together; `ece`, expected
        calibration error of what is stated; `foreign`, the share of cells that are unlike those of training;
        `coverage`, the share still stated at `risk`, of foreign cells nothing, and `wrong`, the share wrong of those.
        What cannot be known is None.
    """
    found = []
    for (condition, strength), part in table.groupby(["condition", "strength"], sort=False, dropna=False):
        verdicts = verdict_matrix(part)
        total = int(annotated(verdicts).sum())
        made = [judged(part, key) for key in KEYS]
        sure, right = (np.concatenate([pair[place] for pair in made]) for place in (0, 1))
        row: dict[str, Any] = {
            "condition": str(condition),
            "strength": None if pd.isna(strength) else float(strength),
            "cells": len(part),
            "accuracy": float((verdicts == Verdict.RIGHT).sum() / total) if total else None,
            "ece": expected_calibration_error(sure.astype(np.float64), right.astype(bool)),
            "foreign": float(foreign(part).mean()) if UNLIKE in part and part[UNLIKE].notna().all() else None,
            "coverage": None,
            "wrong": None,
        }
        if thresholds is not None:
            rest = verdict_matrix(abstain(part, thresholds))
            kept = int((can_be_judged(rest) & annotated(rest)).sum())
            row["coverage"] = kept / total if total else None
            row["wrong"] = float(1 - (rest == Verdict.RIGHT).sum() / kept) if kept else None
        found.append({**row, "risk": risk})
    return found
