"""The confidence that a captioner's statements get is the one whose thresholds are compared with it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import hemblip
from hemblip.app.reader import Reader
from hemblip.cli.main import main
from hemblip.metrics.abstention import fit_thresholds
from hemblip.metrics.asked import at, choose, with_better_confidence
from hemblip.models import validated
from hemblip.models.captioner import Captioner
from hemblip.models.checkpoints import weights_digest
from hemblip.morphology import KEYS, describe
from hemblip.reporting.comparison import Comparison, Scored
from hemblip.reporting.sureness import kinds_told
from hemblip.run import Run

RUN = Path("runs/tiny/version_0")
CELL = {"cell_type": "monocyte", "cell_size": "large", "chromatin": "open", "cytoplasm_vacuoles": "absent"}
BEST, OTHER = str(RUN / "checkpoints" / "best.ckpt"), str(RUN / "checkpoints" / "other.ckpt")


def stated(captioner, generated):
    """What an untrained captioner does not say yet."""
    return [describe(CELL)] * len(generated)


def killed(*args):
    raise KeyboardInterrupt


@pytest.fixture(scope="module")
def asked(_tiny, tmp_path_factory):
    """A run whose validation and test cells were asked about, and a checkpoint of other weights beside the best."""
    place = tmp_path_factory.mktemp("asked")
    shutil.copytree(_tiny, place, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setattr(Captioner, "texts", stated)
        patch.setattr("hemblip.callbacks.run_report.RunReport.on_test_end", lambda *_: None)
        for command in ("validate", "test"):
            assert main([command, "--run", str(RUN), "--evaluation.ask", "true", "--force", "true"]) == 0
        other = torch.load(BEST, weights_only=True)
        next(iter(other["state_dict"].values())).add_(1.0)
        torch.save(other, OTHER)
    return place


@pytest.fixture
def better(asked, monkeypatch):
    """Asking is chosen for all that was asked about, with a temperature."""
    monkeypatch.chdir(asked)
    monkeypatch.setattr(Captioner, "texts", stated)
    chosen = {key: choice._replace(asked=True, asked_temperature=2.0) for key, choice in _choices().items()}
    monkeypatch.setattr(validated, "choose", lambda rows: chosen)
    return chosen


def _choices():
    return choose(Run(RUN).validation)


def test_predict_load_and_the_page_use_what_validation_chose(better, capsys):
    run = Run(RUN)
    cells = run.predictions("test")
    images = cells["image"].tolist()
    pd.DataFrame({"image": images, "cell_id": cells["cell_id"], "bbox": cells["bbox"]}).to_parquet("cells.parquet")
    words = ["predict", "--run", str(RUN), "--images", "cells.parquet", "--output", "p.parquet", "--force", "true"]
    assert main(words) == 0
    assert "Confidence, as validation chose: asked about the cell" in capsys.readouterr().out
    found = pd.read_parquet("p.parquet").set_index("cell_id").loc[cells["cell_id"]]
    some = 0
    for key in KEYS:
        told, expected = cells[f"confidence_{key}"], cells[f"asked_confidence_{key}"].astype(float)
        known = expected.notna().to_numpy()
        some += int(known.sum())
        scaled = at(expected[known].to_numpy(), 2.0)
        assert np.allclose(found[f"confidence_{key}"][known].astype(float), scaled, atol=1e-4), key
        assert np.allclose(found[f"confidence_{key}"][~known].astype(float), told[~known].astype(float), equal_nan=True)
    assert some > 0
    pictures = [image for image, box in zip(images, cells["bbox"], strict=True) if box is None][:3]
    if pictures:
        one = hemblip.load(RUN).describe(pictures)[0]
        row = found.iloc[images.index(pictures[0])]
        assert all(row[f"confidence_{key}"] == pytest.approx(sure, abs=1e-4) for key, sure in one.confidence.items())
    reader = Reader(RUN)
    expected = with_better_confidence(run.validation, better)
    pd.testing.assert_frame_equal(reader.validation, expected)


def test_thresholds_are_of_the_confidence_that_they_are_compared_with(better, monkeypatch):
    seen = []
    monkeypatch.setattr("hemblip.cli.trainer.fit_thresholds", lambda rows, risk: seen.append(rows) or {})
    pd.DataFrame({"image": Run(RUN).predictions("test")["image"].head(2)}).to_csv("two.csv", index=False)
    words = ["predict", "--run", str(RUN), "--images", "two.csv", "--output", "r.csv", "--force", "true"]
    assert main([*words, "--risk", "0.5"]) == 0
    pd.testing.assert_frame_equal(seen[0], with_better_confidence(Run(RUN).validation, better))


def test_other_weights_are_told_as_nobody_has_validated_them(better):
    run = Run(RUN)
    captioner = run.captioner()
    assert validated.choices_of(run, captioner, BEST)
    assert validated.choices_of(run, captioner, OTHER) == {}
    assert hemblip.load(OTHER).choices == {}
    assert Reader(OTHER).validation is None


def test_a_checkpoint_of_the_same_name_is_another(tmp_path, monkeypatch):
    digests = []
    for folder, content in (("a", b"one"), ("b", b"two"), ("b", b"three")):
        (tmp_path / folder).mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / folder)
        Path("best.ckpt").write_bytes(content)
        digests.append(weights_digest("best.ckpt"))
    assert len(set(digests)) == 3


def test_an_exported_captioner_keeps_the_choice(better, tmp_path):
    assert main(["export", "--run", str(RUN), "--output", str(tmp_path / "out")]) == 0
    told = json.loads((tmp_path / "out" / "hemblip.json").read_text())["asked"]
    assert told == dict.fromkeys(better, 2.0)
    assert {key: choice.asked_temperature for key, choice in hemblip.load(tmp_path / "out").choices.items()} == told


def test_a_test_that_was_not_asked_has_thresholds_of_told_confidence(better, monkeypatch):
    model = Comparison([Run(RUN)]).models[0]
    pd.testing.assert_frame_equal(model.validated("test"), model.validation)
    bare = model.scored["test"].table.drop(columns=[f"asked_confidence_{key}" for key in KEYS])
    model = replace(model, scored={"test": Scored([bare], None)})
    table = model.validated("test")
    pd.testing.assert_frame_equal(table, Run(RUN).validation)
    assert set(fit_thresholds(table, 0.3)) == set(KEYS)


def test_which_confidence_is_said():
    choice = validated.Choice(True, None, None)
    told = kinds_told({"chromatin": choice, "cell_size": choice._replace(asked=False)})
    assert "asked about the cell for Chromatin;" in told and kinds_told({}) == ""


def test_rows_of_another_choice_are_not_gone_on_with(better, monkeypatch, capsys):
    pd.DataFrame({"image": Run(RUN).predictions("test")["image"].head(2)}).to_csv("two.csv", index=False)
    words = ["predict", "--run", str(RUN), "--images", "two.csv", "--output", "killed.csv"]
    with monkeypatch.context() as patch:
        patch.setattr("hemblip.callbacks.prediction_writer.write_captions", killed)
        assert main(words) != 0
    key = next(iter(better))
    fewer = {key: better[key]}
    monkeypatch.setattr(validated, "choose", lambda rows: fewer)
    assert main([*words, "--resume", "true"]) == 2
    assert "another confidence" in capsys.readouterr().err
