"""What a captioner answers when it is asked about an attribute, beside what its caption tells.

`test` and `validate` with `evaluation.ask` put both into the prediction rows: `answer_<key>`, the likeliest value of
all values of the attribute in the caption's own form, with its probability `answer_confidence_<key>`, and
`asked_confidence_<key>`, the probability of the value that the caption states. See `hemblip.models.asking`.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from hemblip.metrics.calibration import expected_calibration_error, fit_temperature, judged, scaled
from hemblip.morphology import KEYS
from hemblip.predictions import CONFIDENCE_PREFIX, TRUE_PREFIX

ANSWER_PREFIX, ANSWER_CONFIDENCE_PREFIX, ASKED_PREFIX = "answer_", "answer_confidence_", "asked_confidence_"

ASKED = "asked, not told"
"""How tables call the answers."""


ALIKE = 1e-9
"""Difference of two AUROCs that is rounding."""


class Sureness(NamedTuple):
    """How good the confidences of one attribute's statements are.

    Attributes:
        auroc: of right against wrong statements, 0 to 1; None where all are right or all are wrong.
        ece: expected calibration error, after the temperature of validation; None without statements.
    """

    auroc: float | None
    ece: float | None


class Choice(NamedTuple):
    """Which confidence an attribute's statements get, and the temperatures of both; None for none."""

    asked: bool
    told_temperature: float | None
    asked_temperature: float | None


def has_answers(table: pd.DataFrame) -> bool:
    """Whether rows hold what was answered about the cells."""
    return {ANSWER_PREFIX + key for key in KEYS} <= set(table.columns)


def is_asked(table: pd.DataFrame | None) -> bool:
    """Whether rows hold answers, and how sure the captioner is of its statements when it is asked."""
    return table is not None and {ASKED_PREFIX + key for key in KEYS} <= set(table.columns)


def as_answered(table: pd.DataFrame) -> pd.DataFrame:
    """Prediction rows that state the answers, with their probabilities, in place of what captions tell.

    Answers about what a cell is not annotated with are left out: who has to answer makes nothing up. Nor is there a
    text to compare with a reference.
    """
    changed: dict[str, object] = {"reference": ""}
    for key in KEYS:
        answers, known = table[ANSWER_PREFIX + key].astype(object), table[TRUE_PREFIX + key].notna()
        changed[key] = answers.where(answers.notna() & known, None)
        changed[CONFIDENCE_PREFIX + key] = table[ANSWER_CONFIDENCE_PREFIX + key].astype(float).where(known)
    return table.assign(**changed)


def choose(validation: pd.DataFrame) -> dict[str, Choice]:
    """Choose told or asked confidence for each attribute on validation cells.

    Asked where it tells right statements better from wrong ones; where this is no question, because all are right or
    both tell as well, where it is better calibrated, both after temperature scaling.

    Args:
        validation: prediction rows with answers.
    """
    found = {}
    for key in KEYS:
        (told, right), (asked, _) = judged(validation, key), judged(_asked(validation), key)
        temperatures = fit_temperature(told, right), fit_temperature(asked, right)
        one = sureness(told, right, temperatures[0])
        other = sureness(asked, right, temperatures[1])
        if one.auroc is not None and other.auroc is not None and abs(other.auroc - one.auroc) > ALIKE:
            better = other.auroc > one.auroc
        else:
            better = other.ece is not None and one.ece is not None and other.ece < one.ece
        found[key] = Choice(better, *temperatures)
    return found


def with_better_confidence(table: pd.DataFrame, choices: Mapping[str, Choice]) -> pd.DataFrame:
    """Give statements the confidence that was chosen; an asked one after its temperature, a told one as it is."""
    changed = {}
    for key, choice in choices.items():
        if choice.asked:
            sure = table[ASKED_PREFIX + key].astype(float).to_numpy()
            changed[CONFIDENCE_PREFIX + key] = at(sure, choice.asked_temperature)
    return table.assign(**changed)


def told_and_asked(table: pd.DataFrame, key: str, choice: Choice) -> tuple[Sureness, Sureness]:
    """Judge both confidences of an attribute, each after the temperature of validation."""
    (told, right), (asked, _) = judged(table, key), judged(_asked(table), key)
    return sureness(told, right, choice.told_temperature), sureness(asked, right, choice.asked_temperature)


def sureness(confidence: NDArray[np.float64], right: NDArray[np.bool_], temperature: float | None) -> Sureness:
    """Judge confidences (S,) of statements that are right or not (S,)."""
    area = float(roc_auc_score(right, confidence)) if 0 < right.sum() < len(right) else None
    return Sureness(area, expected_calibration_error(at(confidence, temperature), right))


def at(confidence: NDArray[np.float64], temperature: float | None) -> NDArray[np.float64]:
    """Scale confidences (S,) by a temperature, if there is one."""
    return confidence if temperature is None else scaled(confidence, temperature)


def _asked(table: pd.DataFrame) -> pd.DataFrame:
    """The same statements with their asked confidence, where they have a told one."""
    changed = {}
    for key in KEYS:
        told = table[CONFIDENCE_PREFIX + key].astype(float)
        changed[CONFIDENCE_PREFIX + key] = table[ASKED_PREFIX + key].astype(float).where(told.notna())
    return table.assign(**changed)
