"""Which of its captions a cell is trained with in each epoch."""

import numpy as np
import pandas as pd
import pytest
from morphology.attributes import LEUKEMIC

from hemblip.data.dataset import CellDataset
from hemblip.data.sampler import TrainingBatches
from hemblip.data.transforms import Augmentation
from hemblip.morphology.grammar import captions

CELLS, SIZE = 40, 8


def dataset(k, seed=0):
    ids = [f"set/{number:04d}.png" for number in range(CELLS)]
    manifest = pd.DataFrame({"cell_id": ids, "captions": [captions(LEUKEMIC, k, 0, name) for name in ids]})
    return CellDataset(manifest, np.zeros((CELLS, SIZE, SIZE, 3), np.uint8), Augmentation(), seed)


def drawn(cells, epoch, consumed=0):
    """The captions of an epoch in the order of training, from batch `consumed` on."""
    batches = TrainingBatches(CELLS, 8, seed=3)
    batches.set_position(epoch, consumed)
    return [[(cells[draw]["cell_id"], cells[draw]["caption"]) for draw in batch] for batch in batches]


@pytest.mark.parametrize("epoch", [0, 3])
def test_a_resumed_run_draws_what_an_uninterrupted_one_draws(epoch):
    whole = drawn(dataset(5), epoch)
    assert drawn(dataset(5), epoch, consumed=2) == whole[2:]
    later = drawn(dataset(5), epoch + 1)
    assert {pair for batch in whole for pair in batch} != {pair for batch in later for pair in batch}


@pytest.mark.parametrize("k", [2, 3, 4, 5, 6, 8])
def test_over_the_epochs_a_cell_is_seen_in_many_words(k):
    cells = dataset(k)
    seen = [len({cells[(epoch, cell)]["caption"] for epoch in range(10)}) for cell in range(CELLS)]
    expected = k * (1 - (1 - 1 / k) ** 10)  # independent draws
    assert abs(np.mean(seen) - expected) < 0.35 * expected**0.5
    again = np.mean([cells[(0, cell)]["caption"] == cells[(1, cell)]["caption"] for cell in range(CELLS)])
    assert again < 1 / k + 0.3


def test_another_seed_draws_otherwise():
    one, other = dataset(5, seed=0), dataset(5, seed=1)
    assert any(one[(0, cell)]["caption"] != other[(0, cell)]["caption"] for cell in range(CELLS))


def test_evaluation_has_the_first_caption_as_its_reference():
    cells = dataset(3)
    cells.augmentation = None
    assert [cells[(epoch, 7)]["caption"] for epoch in range(4)] == [cells.captions[7][0]] * 4
