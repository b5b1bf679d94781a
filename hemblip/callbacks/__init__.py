"""What happens around training and testing."""

from hemblip.callbacks.caption_evaluation import CaptionEvaluation

__all__ = ["CaptionEvaluation"]
