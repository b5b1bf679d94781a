"""Curves as SVG data URIs: how sure captioners are and how right, and how they learned.

Lines differ by colour, dash and marker, so that they can be told apart in grey print.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from hemblip.predictions import TRUE_PREFIX
from hemblip.reporting.comparison import Comparison
from hemblip.reporting.run_folder import PLACES, Run, annotated_keys

STYLES = (
    ("#0072b2", "-", "o"),
    ("#d55e00", "--", "s"),
    ("#1b6e3c", "-.", "^"),
    ("#7b1f3a", ":", "D"),
    ("#574a9c", "-", "v"),
)
"""Colour, dash and marker of each line; colours after Okabe and Ito, darkened for contrast."""

BINS = 10


@dataclass(frozen=True)
class Plot:
    """A figure with the words that stand for it."""

    image: str
    alt: str
    caption: str


def _uri(figure: Figure) -> str:
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "hemblip"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    return f"data:image/svg+xml;base64,{base64.b64encode(buffer.getvalue().encode()).decode()}"


def _axes(x: str, y: str) -> tuple[Figure, Axes]:
    figure, axes = plt.subplots(figsize=(5.2, 3.7), layout="constrained")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(color="#e3e6ec", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def sureness(table: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Confidence of each caption with one, its right statements, and its statements of annotated attributes."""
    told = table[table["confidence"].notna()]
    right, stated = np.zeros(len(told)), np.zeros(len(told))
    for key in annotated_keys(table):
        answered = (told[key].notna() & told[TRUE_PREFIX + key].notna()).to_numpy()
        stated += answered
        right += answered & (told[key] == told[TRUE_PREFIX + key]).to_numpy()
    return told["confidence"].to_numpy(dtype=float), right, stated


def reliability(comparison: Comparison, split: str) -> Plot | None:
    """Share of right statements by confidence of the caption; None without confidences."""
    figure, axes = _axes("Confidence of the caption", "Statements that are right")
    axes.plot([0, 1], [0, 1], color="#868c99", linewidth=1, linestyle=(0, (1, 2)), label="as sure as right")
    words = []
    for (colour, dash, marker), model in zip(STYLES, comparison.models, strict=False):
        if split not in model.scored:
            continue
        confidence, right, stated = sureness(model.scored[split].table)
        if not stated.sum():
            continue
        order = np.argsort(confidence, kind="stable")
        bins = [part for part in np.array_split(order, min(BINS, len(order))) if stated[part].sum()]
        x = [float(confidence[part].mean()) for part in bins]
        y = [float(right[part].sum() / stated[part].sum()) for part in bins]
        gap = sum(stated[p].sum() * abs(a - b) for p, a, b in zip(bins, x, y, strict=True)) / stated.sum()
        axes.plot(x, y, color=colour, linestyle=dash, marker=marker, markersize=5, label=model.name)
        words.append(f"{model.name}: expected calibration error {gap:.3f}")
    return _finished(
        figure, axes, words, f"Reliability, {PLACES[split].lower()} cells", "Bins hold equally many captions."
    )


def coverage_accuracy(comparison: Comparison, split: str) -> Plot | None:
    """Accuracy of the captions kept when the least confident are withheld; None without confidences."""
    figure, axes = _axes("Captions kept, most confident first", "Statements that are right")
    words = []
    for (colour, dash, marker), model in zip(STYLES, comparison.models, strict=False):
        if split not in model.scored:
            continue
        confidence, right, stated = sureness(model.scored[split].table)
        if not stated.sum():
            continue
        order = np.argsort(-confidence, kind="stable")
        with np.errstate(invalid="ignore"):
            accuracy = np.cumsum(right[order]) / np.cumsum(stated[order])
        kept = np.arange(1, len(order) + 1) / len(order)
        shown = kept >= 0.05
        axes.plot(
            kept[shown],
            accuracy[shown],
            color=colour,
            linestyle=dash,
            marker=marker,
            markersize=5,
            markevery=max(1, int(shown.sum() / 8)),
            label=model.name,
        )
        half = accuracy[max(0, len(order) // 2 - 1)]
        words.append(
            f"{model.name}: {100 * accuracy[-1]:.1f} % right of all captions, {100 * half:.1f} % of the surer half"
        )
    return _finished(figure, axes, words, f"Coverage and accuracy, {PLACES[split].lower()} cells", "")


def learning_curves(runs: Sequence[Run]) -> list[Plot]:
    """Losses and validation accuracy over epochs of the runs that were trained."""
    plots = []
    for title, columns in (
        ("Loss", {"train_loss": "training", "val_loss": "validation"}),
        ("Accuracy of attributes", {"val_accuracy": "validation"}),
    ):
        figure, axes = _axes("Epoch", title)
        words = []
        for (colour, _, marker), run in zip(STYLES * len(runs), runs, strict=False):
            for column, label in columns.items():
                if column not in run.curves or "epoch" not in run.curves:
                    continue
                means = run.curves.groupby("epoch")[column].mean().dropna()
                if means.empty:
                    continue
                training = label == "training"
                axes.plot(
                    means.index + 1,
                    means,
                    color=colour,
                    linestyle=":" if training else "-",
                    marker=None if training else marker,
                    markersize=5,
                    label=f"{run.label}, {label}",
                )
                words.append(f"{run.label}, {label}: {means.iloc[0]:.3f} at first, {means.iloc[-1]:.3f} at last")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        plot = _finished(figure, axes, words, f"Learning curves: {title.lower()}", "")
        plots += [plot] if plot else []
    return plots


def _finished(figure: Figure, axes: Axes, words: list[str], title: str, note: str) -> Plot | None:
    if not words:
        plt.close(figure)
        return None
    axes.legend(frameon=False, fontsize=8)
    told = "; ".join(words)
    return Plot(_uri(figure), f"{title}. {told}.", " ".join(filter(None, [f"{title}. {told}.", note])))
