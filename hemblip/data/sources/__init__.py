"""One class a dataset; each reads its published layout into a manifest."""

from hemblip.data.sources.image_files import ImageFiles
from hemblip.data.sources.source import Source
from hemblip.data.sources.synthetic import Synthetic
from hemblip.data.sources.wbcatt import WBCAtt

__all__ = ["ImageFiles", "Source", "Synthetic", "WBCAtt"]
