import numpy as np
import pytest

from hemblip.data.conditions import CONDITIONS, Condition, conditions
from hemblip.errors import ConfigError

CELL = np.full((192, 240, 3), (220, 200, 210), np.uint8)
CELL[48:144, 72:168] = (90, 40, 130)


@pytest.mark.parametrize("name", CONDITIONS)
def test_each_condition_changes_a_cell_the_more_the_stronger_and_the_same_each_time(name):
    def change(strength):
        found = Condition(name, strength)(CELL, "a")
        assert found.shape == CELL.shape and found.dtype == np.uint8
        assert np.array_equal(found, Condition(name, strength)(CELL, "a"))
        return np.abs(found.astype(int) - CELL).mean()

    neutral = {"jpeg": 100, "brightness": 1, "magnification": 1}.get(name, 0)
    ordered = sorted(CONDITIONS[name].strengths, key=lambda strength: abs(strength - neutral))
    amounts = [change(strength) for strength in ordered]
    assert 0 < amounts[0] < amounts[-1]


def test_what_is_random_differs_between_cells():
    for name in ("noise", "off_centre"):
        one, other = (Condition(name, 0.1)(CELL, cell) for cell in "ab")
        assert not np.array_equal(one, other)


def test_places_and_colours_are_changed_as_the_strength_says():
    darker = Condition("brightness", 0.7)(CELL, "a")
    assert np.allclose(darker, CELL * 0.7, atol=0.51)
    larger = Condition("magnification", 1.25)(CELL, "a")
    wide = (larger[96, :, 1] < 120).sum()
    assert wide == pytest.approx(96 * 1.25, abs=1)
    warm = Condition("white_balance", 0.1)(CELL, "a").astype(float)
    assert warm[0, 0] == pytest.approx([242, 200, 189])
    moved = Condition("off_centre", 0.2)(CELL, "a")
    ys, xs = np.nonzero(moved[..., 1] < 120)
    assert np.hypot(ys.mean() - 95.5, xs.mean() - 119.5) == pytest.approx(0.2 * 192, abs=0.5)


def test_unknown_conditions_are_told_in_one_line():
    with pytest.raises(ConfigError, match=r"--stress fog: no such condition; there are blur, defocus"):
        conditions(["blur", "fog"])
    with pytest.raises(ConfigError, match="names no condition"):
        conditions([])
    assert {one.name for one in conditions(["jpeg"])} == {"jpeg"}
    assert {one.name for one in conditions()} == set(CONDITIONS)
