"""Scores as text tables."""

from collections.abc import Iterable, Mapping
from typing import Any

from hemblip.metrics.baselines import MAJORITY


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

    def line(label: str, values: Iterable[Any], share: bool | None = True) -> None:
        cells = (f"{_number(value, share):>{width}}" for value, width in zip(values, widths, strict=True))
        lines.append(f"{label:<28}{''.join(cells)}")

    for name, label in TEXTS.items():
        if name in scores:
            line(label, (column.get(name) for column in columns.values()), share=False)
    for key in scores["attributes"]:
        line(f"{key} %", (column["attributes"].get(key, {}).get("accuracy") for column in columns.values()))
    single = scores["single_valued"]
    if scores["attributes"]:
        line("mean attribute accuracy %", (column["accuracy"] for column in columns.values()))
        line("mean macro-F1 %", (column["macro_f1"] for column in columns.values()))
    each = [column.get("diversity") or {} for column in columns.values()]
    line("distinct captions", (one.get("distinct_captions") for one in each), share=None)
    line("commonest caption %", (one.get("commonest_caption") for one in each))
    line("repeated runs of 4 words %", (one.get("repeated_ngrams") for one in each))
    if each[0].get("distinct_references"):
        lines.append(_of_references(each[0]))
    if single:
        lines.append(_left_out(single))
    if not scores["attributes"]:
        lines.append(UNANNOTATED)
    return "\n".join(lines)


UNANNOTATED = "no cell has annotated attributes: captions are scored as text alone"

TEXTS = {
    "bleu_raw": "BLEU, as published",
    "bleu": "BLEU (sentence mean)",
    "rouge_l": "ROUGE-L",
    "bertscore": "BERTScore F1",
}


def summary_table(metrics: Mapping[str, Any]) -> str:
    """Lay out the main scores of each set of cells beside the majority baseline's.

    Args:
        metrics: of a run, by split; see `hemblip.run.Run.scores`.

    Returns:
        Lines of text, accuracies in percent; captions and references are the numbers of different ones.
    """
    lines = [
        f"{'':<10}{'cells':>7}{'BLEU':>8}{'ROUGE-L':>9}{'accuracy %':>12}{'majority %':>12}{'macro-F1 %':>12}"
        f"{'captions':>10}{'references':>12}"
    ]
    for split, scores in metrics.items():
        model, majority = scores["model"], scores["baselines"].get(MAJORITY, {})
        different = model.get("diversity") or {}  # older runs have none
        lines.append(
            f"{split:<10}{model['cells']:>7}{_number(model['bleu'], False):>8}{_number(model['rouge_l'], False):>9}"
            f"{_number(model['accuracy'], True):>12}{_number(majority.get('accuracy'), True):>12}"
            f"{_number(model['macro_f1'], True):>12}"
            f"{_number(different.get('distinct_captions')):>10}{_number(different.get('distinct_references')):>12}"
        )
    lines += [f"{split}: {_left_out(single)}" for split, scores in metrics.items() if (single := _single(scores))]
    return "\n".join(lines)


def _single(scores: Mapping[str, Any]) -> list[str]:
    return list(scores["model"].get("single_valued", []))  # older runs have none


def _left_out(single: Iterable[str]) -> str:
    return f"means without {', '.join(single)}: one annotated value only"


def _of_references(found: Mapping[str, Any]) -> str:
    commonest, repeated = found["commonest_reference"], found["repeated_ngrams_of_references"]
    return (
        f"of the references {found['distinct_references']:,} are distinct, the commonest is {_number(commonest, True)} "
        f"% of all, {_number(repeated, True)} % of their runs of 4 words are repeated"
    )


def _number(value: Any, share: bool | None = None) -> str:
    """Write a share in percent, a score, or with None a count."""
    if value is None:
        return "n/a"
    if share is None:
        return f"{value:,}"
    return f"{100 * value:.1f}" if share else f"{value:.3f}"
