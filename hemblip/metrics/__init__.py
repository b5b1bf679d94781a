"""Scores: pure functions of prediction rows.

What needs an encoder (`hemblip.metrics.bert`) is imported from there; baselines of features are in
`hemblip.probing.feature_baselines`.
"""

from typing import TYPE_CHECKING, Any

from hemblip.metrics.attributes import attribute_scores, confusion_matrix, exact_match
from hemblip.metrics.baselines import majority_baseline, modal_caption_baseline
from hemblip.metrics.intervals import Measured
from hemblip.metrics.plausible import is_plausible
from hemblip.metrics.score import score
from hemblip.metrics.text import sentence_scores, text_scores
from hemblip.metrics.verdicts import Verdict, verdict_matrix

if TYPE_CHECKING:
    from hemblip.metrics.running import AttributeAccuracy, CaptionText

__all__ = [
    "AttributeAccuracy",
    "CaptionText",
    "Measured",
    "Verdict",
    "attribute_scores",
    "confusion_matrix",
    "exact_match",
    "is_plausible",
    "majority_baseline",
    "modal_caption_baseline",
    "score",
    "sentence_scores",
    "text_scores",
    "verdict_matrix",
]


def __getattr__(name: str) -> Any:
    """Load the torchmetrics when they are asked for: scoring needs no torch."""
    if name not in ("AttributeAccuracy", "CaptionText"):
        raise AttributeError(f"module 'hemblip.metrics' has no attribute '{name}'")
    from hemblip.metrics import running

    return getattr(running, name)
