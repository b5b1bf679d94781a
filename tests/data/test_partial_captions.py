import numpy as np

from hemblip.data import InternalCells
from hemblip.data.partial_captions import partial_caption
from hemblip.data.sources import Synthetic
from hemblip.morphology import KEYS, extract_attributes

CELL = {"cell_type": "monocyte", "cell_size": "large", "chromatin": "open", "granules": "absent"}


def test_captions_state_subsets_in_any_order_and_nothing_else():
    chance = np.random.default_rng(0)
    seen, first = set(), set()
    for _ in range(60):
        caption = partial_caption(CELL, [0, 1], chance)
        stated = {key: value for key, value in extract_attributes(caption).items() if value is not None}
        assert stated and stated.items() <= CELL.items(), caption
        seen.add(tuple(sorted(stated)))
        first.add(caption.split(".")[0])
    assert len(seen) > 8 and len(first) >= 4 and any(len(keys) == 4 for keys in seen)
    assert partial_caption({}, [0], chance) is None


def test_training_draws_them_and_evaluation_does_not(workplace):
    cells = InternalCells([Synthetic(cells=60, size=32)], image_size=32, cache="cache", partial_captions=0.5)
    cells.setup()
    training, validation = cells.dataset("train", cells.augmentation), cells.dataset("val")
    drawn = [training[(0, index)]["caption"] for index in range(len(training))]
    assert drawn == [training[(0, index)]["caption"] for index in range(len(training))]
    whole = sum(drawn[index] in training.captions[index] for index in range(len(training)))
    assert 0.2 * len(training) < whole < 0.8 * len(training)
    constant = set(KEYS) - set(cells.stated_keys(cells.manifest))
    assert all(extract_attributes(caption)[key] is None for caption in drawn for key in constant)
    assert all(validation[(0, index)]["caption"] == validation.captions[index][0] for index in range(len(validation)))
