"""What stain, background and resolution tell is taken away, what the cell shows is kept."""

import os

import numpy as np
import pytest
from corpus.test_shortcuts import cells, few_trees  # noqa: F401 - a fixture

from hemblip.corpus.shortcuts import shortcut_scores
from hemblip.data import ExternalCells
from hemblip.data.cache import cached_cells
from hemblip.data.countermeasures import BackgroundMask, FixedAspect, Reinhard, central_nucleus, optical_density
from hemblip.data.images import read_image
from hemblip.data.sources import ImageFiles
from hemblip.data.synthetic.population import draw_attributes
from hemblip.data.synthetic.renderer import render
from hemblip.data.synthetic.stain import draw_slide
from hemblip.data.unlabelled import UnlabelledCells
from hemblip.errors import ConfigError


def drawn(external, number=0, cell=None):
    rng = np.random.default_rng(number)
    cell = cell or draw_attributes("ALL", rng)
    return render(cell, draw_slide(external, np.random.default_rng(number + 100)), 96, np.random.default_rng(number))


def test_stains_come_closer_and_the_slide_becomes_white():
    ours, theirs = ([drawn(external, number) for number in range(6)] for external in (False, True))

    def distance(change):
        means = [np.mean([change(cell).reshape(-1, 3).mean(0) for cell in domain], 0) for domain in (ours, theirs)]
        return np.abs(means[0] - means[1]).max()

    assert distance(Reinhard()) < 0.6 * distance(lambda cell: cell)
    slide = optical_density(theirs[0]).mean(-1) < 0.05
    before, after = (np.median(cell[slide], axis=0) for cell in (theirs[0], Reinhard()(theirs[0])))
    assert np.ptp(after) < 0.6 * np.ptp(before)
    blank = np.full((20, 20, 3), 200, np.uint8)
    assert np.ptp(Reinhard()(blank)) == 0


def test_the_cell_stays_and_its_surroundings_go():
    for number in range(6):
        cell = drawn(False, number)
        kept = BackgroundMask().kept(cell)
        nucleus = central_nucleus(cell)
        assert nucleus.any() and kept[nucleus].all()
        assert kept[40:56, 40:56].all() and not kept[[0, 0, -1, -1], [0, -1, 0, -1]].any()
        masked = BackgroundMask(grey=9)(cell)
        assert (masked[~kept] == 9).all() and (masked[kept] == cell[kept]).all()


def test_without_a_nucleus_a_disc_is_kept():
    blank = np.full((30, 40, 3), 200, np.uint8)
    kept = BackgroundMask().kept(blank)
    assert (kept == BackgroundMask("disc").kept(blank)).all()
    assert kept[15, 20] and not kept[15, 2] and kept.mean() == pytest.approx(np.pi * 13.5**2 / 1200, abs=0.03)


def test_settings_are_checked():
    for wrong in (lambda: BackgroundMask(margin=-1), lambda: FixedAspect(0), lambda: Reinhard(spread=(0, 1, 1))):
        with pytest.raises(ConfigError):
            wrong()


@pytest.mark.parametrize(
    ("plant", "view", "countermeasure"),
    [("aspect", "size and aspect", FixedAspect(24)), ("background", "background ring", BackgroundMask("disc"))],
)
def test_a_planted_shortcut_is_gone(tmp_path, plant, view, countermeasure):
    manifest = cells(tmp_path, plant, 48)
    before, after = (
        shortcut_scores(manifest, countermeasures=some).set_index("view") for some in ((), (countermeasure,))
    )
    assert before.loc[view, "balanced_accuracy"] > 0.95
    assert after.loc[view, "balanced_accuracy"] == pytest.approx(0.5, abs=0.1)


def test_cached_cells_belong_to_their_countermeasures(tmp_path):
    manifest = cells(tmp_path, "nothing", 2)
    plain = cached_cells(manifest, 16, 1.0, tmp_path / "cache")
    masked = cached_cells(manifest, 16, 1.0, tmp_path / "cache", [BackgroundMask("disc")])
    darker = cached_cells(manifest, 16, 1.0, tmp_path / "cache", [BackgroundMask("disc", grey=0)])
    assert (plain[:, 0, 0] < 235).any() and (masked[:, 0, 0] == 235).all() and (darker[:, 0, 0] == 0).all()
    assert len(list((tmp_path / "cache").glob("*.npy"))) == 3


@pytest.mark.real
@pytest.mark.skipif("HEMBLIP_DATA" not in os.environ, reason="HEMBLIP_DATA is not set")
def test_real_masks():
    folder = f"{os.environ['HEMBLIP_DATA']}/external/cellavision"
    kept, painted = [], []
    for number in range(1, 101, 4):
        cell = read_image(f"{folder}/masks/{number:03d}.png")[..., 0] > 60
        mask = BackgroundMask().kept(read_image(f"{folder}/images/{number:03d}.png"))
        kept.append(mask[cell].mean())
        painted.append(1 - mask[~cell].mean())
    assert np.mean(kept) > 0.95 and np.mean(painted) > 0.78


def test_training_and_prediction_use_them(tmp_path):
    cells(tmp_path, "nothing", 4)
    data = ExternalCells(
        [ImageFiles(str(tmp_path))], 16, cache=str(tmp_path / "cache"), countermeasures=[BackgroundMask("disc", grey=7)]
    )
    data.setup()
    assert (data.dataset("external")[(0, 0)]["image"][0, 0] == 7).all()
    same = UnlabelledCells(str(tmp_path), like=data)
    same.setup()
    assert (same.dataset("external")[(0, 0)]["image"][0, 0] == 7).all()
