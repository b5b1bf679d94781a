"""A BLIP of 60k parameters, built in milliseconds."""

import torch

from hemblip.models import BlipCaptioner
from hemblip.models.compact_blip import CompactBlip
from hemblip.morphology import describe

TINY = CompactBlip(image_size=32, stem=(8, 16, 16), hidden_size=32, vision_layers=1, decoder_layers=3, heads=2)
CAPTIONS = [describe({"cell_type": "monocyte", "cell_size": "large"}), describe({"cell_type": "lymphocyte"}), "Blue!"]


def tiny(**settings):
    torch.manual_seed(0)
    return BlipCaptioner("compact", compact=TINY, **settings)
