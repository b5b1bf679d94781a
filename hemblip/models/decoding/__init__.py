"""How captions are generated: the settings of the search, the search itself, and BLIP's decoder a token at a time."""

from hemblip.models.decoding.blip import BlipDecoder
from hemblip.models.decoding.drafts import Drafts, drafted
from hemblip.models.decoding.search import Generated, search
from hemblip.models.decoding.settings import GREEDY, Decoding

__all__ = ["GREEDY", "BlipDecoder", "Decoding", "Drafts", "Generated", "drafted", "search"]
