"""What a result was made with is kept beside it, told in the report, and minded by comparisons."""

import json
import re
from pathlib import Path

import pandas as pd
from reporting.run_folders import make_run, manifests

import hemblip
from hemblip.callbacks.provenance import DEPENDED_ON, PACKAGES, changed, data_digest
from hemblip.cli.main import main
from hemblip.morphology import KEYS
from hemblip.morphology.extract import extractor_version
from hemblip.predictions import read_predictions, write_predictions
from hemblip.reporting.comparison import Comparison
from hemblip.run import Run

TINY = str(Path(__file__).parents[1] / "conf" / "tiny.yaml")


def test_training_and_each_set_tested_are_recorded_and_told_in_the_report(workplace, request, capsys):
    few = ["--data.init_args.limit", "16", "--trainer.max_epochs", "1"]
    assert main(["fit", "--config", TINY, *few, "--seed_everything", "7"]) == 0
    assert main(["test", "--run", "runs/tiny", "--model.init_args.decoding.max_new_tokens", "9"]) == 0
    run = Run("runs/tiny/version_0")
    told = run.provenance
    assert set(told) == {"fit", "test"} and told["fit"]["seed"] == 7 and told["fit"]["data_seed"] == 0
    assert told["test"]["decoding"]["max_new_tokens"] == 9 and told["fit"]["decoding"]["max_new_tokens"] == 12
    assert told["fit"]["extractor"] == extractor_version() and told["fit"]["data"] == told["test"]["data"]
    assert set(told["fit"]["packages"]) == set(PACKAGES) and told["fit"]["packages"]["torch"]
    assert (told["fit"]["ranks"], told["fit"]["device"], told["fit"]["precision"]) == (1, "cpu", "32-true")
    page = (run.folder / "report.html").read_text()
    assert f"tiny/version_0, test: hemblip {hemblip.__version__}" in page and "Drawn cells, not photographs" in page
    assert "replaces" not in capsys.readouterr().out
    request.getfixturevalue("no_report")
    assert main(["test", "--run", "runs/tiny", "--model.init_args.decoding.max_new_tokens", "8"]) == 0
    assert "test.parquet, described with other decoding\n" in capsys.readouterr().out


def test_what_has_changed_since_is_named_once():
    facts = dict.fromkeys(DEPENDED_ON, "a") | {"ranks": 1, "captioner": {"init_args": {"decoding": 1, "question": "?"}}}
    assert changed(facts, facts) == [] and changed({}, facts) == []
    beams = {**facts, "decoding": "b", "captioner": {"init_args": {"decoding": 2, "question": "?"}}}
    assert changed(facts, beams) == ["decoding"]
    asked = {**facts, "ranks": 2, "captioner": {"init_args": {"decoding": 1, "question": "What?"}}}
    assert changed(facts, asked) == ["captioner"]


def test_other_cells_or_annotations_are_other_data():
    table = manifests(cells=12, size=32)["test"]
    assert data_digest(table) == data_digest(table.sample(frac=1, random_state=0))
    assert data_digest(table) != data_digest(table.iloc[1:])
    other = table.assign(cell_size=["small" if value == "large" else "large" for value in table["cell_size"]])
    assert data_digest(table) != data_digest(other)
    assert re.fullmatch("[0-9a-f]{16}", data_digest(table))


def test_captions_that_other_rules_had_read_are_read_anew(workplace):
    folder = make_run(Path("runs/a/version_0"), manifests(cells=10, size=32), 0.8)
    path = folder / "predictions" / "test.parquet"
    before = read_predictions(path)
    write_predictions(before.assign(**dict.fromkeys(KEYS)), path)
    assert Run(folder).predictions("test")[list(KEYS)].isna().all(axis=None)  # as older versions left it
    (folder / "provenance.json").write_text(json.dumps({"test": {"extractor": "000000000000"}}))
    run = Run(folder)
    found = run.predictions("test")
    pd.testing.assert_frame_equal(found[list(KEYS)], before.sort_values("cell_id", ignore_index=True)[list(KEYS)])
    assert any("captions of internal cells were read anew" in line for line in Comparison([run]).warnings)
