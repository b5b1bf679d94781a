"""Scores agree with scikit-learn; intervals follow groups."""

import numpy as np
import pytest
from metrics.by_hand import interval_by_hand
from sklearn.metrics import accuracy_score, f1_score

from hemblip.probing.scores import class_scores, group_confusions, interval_scores

random = np.random.default_rng(1)
ANSWERS = random.integers(0, 4, 300)
GUESSES = np.where(random.random(300) < 0.6, ANSWERS, random.integers(0, 4, 300))


def groups(count):
    return [str(number) for number in random.integers(0, count, 300)]


def test_scores_are_those_of_scikit_learn():
    measured = interval_scores(group_confusions(ANSWERS, GUESSES, groups(20), 5))
    assert measured["accuracy"] == pytest.approx(accuracy_score(ANSWERS, GUESSES))
    assert measured["weighted_f1"] == pytest.approx(f1_score(ANSWERS, GUESSES, average="weighted"))
    assert measured["macro_f1"] == pytest.approx(f1_score(ANSWERS, GUESSES, average="macro"))
    for metric in ("accuracy", "weighted_f1", "macro_f1"):
        assert measured[f"{metric}_low"] < measured[metric] < measured[f"{metric}_high"]


def test_intervals_are_those_of_scoring_what_is_left_row_by_row():
    names = np.array(groups(8))
    measured = interval_scores(group_confusions(ANSWERS, GUESSES, names.tolist(), 4))

    def each(kept):
        some = ANSWERS[kept], GUESSES[kept]
        return accuracy_score(*some), *(f1_score(*some, average=average) for average in ("weighted", "macro"))

    left = np.array([each(names != group) for group in sorted(set(names))])
    for place, metric in enumerate(("accuracy", "weighted_f1", "macro_f1")):
        expected = interval_by_hand(left[:, place], measured[metric], 8)
        assert (measured[f"{metric}_low"], measured[f"{metric}_high"]) == pytest.approx(expected)


def test_cells_of_one_group_count_as_one_draw():
    """Copying every cell within its group adds no certainty."""
    names = groups(12)
    once = interval_scores(group_confusions(ANSWERS, GUESSES, names, 4))
    tenfold = group_confusions(np.repeat(ANSWERS, 10), np.repeat(GUESSES, 10), np.repeat(names, 10).tolist(), 4)
    many = interval_scores(tenfold)
    assert many["accuracy_low"] == pytest.approx(once["accuracy_low"])
    assert many["accuracy_high"] == pytest.approx(once["accuracy_high"])


def test_a_class_of_one_group_does_not_push_the_interval_of_macro_f1_up():
    """Without its one group the rare class, which is never found, keeps its F1 of 0."""
    answers = np.array([0, 1] * 40 + [2, 2])
    guesses = np.array([0, 1] * 40 + [0, 0])
    names = [str(number // 10) for number in range(80)] + ["rare", "rare"]
    measured = interval_scores(group_confusions(answers, guesses, names, 3))
    assert measured["macro_f1_low"] <= measured["macro_f1"] <= measured["macro_f1_high"] < 0.7


def test_one_group_has_no_interval():
    measured = interval_scores(group_confusions(ANSWERS, GUESSES, ["slide"] * 300, 4))
    assert measured["accuracy"] is not None and measured["accuracy_low"] is None


def test_classes_without_cells_say_so():
    confusion = group_confusions(np.array([0, 0, 1, 3]), np.array([0, 1, 1, 0]), ["a"] * 4, 4).sum(0)
    table = class_scores(confusion, ["w", "x", "y", "z"], {"w": 5, "x": 1, "y": 0, "z": 0})
    assert table["w"] == {"training_cells": 5, "test_cells": 2, "f1": 0.5}
    assert table["y"]["f1"] == "n/a (no test cells)"
    assert table["z"]["f1"] == "n/a (no training cells)"
