"""Draw learning_curve.png from the metrics.csv of a run: python learning_curve.py runs/wbcatt_compact/version_0"""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd

BLUE, ORANGE = "#2f6f9f", "#c8661a"


def main() -> None:
    table = pd.read_csv(Path(sys.argv[1]) / "metrics.csv")
    losses, scores = (table.dropna(subset=[column]) for column in ("train_loss", "val_accuracy"))
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6))
    left.plot(losses["step"], losses["train_loss"], color=BLUE, lw=0.8, label="training")
    left.plot(scores["step"], scores["val_loss"], color=ORANGE, marker="o", ms=3, label="validation")
    left.set(xlabel="step", ylabel="loss, nats a token", yscale="log")
    left.legend(frameon=False)
    right.plot(scores["step"], 100 * scores["val_accuracy"], color=ORANGE, marker="o", ms=3)
    right.set(xlabel="step", ylabel="mean attribute accuracy, %\n(64 validation cells, diagnosis included)")
    for axis in (left, right):
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(Path(__file__).with_name("learning_curve.png"), dpi=120)


if __name__ == "__main__":
    main()
