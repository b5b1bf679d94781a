import shutil
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from tiny_blip import tiny

from hemblip.cli.main import main
from hemblip.data import InternalCells
from hemblip.data.sources import Synthetic
from hemblip.data.taught import constant_keys, never_seen, taught_values
from hemblip.morphology import KEYS, SCHEMA, extract_attributes
from hemblip.predictions import read_predictions

TINY = str(Path(__file__).parents[1] / "conf" / "tiny.yaml")

ALL_TYPES = list(SCHEMA["cell_type"])


def training(**columns):
    return pd.DataFrame({key: columns.get(key, [None, None]) for key in KEYS})


def test_values_are_listed_once_in_schema_order_and_gaps_are_none():
    taught = taught_values(training(cell_size=["large", "small"], diagnosis=["healthy", None]))
    assert taught["cell_size"] == ["small", "large"] and taught["diagnosis"] == ["healthy"]
    assert taught["granules"] == [] and list(taught) == list(KEYS)
    assert constant_keys(taught) == ["diagnosis"]


@pytest.mark.parametrize(
    ("diagnoses", "types", "sentence"),
    [
        (["healthy"], ALL_TYPES, "This model has never seen leukemic cells."),
        (["healthy", "ALL", "AML", "CLL", "CML"], ALL_TYPES, "This model has never seen cells of APML."),
        (["AML"], ALL_TYPES[:12], "cells of ALL, cells of APML, cells of CLL, cells of CML, healthy cells or atypical"),
        (list(SCHEMA["diagnosis"]), ALL_TYPES, ""),
        ([], [], ""),
    ],
)
def test_what_was_never_seen_is_one_sentence(diagnoses, types, sentence):
    taught = {**{key: [] for key in KEYS}, "diagnosis": diagnoses, "cell_type": types}
    assert sentence in never_seen(taught) and bool(never_seen(taught)) == bool(sentence)


class HealthyTraining(Synthetic):
    """Drawn cells of which leukemic ones are in the test split only."""

    def records(self):
        table = super().records()
        return table.assign(split=["val" if row % 3 else "train" for row in range(len(table))]).assign(
            split=lambda cells: cells["split"].where(cells["diagnosis"] == "healthy", "test")
        )


@pytest.mark.parametrize("teach_constants", [False, True])
def test_what_has_one_value_in_training_is_not_stated(workplace, teach_constants):
    cells = InternalCells([HealthyTraining(cells=40, size=32)], image_size=32, teach_constants=teach_constants)
    cells.setup()
    assert cells.taught()["diagnosis"] == ["healthy"]
    told = cells.manifest["captions"].map(lambda captions: [extract_attributes(text)["diagnosis"] for text in captions])
    assert told.map(any).all() == told.map(any).any() == teach_constants


@pytest.mark.slow
def test_it_is_neither_scored_nor_forgotten_by_the_checkpoint(workplace, capsys):
    source = "[{class_path: data.test_taught.HealthyTraining, init_args: {cells: 40, size: 32}}]"
    words = ["--config", TINY, "--data.init_args.sources", source, "--trainer.max_epochs", "1"]
    assert main(["fit", *words]) == 0
    assert "This model has never seen leukemic cells" in capsys.readouterr().out
    best = "runs/tiny/version_0/checkpoints/best.ckpt"
    assert torch.load(best, weights_only=True)["hemblip_taught"]["diagnosis"] == ["healthy"]
    assert main(["test", *words, "--ckpt_path", best]) == 0
    rows = read_predictions(Path("runs/tiny/version_0/predictions/test.parquet"))
    assert rows["true_diagnosis"].isna().all() and rows["true_cell_type"].notna().all()
    others = read_predictions(Path("runs/tiny/version_0/predictions/baselines/test.parquet"))
    assert others["diagnosis"].isna().all() and others["cell_type"].notna().any()
    Path("one").mkdir()
    shutil.copy(rows["image"].iloc[0], "one")
    assert main(["predict", "--run", "runs/tiny", "--images", "one", "--output", "told.csv"]) == 0
    assert "This model has never seen leukemic cells" in capsys.readouterr().out  # a table has no room for it


@pytest.mark.parametrize("teach_constants", [False, True])
def test_what_was_taught_all_the_same_was_still_never_seen(workplace, teach_constants):
    cells = InternalCells([HealthyTraining(cells=40, size=32)], image_size=32, teach_constants=teach_constants)
    cells.setup()
    trained, loaded = tiny(), tiny()
    trained._trainer = SimpleNamespace(datamodule=cells)
    trained.on_fit_start()
    checkpoint = {}
    trained.on_save_checkpoint(checkpoint)
    loaded.on_load_checkpoint(checkpoint)
    for captioner in (trained, loaded):
        assert "never seen leukemic cells" in captioner.never_seen()
        assert ("diagnosis" in captioner.untaught()) != teach_constants


@pytest.mark.parametrize("constants", [False, True])
def test_who_was_not_trained_is_scored_as_who_was(workplace, constants):
    """By what the training cells beside the tested ones teach: `compare` takes both."""
    settings = {"image_size": 32, "cache": "cache", "limit": 4, "teach_constants": constants}
    cells = InternalCells([Synthetic(60, size=32)], **settings)
    cells.setup()
    captioner = tiny()
    captioner._trainer = SimpleNamespace(datamodule=cells)
    before = captioner.untaught()
    assert constant_keys(cells.taught()) and before == ([] if constants else constant_keys(cells.taught()))
    captioner.taught = {key: list(values) for key, values in SCHEMA.items()}
    assert captioner.untaught() == []
