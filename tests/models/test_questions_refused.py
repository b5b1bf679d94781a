"""Cells that bring questions, and captioners that read none."""

from types import SimpleNamespace

import pytest
from tiny_blip import TINY, tiny

from hemblip.data import InternalCells
from hemblip.data.sources import Synthetic
from hemblip.errors import ConfigError
from hemblip.models import BlipVqaCaptioner
from hemblip.models.rewards import Rewards


@pytest.fixture
def trainer(workplace):
    cells = InternalCells([Synthetic(12, size=32)], image_size=32, cache="cache", questions=True)
    cells.setup()
    return SimpleNamespace(datamodule=cells)


@pytest.mark.parametrize("stage", ["fit", "test"])
def test_who_only_describes_is_given_no_questions(trainer, stage):
    captioner = tiny()
    captioner._trainer = trainer
    with pytest.raises(
        ConfigError, match=r"^BlipCaptioner describes cells and answers no questions; take one that does"
    ):
        captioner.setup(stage)


def test_answers_are_not_rewarded_as_descriptions(trainer):
    captioner = BlipVqaCaptioner("compact", compact=TINY, rewards=Rewards())
    captioner._trainer = trainer
    captioner.setup("test")
    with pytest.raises(ConfigError, match=r"^model.init_args.rewards are for descriptions"):
        captioner.setup("fit")
