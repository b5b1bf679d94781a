"""One class a dataset; each reads its published layout into a manifest."""

from hemblip.data.sources.source import Source
from hemblip.data.sources.wbcatt import WBCAtt

__all__ = ["Source", "WBCAtt"]
