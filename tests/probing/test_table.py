"""Rows of Table 3, their 'n/a (why)' included."""

import numpy as np
import pandas as pd
import pytest

from hemblip.probing.table import Probe
from hemblip.probing.tasks import TASKS

TYPES = ("neutrophil", "lymphocyte", "monocyte")


def manifest(splits=("train", "val", "test", "external"), cells=40):
    rows = [
        {"cell_type": TYPES[number % 3], "diagnosis": "healthy", "split": split, "group": f"{split}{number % 8}"}
        for split in splits
        for number in range(cells)
    ]
    return pd.DataFrame(rows)


def features(table):
    random = np.random.default_rng(0)
    centres = np.eye(8, dtype=np.float32) * 4
    number = {name: index for index, name in enumerate(sorted(table["cell_type"].unique()))}
    chosen = centres[[number[name] for name in table["cell_type"]]]
    return chosen + random.normal(size=chosen.shape).astype(np.float32)


@pytest.fixture
def cells():
    return manifest()


def test_row_scores_internal_and_external_cells(cells):
    row, details = Probe("cell_type", TASKS["cell_type"], cells, 0).row("Pixels", "linear", features(cells))
    assert row["internal_accuracy"] > 0.9 and row["external_accuracy"] > 0.9
    assert row["internal_accuracy_low"] <= row["internal_accuracy"] <= row["internal_accuracy_high"]
    assert (row["internal_cells"], row["internal_groups"], row["train_classes"]) == (40, 8, 3)
    assert details["internal"]["classes"]["basophil"]["f1"] == "n/a (no test cells)"


def test_majority_row_has_the_share_of_the_commonest_class(cells):
    row, _ = Probe("cell_type", TASKS["cell_type"], cells, 0).majority()
    assert row["internal_accuracy"] == pytest.approx(14 / 40)


def test_without_external_cells_the_table_says_why():
    cells = manifest(("train", "val", "test"))
    row, details = Probe("cell_type", TASKS["cell_type"], cells, 0).row("Pixels", "knn", features(cells))
    assert row["external_macro_f1"] == "n/a (no external cell has a cell_type of this task)"
    assert row["internal_accuracy"] > 0.9 and "external" not in details


@pytest.mark.parametrize("head", ["cosine", "linear", "knn"])
def test_without_labels_or_classes_the_table_says_why(cells, head):
    row, _ = Probe("subtype", TASKS["subtype"], cells, 0).row("Pixels", head, features(cells))
    assert row["internal_accuracy"] == "n/a (no training cell has a diagnosis of this task)"
    row, _ = Probe("x", TASKS["subtype_or_healthy"], cells, 0).row("Pixels", head, features(cells))
    assert row["internal_accuracy"] == "n/a (all training cells are healthy)"


@pytest.mark.parametrize("head", ["cosine", "linear", "knn"])
def test_classes_with_one_example_or_none_in_training(cells, head):
    rare = cells["cell_type"].eq("monocyte") & cells["split"].eq("train")
    cells.loc[rare, "cell_type"] = "neutrophil"
    first = cells.index[rare][0]
    cells.loc[first, "cell_type"] = "basophil"
    row, details = Probe("cell_type", TASKS["cell_type"], cells, 0).row("Pixels", head, features(cells))
    assert row["train_classes"] == 3 and 0 < row["internal_accuracy"] < 0.8
    assert details["internal"]["classes"]["monocyte"]["f1"] == "n/a (no training cells)"
    assert details["internal"]["classes"]["basophil"]["training_cells"] == 1


def test_one_group_has_no_interval(cells):
    cells["group"] = "slide"
    row, _ = Probe("cell_type", TASKS["cell_type"], cells, 0).majority()
    assert row["internal_accuracy_low"] == "n/a (no interval from one group)"
