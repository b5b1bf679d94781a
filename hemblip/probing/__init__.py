"""Frozen image embeddings and the light classifiers that are trained on them."""

from hemblip.probing.backbones import Backbone, RandomProjection, TimmEncoder
from hemblip.probing.vision_encoder import VisionEncoder

__all__ = ["Backbone", "RandomProjection", "TimmEncoder", "VisionEncoder"]
