"""Tables of settings tell what captions were made with, and what differs."""

from pathlib import Path

import pytest
import yaml
from reporting.run_folders import make_run, manifests

from hemblip.reporting.comparison import Comparison
from hemblip.reporting.run_settings import settings, settings_differences
from hemblip.run import Run


@pytest.fixture(scope="module")
def cells():
    return manifests(cells=10, size=32)


def run_of(folder, cells, beams, crop=1.0, **facts):
    run = Run(make_run(folder, cells, 0.8, splits=("test",)))
    cells_facts = {"size": 32, "crop": crop, "countermeasures": [], "batch_size": 8, "limit": None}
    run.record("test", {"decoding": {"num_beams": beams}, "cells": cells_facts, "precision": "32-true", **facts})
    return run


def test_what_the_test_used_is_told_not_what_training_asked_for(tmp_path, cells):
    run = run_of(tmp_path / "a" / "version_0", cells, 3, 0.8)
    assert "num beams 3" in settings(run)["Decoding"] and settings(run)["Image"] == "32 px, crop 0.8"
    untold = Run(make_run(tmp_path / "b" / "version_0", cells, 0.8, splits=("test",)))
    assert "num beams 1" in settings(untold)["Decoding"] and "Image" not in settings(untold)


def test_other_settings_of_the_tests_are_warned_of(tmp_path, cells):
    one = run_of(tmp_path / "a" / "version_0", cells, 1)
    beams = run_of(tmp_path / "b" / "version_0", cells, 3)
    crop = run_of(tmp_path / "c" / "version_0", cells, 1, 0.8)
    assert any("Decoding settings differ between a/version_0 (" in line for line in Comparison([one, beams]).warnings)
    assert any("Crops differ between a/version_0 (1.0) and c" in line for line in Comparison([one, crop]).warnings)
    assert not any("differ between" in line or "different" in line for line in Comparison([one, one]).warnings)


def test_all_that_differs_is_in_one_table_and_nothing_else(tmp_path, cells):
    one, other = (
        run_of(tmp_path / "a" / "version_0", cells, 1),
        run_of(tmp_path / "b" / "version_0", cells, 1, device="cuda"),
    )
    config = yaml.safe_load((other.folder / "config.yaml").read_text())
    config["model"]["init_args"]["learning_rate"] = 0.001
    (Path(other.folder) / "config.yaml").write_text(yaml.safe_dump(config))
    table = settings_differences([one, Run(other.folder)])
    assert [(row.label, list(row.cells)) for row in table.rows] == [
        ("model.init_args.learning_rate", ["–", "0.001"]),
        ("test: device", ["–", "cuda"]),
    ]
    assert settings_differences([one, one]) is None


def test_sets_of_one_run_that_were_described_differently_are_told_apart(tmp_path, cells):
    """The first set's settings stood for all of them."""
    run = Run(make_run(tmp_path / "a" / "version_0", cells, 0.8))
    prepared = {"size": 32, "crop": 1.0, "countermeasures": [], "batch_size": 8, "limit": None}
    for split, beams, crop, batch, weights in (("test", 1, 1.0, 8, "aa"), ("external", 3, 0.5, 32, "bb")):
        facts = {**prepared, "crop": crop, "batch_size": batch, "limit": None if split == "test" else 9}
        run.record(split, {"decoding": {"num_beams": beams}, "cells": facts, "precision": "32", "weights": weights})
    found = settings(run)
    internal, external = found["Decoding"].split("; ")
    assert internal.startswith("internal cells: ") and "num beams 1" in internal
    assert external.startswith("external cells: ") and "num beams 3" in external
    assert found["Image"] == "internal cells: 32 px, crop 1; external cells: 32 px, crop 0.5"
    assert found["At most"] == "external cells: 9 cells a split"
    told = Comparison([run]).warnings
    assert any("Decoding settings differ between a/version_0, internal cells (" in line for line in told)
    assert any("Crops differ between a/version_0, internal cells (1.0) and" in line for line in told)
    assert any("not described with the same weights (internal cells; external cells)" in line for line in told)
    assert not any("batch" in line for line in told)  # changes no caption
    for split in ("test", "external"):
        run.record(split, {"decoding": {"num_beams": 1}, "cells": prepared, "precision": "32", "weights": "aa"})
    assert not any("differ" in line or "weights" in line for line in Comparison([Run(run.folder)]).warnings)
