"""How a captioner holds under bad conditions: scores by strength, and their figure."""

from itertools import cycle
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from hemblip.data.conditions import CONDITIONS
from hemblip.metrics.abstention import fit_thresholds
from hemblip.metrics.stress import AS_IT_IS, stress_scores
from hemblip.reporting.comparison import Comparison
from hemblip.reporting.plots import STYLES, Plot, as_uri
from hemblip.reporting.sureness import has_statement_confidences
from hemblip.run import Run
from hemblip.splits import cells_of

RISK = 0.05
"""Share of wrong statements that abstention aims at in `metrics.json`."""

LINES = {
    "accuracy": "stated right",
    "coverage": "still stated",
    "ece": "calibration error",
    "foreign": "unlike the training cells",
}


def stress_of(run: Run, table: pd.DataFrame, risk: float = RISK) -> list[dict[str, Any]]:
    """Score rows of a run under bad conditions, with its validation's thresholds."""
    validation = run.validation
    thresholds = fit_thresholds(validation, risk) if has_statement_confidences(validation) else None
    return stress_scores(table, thresholds, risk)


def stress_plot(comparison: Comparison, split: str) -> Plot | None:
    """Accuracy, coverage and calibration error by strength, one panel a condition, of the first stressed run."""
    run = next((one for one in comparison.runs if one.stressed(split) is not None), None)
    if run is None:
        return None
    table = run.stressed(split)
    assert table is not None
    rows = pd.DataFrame(stress_of(run, table, comparison.risk))
    names = [name for name in CONDITIONS if (rows["condition"] == name).any()]
    plain = rows[rows["condition"] == AS_IT_IS].iloc[0]
    columns = 3
    down = -(-len(names) // columns)
    figure = Figure(figsize=(10.4, 2.6 * down), layout="constrained")
    told = []
    for place, name in enumerate(names):
        axes = figure.add_subplot(down, columns, place + 1)
        part = rows[rows["condition"] == name]
        for (colour, dash, marker), (score, label) in zip(cycle(STYLES), LINES.items(), strict=False):
            if part[score].isna().all():
                continue
            axes.axhline(plain[score], color=colour, linewidth=0.8, linestyle=(0, (1, 3)))
            axes.plot(range(len(part)), part[score], color=colour, ls=dash, marker=marker, markersize=4, label=label)
        axes.set_xticks(range(len(part)), [f"{strength:g}" for strength in part["strength"]])
        axes.set_ylim(0, 1.02)
        axes.set_title(name.replace("_", " "), fontsize=9)
        axes.set_xlabel(CONDITIONS[name].meaning, fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        worst = part.loc[part["accuracy"].idxmin()]
        told.append(f"{name.replace('_', ' ')} {worst['strength']:g}: {100 * worst['accuracy']:.1f} %")
    drawn, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(drawn, labels, frameon=False, fontsize=8, loc="outside upper center", ncols=len(LINES))
    title = f"Bad conditions, {cells_of(split)} of {run.label}"
    note = (
        f"{plain['cells']:,} cells, drawn by a hash of their ids. Stated right: share of all annotated attributes, "
        f"{100 * plain['accuracy']:.1f} % without a change (dotted lines). Still stated: the share kept at a risk of "
        f"{comparison.risk:.0%}, with thresholds of validation, which promise nothing under such conditions; of cells "
        "unlike the training cells nothing is. At worst "
        f"right: {'; '.join(told)}."
    )
    return Plot(as_uri(figure), f"{title}. {note}", f"{title}. {note}", wide=True)
