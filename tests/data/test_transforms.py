import numpy as np
import pytest

from hemblip.data.synthetic.population import draw_attributes
from hemblip.data.synthetic.renderer import render
from hemblip.data.synthetic.stain import draw_slide
from hemblip.data.transforms import Augmentation
from hemblip.data.turn_and_stain import TurnAndStain, hue_rotation


@pytest.fixture(scope="module")
def cell():
    rng = np.random.default_rng(0)
    return render(draw_attributes("AML", rng), draw_slide(False, rng), 64, rng)


def test_a_cell_is_changed_as_its_seed_says(cell):
    augment = Augmentation()
    first, again, other = augment(cell, 1), Augmentation()(cell, 1), augment(cell, 2)
    assert first.shape == cell.shape and first.dtype == np.uint8
    assert (first == again).all() and (first != other).any() and (first != cell).any()


def test_what_tells_diagnoses_is_hardly_changed():
    """Colours are read from stained cells: by default none changes by more than 7 %."""
    grey = np.full((8, 8, 3), 128, np.uint8)
    levels = [Augmentation(zoom=0, tilt=0)(grey, seed)[4, 4].astype(int) for seed in range(60)]
    assert 128 * 0.92 <= min(map(min, levels)) < 123 and 133 < max(map(max, levels)) <= 128 * 1.08


def test_all_eight_poses_occur_and_are_exact():
    pixels = np.random.default_rng(0).integers(0, 255, (17, 17, 3), np.uint8)
    turn = TurnAndStain(zoom=0, colour=0, tilt=0)
    poses = [np.rot90(side, quarter) for side in (pixels, pixels[:, ::-1]) for quarter in range(4)]
    seen = set()
    for seed in range(60):
        turn.set_random_seed(seed)
        turned = turn(image=pixels)["image"]
        matches = [number for number, pose in enumerate(poses) if np.abs(turned.astype(int) - pose).max() <= 1]
        assert len(matches) == 1
        seen |= set(matches)
    assert seen == set(range(8))


def test_colour_alone_keeps_grey_grey_and_varies_mildly(cell):
    grey = np.full((16, 16, 3), 128, np.uint8)
    levels = [Augmentation(0, 0.15)(grey, seed)[8, 8].astype(int) for seed in range(50)]
    assert max(np.ptp(level) for level in levels) <= 1
    assert 128 * 0.84 <= min(map(min, levels)) < 120 and 136 < max(map(max, levels)) <= 128 * 1.16
    means = [
        Augmentation(0, 0.15)(cell, seed).reshape(-1, 3).mean(0) - cell.reshape(-1, 3).mean(0) for seed in range(50)
    ]
    assert 3 < np.std(means) < 30
    assert np.allclose(hue_rotation(0.1) @ [1, 1, 1], 1) and np.allclose(hue_rotation(1 / 3) @ [1, 0, 0], [0, 1, 0])


def test_shift_and_zoom_stay_within_their_bound():
    pixels = np.zeros((101, 101, 3), np.uint8)
    pixels[31:70, 31:70] = 255
    for seed in range(30):
        y, x = np.nonzero(Augmentation(0.06, 0)(pixels, seed)[..., 0] > 127)
        assert np.hypot(y.mean() - 50, x.mean() - 50) < 101 * 0.06 * np.sqrt(2) * 1.07
        assert 0.93 < np.sqrt(len(y)) / 39 < 1.07


def test_tilt_is_a_setting_of_degrees_beside_the_quarter_turns():
    pixels = np.zeros((101, 101, 3), np.uint8)
    pixels[46:55, 10:91] = 255  # a bar, whose direction is its angle

    def degrees(tilt):
        angles = []
        for seed in range(40):
            y, x = np.nonzero(Augmentation(0, 0, tilt)(pixels, seed)[..., 0] > 127)
            spread = np.cov(x, y)
            angles.append(np.degrees(np.arctan2(2 * spread[0, 1], spread[0, 0] - spread[1, 1])) / 2)
        turned = np.abs(np.asarray(angles))
        return np.minimum(turned, 90 - turned)

    assert degrees(0).max() < 0.1
    assert 7 < degrees(10).max() < 10.5
    assert (Augmentation(tilt=20)(pixels, 3) == Augmentation()(pixels, 3)).all()
