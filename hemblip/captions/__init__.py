"""Captions: k wordings of each cell, by an offline grammar or by a paraphrasing language model."""

from hemblip.captions.grammar import captions
from hemblip.captions.guard import deviations, states_exactly

__all__ = ["captions", "deviations", "states_exactly"]
