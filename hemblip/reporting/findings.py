"""What the tables say, in sentences, and what their words mean."""

import pandas as pd

from hemblip.metrics.attributes import error_counts
from hemblip.metrics.baselines import MAJORITY, MODAL
from hemblip.metrics.diversity import diversity
from hemblip.metrics.jackknife import FEW
from hemblip.metrics.verdicts import Verdict
from hemblip.reporting.comparison import Comparison, Contestant
from hemblip.reporting.layout import Estimate
from hemblip.splits import cells_of, place_of

NEARLY_ALL = 0.97
"""Coverage above which silence needs no sentence."""

NEARLY_AS_MANY = 0.75
"""Share of the references' number of different texts above which captions need no sentence."""


def lead(comparison: Comparison) -> str:
    """Who is compared on what, in one sentence."""
    places = []
    for split in comparison.splits:
        scored = next(model.scored[split] for model in comparison.models if split in model.scored)
        groups = f"{scored.groups:,} {'group' if scored.groups == 1 else 'groups'}"
        places.append(f"{len(scored.table):,} {cells_of(split)} ({groups})")
    names = listed([model.name for model in comparison.models])
    return f"Captions of {names} for {listed(places)}, checked statement by statement against the annotations."


def listed(words: list[str]) -> str:
    """Join words as in "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def findings(comparison: Comparison) -> dict[str, list[str]]:
    """The sentences that a reader should take away, by place, the best captioner first; each with its interval."""
    found = {}
    for split in comparison.splits:
        having = [model for model in comparison.models if split in model.scored]
        ranked = sorted(having, key=lambda model: -(_percent(model, split, "accuracy").value or 0))
        found[f"{place_of(split)} cells"] = [_finding(comparison, model, split) for model in ranked]
    if not comparison.external:
        found["External cells"] = ["n/a (no external set was described)"]
    return found


def _finding(comparison: Comparison, model: Contestant, split: str) -> str:
    accuracy, coverage = _percent(model, split, "accuracy"), _percent(model, split, "coverage")
    if accuracy.value is None or coverage.value is None:
        return f"{model.name}: no cell is annotated, so that only texts can be compared."
    spread = "" if accuracy.spread is None else f"; standard deviation over seeds {100 * accuracy.spread:.1f}"
    text = f"{model.name} states {_written(accuracy)} of the annotations right (mean over attributes{spread})"
    baseline, gap = comparison.strongest_baseline(split), comparison.lead(model, split)
    if baseline is None or gap is None or gap.value is None:
        text += "."
    elif gap.low is None or gap.high is None:
        text += (
            f"; whether that beats the strongest baseline ({baseline.name}: {_points(gap)}) cannot be told from one "
            "group of cells."
        )
    elif gap.high < 0:
        text += f", less than the strongest baseline ({baseline.name}): {_points(gap)}."
    elif comparison.is_below(model, split, "accuracy"):
        text += f" and is not shown to beat the strongest baseline ({baseline.name}): {_points(gap)}."
    else:
        text += f", more than the strongest baseline ({baseline.name}): {_points(gap)}."
    if coverage.value == 0:
        text += " Its captions state none of them."
    elif coverage.value < NEARLY_ALL:
        stated = _percent(model, split, "selective_accuracy")
        text += (
            f" On average over attributes, its captions state {_written(coverage)} of what is annotated; where they "
            f"do, {_written(stated)} is right."
        )
    counts = [error_counts(model.scored[split].table, key) for key in model.scored[split].keys]
    near, wrong = (sum(count[kind] for count in counts) for kind in (Verdict.PLAUSIBLE, Verdict.WRONG))
    if near + wrong:
        text += f" Of its {near + wrong:,} errors {100 * near / (near + wrong):.0f}\u00a0% are biologically plausible."
    return text + _collapse(model.scored[split].table)


def _collapse(table: pd.DataFrame) -> str:
    """Say how many captions there are where references show that cells differ more."""
    found = diversity(table)
    captions, references, commonest = (
        found[name] for name in ("distinct_captions", "distinct_references", "commonest_caption")
    )
    if not captions or not references or not commonest or captions >= NEARLY_AS_MANY * references:
        return ""
    return (
        f" It writes {captions:,} different captions where the references have {references:,}; the commonest is "
        f"that of {100 * commonest:.1f}\u00a0% of the cells."
    )


def _percent(model: Contestant, split: str, name: str) -> Estimate:
    return model.scored[split].estimate(name, percent=True, digits=1)


def _written(estimate: Estimate) -> str:
    if estimate.value is None:
        return str(estimate)
    return f"{estimate.number(estimate.value)}\u00a0% {estimate.interval}".strip()


def _points(gap: Estimate) -> str:
    return f"{gap.number(gap.value or 0)} percentage points {gap.interval}".strip()


def glossary(comparison: Comparison) -> list[tuple[str, str]]:
    """Terms and their meaning."""
    return [
        (
            "Internal and external cells",
            "Internal: held out of the data that a captioner was trained on, of other patients or slides; external: of "
            "other sources. A captioner has the name of its run.",
        ),
        (
            "End-to-end accuracy",
            "Share of annotated attributes that the caption states right; silence counts as wrong.",
        ),
        (
            "Accuracy where stated",
            "The paper's accuracy: right statements among those that the captions make. A captioner can raise it by "
            "saying less, so that it is read together with coverage.",
        ),
        ("Coverage", "Share of annotated cells whose caption states the attribute."),
        (
            "Hallucination",
            "Share of cells whose caption states an attribute that is not annotated, or a thing that is annotated as "
            "not there.",
        ),
        (
            "Plausible error",
            "A neighbouring value that haematologists themselves confuse, for instance medium for large; everything "
            "else is another error.",
        ),
        (
            "95 % interval",
            "From leaving out one group after the other (patient or slide; the cell where no patient is known): a "
            "jackknife with Student's t, on the logit scale for scores, which holds with few groups. Two models are "
            f"compared without the same groups. Fewer than {FEW} groups are named: a warning.",
        ),
        (
            "Baselines",
            f"What can be had without a captioner, from training cells alone. {MAJORITY}: the commonest value of each "
            f"attribute; {MODAL}: what is said of the commonest kind of cell; nearest-neighbour caption: that of the "
            "most similar training cell; frozen features + template: a classifier of each attribute on an image "
            "encoder that was not trained for it, its answers put into a fixed sentence.",
        ),
        (
            "Confidence",
            "How probable the captioner holds a statement, 0 to 1: the probability of the words that decide it; where "
            "cells were also asked about, that of the value among all values of its attribute, if this tells right "
            "statements better from wrong ones on validation cells.",
        ),
    ]
