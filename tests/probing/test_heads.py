"""Heads learn separable classes, rare ones included, and give the same result each time."""

import numpy as np
import pytest
import torch

from hemblip.probing.heads import EPOCHS, HEADS, Standardize, class_weights

random = np.random.default_rng(0)
CENTRES = random.normal(size=(3, 16)).astype(np.float32)


def cells(counts):
    labels = np.repeat(np.arange(3), counts)
    return (CENTRES[labels] + 0.4 * random.normal(size=(len(labels), 16))).astype(np.float32) * 5 + 3, labels


TRAIN, VALIDATION, TEST = cells((200, 100, 12)), cells((30, 20, 4)), cells((30, 30, 30))


SMALL = [name for name in HEADS if name != "released"]
"""What learns from few cells."""


@pytest.mark.parametrize("name", SMALL)
def test_separable_classes_are_told_apart(name):
    scale = Standardize(TRAIN[0])
    predict = HEADS[name](scale(TRAIN[0]), TRAIN[1], scale(VALIDATION[0]), VALIDATION[1])
    assert (predict(scale(TEST[0])) == TEST[1]).mean() > 0.9


@pytest.mark.parametrize("name", SMALL)
def test_result_is_repeatable_and_needs_no_validation_cells(name):
    scale = Standardize(TRAIN[0])
    nothing = (scale(TRAIN[0][:0]), TRAIN[1][:0])
    first, second = (HEADS[name](scale(TRAIN[0]), TRAIN[1], *nothing, 3)(scale(TEST[0])) for _ in range(2))
    assert (first == second).all() and (first == TEST[1]).mean() > 0.8


def test_standardized_features_have_length_one_and_ignore_constant_columns():
    features = np.concatenate([TRAIN[0], np.full((len(TRAIN[0]), 1), 7, dtype=np.float32)], 1)
    scaled = Standardize(features)(features)
    assert np.allclose(np.linalg.norm(scaled, axis=1), 1, atol=1e-5)
    assert (scaled[:, -1] == 0).all()


def test_class_weights_balance_the_classes():
    weights = class_weights(TRAIN[1])
    assert np.allclose(weights * np.bincount(TRAIN[1]), len(TRAIN[1]) / 3)


def test_the_released_head_starts_at_random_and_its_rate_falls(monkeypatch):
    """One batch an epoch of up to 2,048 cells: on few cells it stays near where it started."""
    scale, rates, step = Standardize(TRAIN[0]), [], torch.optim.AdamW.step

    def noting(optimiser, *more):
        rates.append(optimiser.param_groups[0]["lr"])
        return step(optimiser, *more)

    monkeypatch.setattr(torch.optim.AdamW, "step", noting)
    known = scale(VALIDATION[0][:0]), VALIDATION[1][:0]
    first, second = (HEADS["released"](scale(TRAIN[0]), TRAIN[1], *known, seed)(scale(TEST[0])) for seed in (0, 1))
    assert len(rates) == 2 * EPOCHS and rates[:EPOCHS] == sorted(rates[:EPOCHS], reverse=True)
    assert rates[0] == pytest.approx(5e-4) and rates[EPOCHS - 1] < 1e-5
    assert (first != second).any()
