"""Told and asked confidence, and which one statements get."""

import numpy as np
import pytest
from metrics.drawn import confident_rows
from sklearn.metrics import roc_auc_score

from hemblip.metrics import score
from hemblip.metrics.asked import (
    ANSWER_CONFIDENCE_PREFIX,
    ANSWER_PREFIX,
    ASKED_PREFIX,
    as_answered,
    choose,
    is_asked,
    told_and_asked,
    with_better_confidence,
)
from hemblip.morphology import KEYS


def asked_rows(seed=0, sharp=("chromatin",), blunt=("cell_size",)):
    """Rows whose asked confidence knows more of some attributes, nothing of others, and is the told one elsewhere."""
    rows = confident_rows(300, seed)
    random = np.random.default_rng(seed)
    for key in KEYS:
        told = rows[f"confidence_{key}"].astype(float)
        right = (rows[key] == rows[f"true_{key}"]).to_numpy()
        asked = told
        if key in sharp:
            asked = np.where(right, 0.9, 0.2) + random.uniform(-0.1, 0.1, len(rows))
        if key in blunt:
            asked = random.uniform(0.4, 0.6, len(rows))
        rows[ASKED_PREFIX + key] = np.where(told.notna(), asked, np.nan)
        rows[ANSWER_PREFIX + key], rows[ANSWER_CONFIDENCE_PREFIX + key] = rows[f"true_{key}"], 0.9
    return rows


def test_the_confidence_that_tells_right_from_wrong_on_validation_is_used():
    validation, test = asked_rows(0), asked_rows(1)
    assert is_asked(test) and not is_asked(confident_rows(5)) and not is_asked(None)
    choices = choose(validation)
    assert choices["chromatin"].asked and not choices["cell_size"].asked and not choices["granules"].asked
    used = with_better_confidence(test, choices)
    assert used["confidence_cell_size"].equals(test["confidence_cell_size"])
    right = (test["chromatin"] == test["true_chromatin"]).to_numpy()
    assert (
        roc_auc_score(right, used["confidence_chromatin"]) > 0.99 > roc_auc_score(right, test["confidence_chromatin"])
    )
    told, asked = told_and_asked(test, "chromatin", choices["chromatin"])
    assert told.auroc == pytest.approx(roc_auc_score(right, test["confidence_chromatin"]))
    assert asked.auroc == pytest.approx(roc_auc_score(right, test[ASKED_PREFIX + "chromatin"]))
    assert asked.ece < 0.15


def test_of_two_that_tell_as_well_the_better_calibrated_one_is_used(monkeypatch):
    monkeypatch.setattr("hemblip.metrics.asked.roc_auc_score", lambda right, sure: 0.7 + 1e-16 * sure.sum())
    rows = asked_rows(0, sharp=(), blunt=("cell_size", "chromatin"))
    for key in ("cell_size", "chromatin"):
        right = rows[key] == rows[f"true_{key}"]
        better, worse = ("confidence_", ASKED_PREFIX) if key == "cell_size" else (ASKED_PREFIX, "confidence_")
        rows[worse + key], rows[better + key] = 1 - right * 0.9, 0.05 + right * 0.9
    choices = choose(rows)
    assert not choices["cell_size"].asked and choices["chromatin"].asked


def test_answers_are_scored_as_statements():
    rows = asked_rows()
    answered = as_answered(rows)
    assert score(answered)["accuracy"] == 1.0 > score(rows)["accuracy"]
    assert answered["caption"].equals(rows["caption"])
    rows[ANSWER_PREFIX + "chromatin"] = None
    assert score(as_answered(rows))["attributes"]["chromatin"]["coverage"] == 0


def test_what_had_to_be_answered_is_no_text_and_not_made_up():
    rows = asked_rows()
    rows["true_nucleoli"], rows["true_granules"] = None, "absent"
    rows[ANSWER_PREFIX + "nucleoli"], rows[ANSWER_PREFIX + "granules"] = "prominent", "small"
    found = score(as_answered(rows))
    assert found["bleu"] is None and found["unannotated"]["nucleoli"] == 0
    assert found["attributes"]["granules"]["hallucination"] == 1  # against what is annotated it is
