"""Captioners: LightningModules over vision-language models."""

import importlib
from typing import TYPE_CHECKING, Any

_HOMES = {
    "ApiCaptioner": "hemblip.models.api",
    "BlipCaptioner": "hemblip.models.blip",
    "BlipVqaCaptioner": "hemblip.models.blip_vqa",
    "MedGemmaCaptioner": "hemblip.models.medgemma",
    "VlmCaptioner": "hemblip.models.vlm",
    "check_captioner": "hemblip.models.contract",
}
"""Name -> module that defines it; loaded on first use, because they bring torch."""

__all__ = ["ApiCaptioner", "BlipCaptioner", "BlipVqaCaptioner", "MedGemmaCaptioner", "VlmCaptioner", "check_captioner"]

if TYPE_CHECKING:
    from hemblip.models.api import ApiCaptioner
    from hemblip.models.blip import BlipCaptioner
    from hemblip.models.blip_vqa import BlipVqaCaptioner
    from hemblip.models.contract import check_captioner
    from hemblip.models.medgemma import MedGemmaCaptioner
    from hemblip.models.vlm import VlmCaptioner


def __getattr__(name: str) -> Any:
    """Load a name of the package."""
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)
