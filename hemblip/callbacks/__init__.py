"""What happens around training and testing."""

from hemblip.callbacks.caption_evaluation import CaptionEvaluation
from hemblip.callbacks.familiar_cells import FamiliarCells
from hemblip.callbacks.resume_point import ResumePoint
from hemblip.callbacks.run_config import RunConfig
from hemblip.callbacks.run_report import RunReport
from hemblip.callbacks.run_summary import RunSummary
from hemblip.callbacks.stress import Stress

__all__ = ["CaptionEvaluation", "FamiliarCells", "ResumePoint", "RunConfig", "RunReport", "RunSummary", "Stress"]
