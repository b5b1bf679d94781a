"""Captions that do not contradict themselves."""

import itertools

import numpy as np
import pytest
import torch
from models.test_asking import batch, twin
from tiny_blip import tiny

from hemblip.metrics.incompatible import contradictions
from hemblip.models.consistency import contradicts, joint_best
from hemblip.models.decoding import Decoding, Generated
from hemblip.morphology import SCHEMA, STYLES, describe, extract_attributes

BROKEN = {"cell_type": "basophil", "granules": "coarse", "granule_colour": "pink", "cell_size": "large"}
WHOLE = {**BROKEN, "granule_colour": "purple"}


@pytest.mark.parametrize("style", range(STYLES))
def test_contradictions_are_those_of_the_rules(style):
    assert contradicts(describe(BROKEN, style)) and not contradicts(describe(WHOLE, style))


def test_a_caption_must_not_state_two_values_of_one_attribute():
    assert contradicts("A large cell. The cell is small.")
    assert contradicts("Granules are absent. The granules are pink.")
    assert not contradicts("A large cell. The cell is large.") and not contradicts("")


def joint_by_hand(chances):
    """The likeliest of all combinations, tried one after the other."""
    best = (-1.0, {})
    options = {key: [*SCHEMA[key], None] if key == "granule_colour" else SCHEMA[key] for key in chances}
    for values in itertools.product(*options.values()):
        cell = dict(zip(chances, values, strict=True))
        if contradictions(cell) or ((cell["granules"] == "absent") != (cell["granule_colour"] is None)):
            continue
        chance = np.prod([chances[key][SCHEMA[key].index(value)] for key, value in cell.items() if value])
        best = max(best, (chance, cell), key=lambda pair: pair[0])
    return best[1]


@pytest.mark.parametrize("seed", range(6))
def test_the_joint_best_values_are_the_likeliest_that_exclude_nothing(seed):
    random = np.random.default_rng(seed)
    keys = ("cell_type", "nucleus_shape", "granules", "granule_colour")
    chances = {key: random.dirichlet(np.full(len(SCHEMA[key]), 0.3)) for key in keys}
    found = joint_best(chances)
    assert found == joint_by_hand(chances)
    assert joint_best({"cell_size": np.array([0.1, 0.2, 0.7])}) == {"cell_size": SCHEMA["cell_size"][2]}


def test_where_nothing_is_consistent_the_least_sure_is_not_stated():
    def sure(key, value, chance=1.0):
        return np.array([chance * (one == value) for one in SCHEMA[key]])

    found = joint_best(
        {"cell_type": sure("cell_type", "basophil"), "granule_colour": sure("granule_colour", "pink", 0.9)}
    )
    assert found == {"cell_type": "basophil", "granule_colour": None}


@pytest.mark.parametrize("make", [tiny, twin])
def test_beams_are_given_the_best_first(make):
    captioner = make(decoding=Decoding(num_beams=3, max_new_tokens=6)).eval() if make is tiny else make().eval()
    captioner.decoding = Decoding(num_beams=3, max_new_tokens=6)
    cells = batch(captioner)
    every, best = captioner.generate_beams(cells), captioner.generate_tokens(cells)
    assert len(every) == 3
    for beams, first in zip(every, best, strict=True):
        ids = [tuple(token.token for token in beam) for beam in beams]
        assert ids[0] == tuple(token.token for token in first)
        assert 1 < len(set(ids)) == len(ids) <= 3


def test_the_best_consistent_beam_is_taken_else_the_caption_is_written(monkeypatch):
    captioner = tiny(decoding=Decoding(num_beams=2, max_new_tokens=60, consistent=True)).eval()

    def tokens(cell):
        return [Generated(token, -0.1) for token in captioner.answer_ids([describe(cell, 1)])[0].tolist()]

    beams = [[tokens(WHOLE)], [tokens(BROKEN), tokens(WHOLE)], [tokens(BROKEN), tokens(BROKEN)]]
    monkeypatch.setattr(captioner, "generate_beams", lambda _: beams)
    first, second, third = captioner.describe_batch(batch(captioner))
    assert extract_attributes(first.caption) == extract_attributes(second.caption)
    assert not contradicts(third.caption)
    stated = extract_attributes(third.caption)
    assert stated["cell_size"] == "large" and stated["cell_type"] is not None
    again = {**batch(captioner), "captions": [third.caption] * 3}
    with torch.no_grad():
        loss = captioner.loss_per_cell(again)[0]
    generated = captioner.describe_batch(batch(captioner))[2].tokens
    assert -sum(token.log_probability for token in generated) == pytest.approx(float(loss[2]), rel=0.05)
