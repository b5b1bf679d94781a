"""Scores: pure functions of prediction rows."""

from hemblip.metrics.attributes import attribute_scores, exact_match
from hemblip.metrics.baselines import majority_baseline
from hemblip.metrics.score import score
from hemblip.metrics.text import text_scores

__all__ = ["attribute_scores", "exact_match", "majority_baseline", "score", "text_scores"]
