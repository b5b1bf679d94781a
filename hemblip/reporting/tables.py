"""Scores as text tables."""

from collections.abc import Iterable, Mapping
from typing import Any


def score_table(split: str, scores: Mapping[str, Any], baselines: Mapping[str, Mapping[str, Any]]) -> str:
    """Lay out the scores of one model beside those of the baselines.

    Args:
        split: name of the cells.
        scores: from `hemblip.metrics.score`.
        baselines: name -> scores; none if there are no training cells to take them from.

    Returns:
        Lines of text, accuracies in percent.
    """
    columns = {"captions": scores, **baselines}
    widths = [max(10, len(name) + 2) for name in columns]
    titles = "".join(f"{name:>{width}}" for name, width in zip(columns, widths, strict=True))
    lines = [f"{split}: {scores['cells']} cells", f"{'':<28}{titles}"]

    def line(label: str, values: Iterable[Any], share: bool = True) -> None:
        cells = (f"{_number(value, share):>{width}}" for value, width in zip(values, widths, strict=True))
        lines.append(f"{label:<28}{''.join(cells)}")

    for name, label in (("bleu", "BLEU (sentence mean)"), ("rouge_l", "ROUGE-L"), ("bertscore", "BERTScore F1")):
        if name in scores:
            line(label, (column[name] for column in columns.values()), share=False)
    for key in scores["attributes"]:
        line(f"{key} %", (column["attributes"].get(key, {}).get("accuracy") for column in columns.values()))
    line("mean attribute accuracy %", (column["accuracy"] for column in columns.values()))
    line("mean macro-F1 %", (column["macro_f1"] for column in columns.values()))
    return "\n".join(lines)


def _number(value: Any, share: bool) -> str:
    if value is None:
        return "n/a"
    return f"{100 * value:.1f}" if share else f"{value:.3f}"
