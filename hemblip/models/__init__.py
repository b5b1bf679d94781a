"""Captioners: LightningModules over vision-language models."""

from hemblip.models.blip import BlipCaptioner
from hemblip.models.medgemma import MedGemmaCaptioner

__all__ = ["BlipCaptioner", "MedGemmaCaptioner"]
