"""How well captions tell patients apart: sensitivity and specificity of diagnoses, by cell and by patient."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest

from hemblip.metrics.jackknife import Interval, Sums, interval, leave_out
from hemblip.morphology import HEALTHY, SCHEMA
from hemblip.predictions import CONFIDENCE_PREFIX, TRUE_PREFIX

KEY = "diagnosis"

LEUKEMIC = "leukemic"
"""Any diagnosis but healthy."""

Flags = NDArray[np.bool_]


class Detection(NamedTuple):
    """How often those who have a diagnosis are called so, and those who have another are called something else."""

    sensitivity: Interval
    specificity: Interval


def tasks(table: pd.DataFrame) -> list[str]:
    """List what can be told apart: leukemic from healthy, and each of several leukemias from all else."""
    there = set(table[TRUE_PREFIX + KEY].dropna())
    leukemias = [value for value in SCHEMA[KEY] if value in there and value != HEALTHY]
    if not leukemias or len(there) < 2:
        return []
    return [*([LEUKEMIC] if HEALTHY in there else []), *(leukemias if len(there) > 2 else [])]


def by_cell(table: pd.DataFrame, task: str) -> Detection:
    """Count cells, with intervals over groups; a caption that says no diagnosis is wrong either way.

    Args:
        table: prediction rows.
        task: of `tasks`.
    """
    known = table[table[TRUE_PREFIX + KEY].notna()]
    has, called = _is(known[TRUE_PREFIX + KEY], task), _is(known[KEY], task)
    said = known[KEY].notna().to_numpy()
    cells = np.stack([has & called, has, ~has & said & ~called, ~has], axis=1).astype(np.float64)
    sums = Sums(cells, lambda s: s[..., ::2] / s[..., 1::2], ("sensitivity", "specificity"), lambda s: s[..., 1::2])
    left = leave_out(sums, known["group"].tolist())
    return Detection(
        *(interval(float(left.values[i]), left.without[:, i], int(left.groups[i]), (0.0, 1.0)) for i in range(2))
    )


def by_patient(table: pd.DataFrame, task: str, mean: bool = False) -> Detection:
    """Count patients (groups), with exact intervals (Clopper and Pearson, Biometrika 26:404, 1934).

    A patient is called what most cells are; with `mean`, what has the largest mean probability over all of the cells,
    that of a cell being the confidence of its statement. A tie is a call of neither, which is wrong either way.

    Args:
        table: prediction rows.
        task: of `tasks`.
        mean: weigh each cell by its confidence.
    """
    known = table[table[TRUE_PREFIX + KEY].notna()]
    weight = known[CONFIDENCE_PREFIX + KEY].fillna(0).to_numpy(dtype=np.float64) if mean else np.ones(len(known))
    said, votes = known[KEY].notna().to_numpy(), _is(known[KEY], task)
    votes_of = pd.DataFrame(
        {
            "truths": known[TRUE_PREFIX + KEY].to_numpy(),
            "has": _is(known[TRUE_PREFIX + KEY], task),
            "for_it": np.where(said & votes, weight, 0.0),
            "against": np.where(said & ~votes, weight, 0.0),
        }
    ).groupby(known["group"].to_numpy(), sort=False)
    groups = votes_of.agg({"truths": "nunique", "has": "first", "for_it": "sum", "against": "sum"})
    patients = groups[groups["truths"] == 1]
    has = patients["has"].to_numpy(dtype=bool)
    called = (patients["for_it"] > patients["against"]).to_numpy()
    called_not = (patients["against"] > patients["for_it"]).to_numpy()
    return Detection(
        _exact(int(called[has].sum()), int(has.sum())), _exact(int(called_not[~has].sum()), int((~has).sum()))
    )


def _is(values: pd.Series, task: str) -> Flags:
    found = values.notna() & (values != HEALTHY) if task == LEUKEMIC else values == task
    return np.asarray(found.to_numpy(), dtype=bool)


def _exact(right: int, patients: int) -> Interval:
    if not patients:
        return Interval(None, None, None, 0)
    ends = binomtest(right, patients).proportion_ci(method="exact")
    return Interval(right / patients, float(ends.low), float(ends.high), patients)
