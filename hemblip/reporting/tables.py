"""Scores as text tables."""

from collections.abc import Mapping
from typing import Any


def score_table(split: str, scores: Mapping[str, Any], majority: Mapping[str, Any] | None) -> str:
    """Lay out the scores of one model beside the majority baseline.

    Args:
        split: name of the cells.
        scores: from `hemblip.metrics.score`.
        majority: the baseline's scores; None if there are no training cells to take it from.

    Returns:
        Lines of text, accuracies in percent.
    """
    lines = [f"{split}: {scores['cells']} cells", f"{'':<28}{'captions':>10}{'majority':>10}"]

    def line(label: str, value: Any, base: Any, share: bool = True) -> None:
        lines.append(f"{label:<28}{_number(value, share):>10}{_number(base, share):>10}")

    for name, label in (("bleu", "BLEU (sentence mean)"), ("rouge_l", "ROUGE-L")):
        line(label, scores[name], majority and majority[name], share=False)
    for key, row in scores["attributes"].items():
        line(f"{key} %", row["accuracy"], majority and majority["attributes"].get(key, {}).get("accuracy"))
    line("mean attribute accuracy %", scores["accuracy"], majority and majority["accuracy"])
    line("mean macro-F1 %", scores["macro_f1"], majority and majority["macro_f1"])
    return "\n".join(lines)


def _number(value: Any, share: bool) -> str:
    if value is None:
        return "n/a"
    return f"{100 * value:.1f}" if share else f"{value:.3f}"
