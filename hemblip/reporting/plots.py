"""Curves as SVG data URIs: how sure captioners are and how right, and how they learned.

Lines differ by colour, dash and marker, so that they can be told apart in grey print.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.markers import TICKDOWN, TICKLEFT
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from hemblip.metrics.abstention import risk_coverage
from hemblip.metrics.calibration import expected_calibration_error, judged
from hemblip.metrics.calibration import reliability as bins_of
from hemblip.morphology import KEYS
from hemblip.morphology.schema import words
from hemblip.reporting.comparison import Comparison, Contestant
from hemblip.reporting.sureness import has_statement_confidences, statements
from hemblip.run import Run
from hemblip.splits import cells_of

STYLES = (
    ("#0072b2", "-", "o"),
    ("#d55e00", "--", "s"),
    ("#1b6e3c", "-.", "^"),
    ("#7b1f3a", ":", "D"),
    ("#574a9c", "-", "v"),
)
"""Colour, dash and marker of each line; colours after Okabe and Ito, darkened for contrast."""

ATTRIBUTE_BINS = 8
"""Of the curve of one attribute, which has fewer statements than all together."""

FEWEST = 10
"""Statements in a bin of the reliability plot."""


@dataclass(frozen=True)
class Plot:
    """A figure with the words that stand for it; `wide` if its panels need the width of the page."""

    image: str
    alt: str
    caption: str
    wide: bool = False


def as_uri(figure: Figure) -> str:
    """A figure inside of a page, as SVG."""
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "hemblip"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(buffer.getvalue().encode()).decode()}"


def _axes(x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5.2, 3.7), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(color="#e3e6ec", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def reliability(comparison: Comparison, split: str) -> Plot | None:
    """Share of right statements by confidence; None without confidences."""
    figure, axes = _axes(_confidence_of(comparison, split), "Statements that are right")
    axes.plot([0, 1], [0, 1], color="#868c99", linewidth=1, linestyle=(0, (1, 2)), label="as sure as right")
    told = []
    for (colour, dash, marker), model in zip(cycle(STYLES), comparison.models, strict=False):
        sure, right = _statements(model, split)
        if len(sure):
            bins = bins_of(sure, right)
            bins = bins[bins["count"] >= FEWEST]
            axes.plot(bins["confidence"], bins["accuracy"], color=colour, ls=dash, marker=marker, label=model.name)
            told.append(f"{model.name}: expected calibration error {expected_calibration_error(sure, right):.3f}")
    note = f"Bins of equal width with at least {FEWEST} statements."
    return _finished(figure, axes, told, f"Reliability, {cells_of(split)}", note)


def reliability_by_attribute(comparison: Comparison, split: str) -> Plot | None:
    """One reliability curve an attribute; None without confidences of statements."""
    models = [model for model in comparison.models if split in model.scored]
    models = [model for model in models if has_statement_confidences(model.scored[split].table)]
    found = {key: [judged(model.scored[split].table, key) for model in models] for key in KEYS}
    keys = [key for key, each in found.items() if any(len(sure) for sure, _ in each)]
    if not keys:
        return None
    columns, wide, high = 4, 2.25, 1.75  # inches; all in one `Axes`: thirty of them would take seconds
    lines = -(-len(keys) // columns)
    height = (high + 0.45) * lines + 0.55
    figure = Figure(figsize=(10.4, height))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 10.4), ylim=(0, height))
    axes.axis("off")
    told = []
    for place, key in enumerate(keys):
        left, low = 0.75 + (wide + 0.15) * (place % columns), height - (high + 0.45) * (place // columns + 1) + 0.1

        def draw(x: ArrayLike, y: ArrayLike, left: float = left, low: float = low, **style: Any) -> None:
            axes.plot(left + wide * np.asarray(x), low + high * np.asarray(y), **style)

        draw([0, 0.5, 1], [0, 0, 0], color="black", linewidth=0.8, marker=TICKDOWN, markersize=3.5)
        draw([0, 0, 0], [0, 0.5, 1], color="black", linewidth=0.8, marker=TICKLEFT, markersize=3.5)
        draw([0, 1], [0, 1], color="#868c99", linewidth=1, linestyle=(0, (1, 2)))
        axes.text(left + wide / 2, low + high + 0.08, words(key), fontsize=9, ha="center")
        for share in (0, 0.5, 1):
            if place % columns == 0:
                axes.text(left - 0.09, low + high * share, f"{share:g}", ha="right", va="center")
            if place + columns >= len(keys):
                axes.text(left + wide * share, low - 0.09, f"{share:g}", ha="center", va="top")
        for (colour, dash, marker), model, (sure, right) in zip(cycle(STYLES), models, found[key], strict=False):
            if len(sure):
                bins = bins_of(sure, right, ATTRIBUTE_BINS)
                bins = bins[bins["count"] >= FEWEST]
                draw(bins["confidence"], bins["accuracy"], color=colour, ls=dash, marker=marker, markersize=4)
                told.append(
                    f"{words(key)}, {model.name}: {expected_calibration_error(sure, right, ATTRIBUTE_BINS):.3f}"
                )
    figure.supxlabel("Confidence of the statement", fontsize=9)
    figure.supylabel("Statements that are right", fontsize=9)
    title = f"Reliability by attribute, {cells_of(split)}"
    note = f"Lines as above. Bins with at least {FEWEST} statements. Expected calibration error: {'; '.join(told)}."
    return Plot(as_uri(figure), f"{title}: {'; '.join(told)}", f"{title}. {note}", wide=True)


def coverage_accuracy(comparison: Comparison, split: str) -> Plot | None:
    """Accuracy of the statements kept when the least sure are withheld; None without confidences."""
    figure, axes = _axes("Statements kept, the surest first", "Statements that are right")
    told = []
    for (colour, dash, marker), model in zip(cycle(STYLES), comparison.models, strict=False):
        sure, right = _statements(model, split)
        if not len(sure):
            continue
        curve = risk_coverage(sure, right)
        shown = curve[curve["coverage"] >= 0.05]
        shown = shown.iloc[:: max(1, len(shown) // 200)]
        accuracy = 1 - shown["risk"]
        every = max(1, len(shown) // 8)
        axes.plot(shown["coverage"], accuracy, color=colour, ls=dash, marker=marker, markevery=every, label=model.name)
        half = 1 - curve["risk"].iloc[int(np.searchsorted(curve["coverage"], 0.5).clip(0, len(curve) - 1))]
        told.append(f"{model.name}: {100 * right.mean():.1f} % right of all, {100 * half:.1f} % of the surer half")
    return _finished(figure, axes, told, f"Coverage and accuracy, {cells_of(split)}", "")


def _statements(model: Contestant, split: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    if split not in model.scored:
        return np.empty(0), np.empty(0, dtype=bool)
    return statements(model.scored[split].table)


def _confidence_of(comparison: Comparison, split: str) -> str:
    tables = [model.scored[split].table for model in comparison.models if split in model.scored]
    own = all(has_statement_confidences(table) for table in tables)
    return "Confidence of the statement" if own else "Confidence of the caption"


def learning_curves(runs: Sequence[Run]) -> list[Plot]:
    """Losses and validation accuracy over epochs of the runs that were trained."""
    plots = []
    for title, columns in (
        ("Loss", {"train_loss": "training", "val_loss": "validation"}),
        ("Accuracy of attributes", {"val_accuracy": "validation"}),
    ):
        figure, axes = _axes("Epoch", title)
        words = []
        for (colour, _, marker), run in zip(cycle(STYLES), runs, strict=False):
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
                    marker="." if training else marker,
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
        return None
    axes.legend(frameon=False, fontsize=8)
    told = "; ".join(words)
    return Plot(as_uri(figure), f"{title}. {told}.", " ".join(filter(None, [f"{title}. {told}.", note])))
