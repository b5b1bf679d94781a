"""`import hemblip`: five lines from a picture to a caption, and scores of anybody's captions."""

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from finished_run import finished_run
from PIL import Image
from tiny_blip import TINY, tiny

import hemblip
from hemblip.cli.main import main
from hemblip.errors import CheckpointError, DataError, ImageError
from hemblip.models import BlipCaptioner
from hemblip.morphology import KEYS, describe
from hemblip.predictions import CONFIDENCE_PREFIX
from hemblip.reporting.score import runs_of_table

LORA = {"adaptation": "lora", "lora_rank": 4, "train_last_layers": 1}
TRUTH = [{"cell_type": "neutrophil", "cell_size": "large"}, {"cell_type": "monocyte", "cell_size": "small"}]


@pytest.fixture
def cells(tmp_path):
    folder = tmp_path / "cells"
    folder.mkdir()
    for number in range(5):
        pixels = np.random.default_rng(number).integers(0, 256, (40, 44, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def run_of(folder, crop=0.8, **settings):
    captioner = tiny(**settings)
    given = {"pretrained": "compact", "compact": asdict(TINY) | {"stem": list(TINY.stem)}, **settings}
    given["decoding"] = {"num_beams": 2, "max_new_tokens": 9}
    data = {"class_path": "hemblip.data.InternalCells", "init_args": {"sources": [], "image_size": 32, "crop": crop}}
    return finished_run(folder / "a" / "version_0", captioner, given, data)


def test_importing_changes_nothing_and_scoring_needs_no_torch(tmp_path):
    code = """
import os, sys
import hemblip
scores = hemblip.score(["A large neutrophil."] * 2, ["A neutrophil."] * 2, [{"cell_type": "neutrophil"}] * 2, [1, 2])
heavy = [name for name in ("torch", "lightning", "transformers", "matplotlib.pyplot", "wandb") if name in sys.modules]
from PIL import Image
import hemblip.models.captioner, hemblip.reporting.report, hemblip.corpus.audit, matplotlib
ours = {"NO_ALBUMENTATIONS_UPDATE", "TOKENIZERS_PARALLELISM", "HF_HUB_DISABLE_PROGRESS_BARS"} & os.environ.keys()
print(heavy, ours, Image.MAX_IMAGE_PIXELS, matplotlib.get_backend(), os.listdir())
"""
    ours = {"NO_ALBUMENTATIONS_UPDATE", "TOKENIZERS_PARALLELISM", "HF_HUB_DISABLE_PROGRESS_BARS"}
    kept = {name: value for name, value in os.environ.items() if name not in ours}  # commands in this process set them
    environment = {**kept, "MPLBACKEND": "svg", "PYTHONPATH": str(Path(hemblip.__file__).parents[1])}
    command = [sys.executable, "-c", code]
    told = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=tmp_path).stdout
    assert told == "[] set() 89478485 svg []\n"


@pytest.mark.parametrize("settings", [{}, LORA], ids=["full", "lora"])
def test_what_load_describes_is_what_predict_writes(workplace, cells, settings):
    folder = run_of(workplace, **settings)
    config = folder / "config.yaml"
    words = [
        "--config",
        str(config),
        "--trainer.accelerator",
        "cpu",
        "--ckpt_path",
        str(folder / "checkpoints/best.ckpt"),
    ]
    source = "[{class_path: hemblip.data.sources.Synthetic, init_args: {cells: 8, size: 32}}]"
    assert main(["predict", *words, "--data.sources", source, "--images", str(cells), "--output", "o.csv"]) == 0
    table = pd.read_csv("o.csv", keep_default_na=False)
    paths = [Path(path) for path in table["image"]]
    for path in (folder, folder.parent, folder / "checkpoints" / "best.ckpt"):
        found = hemblip.load(path, device="cpu").describe(paths)
        assert [one.caption for one in found] == table["caption"].tolist()
        for one, row in zip(found, table.to_dict("records"), strict=True):
            assert {key: value or None for key, value in row.items() if key in KEYS} == one.attributes
            assert set(one.confidence) == {key for key, value in one.attributes.items() if value}
            for key, sure in one.confidence.items():
                assert float(row[CONFIDENCE_PREFIX + key]) == sure


def test_predict_needs_no_config_and_runs_may_lie_elsewhere(workplace, cells, capsys):
    folder = run_of(workplace / "elsewhere")
    source = ["--data.sources", "[{class_path: hemblip.data.sources.Synthetic, init_args: {cells: 8, size: 32}}]"]
    shared = [*source, "--images", str(cells)]
    for number, path in enumerate((folder, folder.parent, folder / "checkpoints" / "best.ckpt")):
        assert main(["predict", "--run", str(path), *shared, "--output", f"{number}.csv"]) == 0
    config = ["--config", str(folder / "config.yaml"), "--ckpt_path"]
    assert main(["predict", *config, str(folder), *shared, "--output", "3.csv"]) == 0
    assert main(["predict", "--runs", "elsewhere", *config, "best", *shared, "--output", "4.csv"]) == 0
    assert "HEMBLIP_RUNS" not in os.environ
    assert len({Path(f"{number}.csv").read_text() for number in range(5)}) == 1
    assert main(["predict", "--run", "nowhere", *shared]) == 2
    assert "nowhere: no such file" in capsys.readouterr().err
    assert main(["predict", "--run", str(cells), *shared]) == 2
    assert "no run folder" in capsys.readouterr().err


def test_pictures_of_any_kind_and_any_number(tmp_path, cells):
    captioner = hemblip.load(run_of(tmp_path))
    path = cells / "0.png"
    with Image.open(path) as image:
        kinds = [path, str(path), image.copy(), np.asarray(image), image.convert("RGBA")]
    assert len({one.caption for one in captioner.describe(kinds, batch_size=2)}) == 1
    assert captioner.describe(str(path))[0].caption == captioner.describe([path])[0].caption
    assert captioner.describe([]) == []
    each = captioner.describe_each(iter([path, tmp_path / "none.png"]), batch_size=1)
    assert next(each).caption
    with pytest.raises(ImageError, match=r"none\.png: no such image file"):
        next(each)
    for wrong, said in ((np.zeros((4, 4, 3)), "float64"), (np.zeros((4, 4, 2), np.uint8), "2 channels")):
        with pytest.raises(DataError, match=said):
            captioner.describe([wrong])


def test_crop_travels_with_the_checkpoint_and_the_export(tmp_path, cells, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = run_of(tmp_path, crop=0.6)
    captioner = hemblip.load(folder)
    assert captioner.preparation.crop == 0.6
    assert main(["export", "--run", str(folder), "--output", "out"]) == 0
    exported = hemblip.load("out")
    assert exported.preparation == captioner.preparation and exported.decoding == captioner.decoding
    picture = cells / "1.png"
    assert exported.describe([picture])[0].caption == captioner.describe([picture])[0].caption
    checkpoint = {}
    captioner.on_save_checkpoint(checkpoint)
    torch.save({**checkpoint, "pytorch-lightning_version": "2.6.6"}, "alone.ckpt")
    assert hemblip.load("alone.ckpt").preparation == captioner.preparation


@pytest.mark.parametrize("settings", [{}, LORA], ids=["full", "lora"])
def test_lightnings_own_way_to_load_a_checkpoint(tmp_path, cells, settings):
    folder = run_of(tmp_path, **settings)
    again = BlipCaptioner.load_from_checkpoint(folder / "checkpoints" / "best.ckpt", map_location="cpu")
    assert again.adaptation == settings.get("adaptation", "full")
    assert again.decoding.num_beams == 2 and not again.training
    assert again.describe([cells / "0.png"]) == hemblip.load(folder, device="cpu").describe([cells / "0.png"])


def test_a_checkpoint_of_another_captioner_is_refused(tmp_path):
    folder = run_of(tmp_path)
    from hemblip.models import MedGemmaCaptioner

    with pytest.raises(CheckpointError, match="of a BlipCaptioner, not of a MedGemmaCaptioner"):
        MedGemmaCaptioner.load_from_checkpoint(folder / "checkpoints" / "best.ckpt")


def test_what_cannot_be_loaded_is_one_line(tmp_path):
    (tmp_path / "empty").mkdir()
    for path, said in (("none", "no such file or run"), ("empty", "no run folder, checkpoint or exported model")):
        with pytest.raises(CheckpointError, match=said):
            hemblip.load(tmp_path / path)
    (tmp_path / "empty" / "hemblip.json").write_text("{}")
    with pytest.raises(CheckpointError, match="not as `export` wrote it"):
        hemblip.load(tmp_path / "empty")
    foreign = {"hemblip_settings": {"class_path": "os.system", "init_args": {}}, "pytorch-lightning_version": "2.6.6"}
    torch.save(foreign, tmp_path / "foreign.ckpt")
    with pytest.raises(CheckpointError, match="not HemBLIP's"):
        hemblip.load(tmp_path / "foreign.ckpt")


def test_scores_of_anybodys_captions_by_hand():
    captions = ["A large neutrophil.", "A large monocyte with vacuoles."]
    scores = hemblip.score(captions, annotations=TRUTH, groups=["p1", "p2"])
    assert scores["attributes"]["cell_type"]["accuracy"] == 1 and scores["attributes"]["cell_size"]["accuracy"] == 0.5
    assert scores["accuracy"] == 0.75 and scores["exact_match"] == 0.5
    assert scores["bleu"] is None and scores["no_text_scores"] == "no references"
    low, high = scores["intervals"]["accuracy/cell_type"]
    assert low == pytest.approx(0.025**0.5) and high == 1
    table = pd.DataFrame(TRUTH).assign(comment="kept out")
    assert hemblip.score(captions, annotations=table, groups=["p1", "p2"]) == scores


def test_references_may_lack_for_some_cells_and_be_several_for_others():
    captions = [describe(truth) for truth in TRUTH]
    scores = hemblip.score(captions, [[captions[0], "Something else."], ""], TRUTH)
    assert scores["bleu"] == 1 and scores["cells"] == 2 and scores["multi_reference"]["references"] == 2
    full = {**TRUTH[0], "chromatin": "dense", "granules": "small"}
    one = hemblip.score([describe(full)] * 2, ["This is a neutrophil."] * 2, [full] * 2)
    assert one["bleu"] is None and "references state 1 attribute" in one["no_text_scores"]


@pytest.mark.parametrize("short", [1, 5])
def test_full_references_alone_are_compared_where_others_state_one_attribute(short):
    truths = [{**truth, "chromatin": "dense", "granules": "small"} for truth in TRUTH]
    full, names = [describe(truth) for truth in truths], ["This is a neutrophil."] * short
    said = ["A large, round neutrophil with coarse chromatin.", full[1], *[full[0]] * short]
    few = hemblip.score(said[:2], full, truths)
    mixed = hemblip.score(said, full + names, truths + truths[:1] * short)
    for name in ("bleu_raw", "bleu", "rouge_l", "sacrebleu"):
        assert mixed[name] == few[name] and mixed["intervals"][name] is not None
    assert mixed["text_cells"] == 2 and mixed["texts_left_out"].startswith(f"{short} of {2 + short} references")
    assert "texts_left_out" not in few and mixed["cells"] == 2 + short
    terse = hemblip.score(["A monocyte."] * (2 + short), full + names)  # of other captions, the same cells
    assert terse["text_cells"] == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"captions": []}, "no prediction rows to score"),
        ({"captions": ["a"], "groups": [1, 2]}, "1 captions but 2 groups"),
        ({"captions": ["a"], "annotations": [{"cell_type": "dragon"}]}, "dragon"),
    ],
)
def test_scores_that_cannot_be_are_one_line(given, said):
    with pytest.raises(DataError, match=said):
        hemblip.score(**given)


@pytest.fixture
def table(workplace):
    rows = [
        {"text": describe(truth), "model": model, "patient": f"p{place}", "comment": "x", **truth}
        for model in ("gpt", "ours")
        for place, truth in enumerate(TRUTH)
    ]
    rows[0]["text"] = "A small eosinophil."
    return pd.DataFrame(rows).assign(cell_id=["a", "b"] * 2)


@pytest.fixture
def no_page(monkeypatch):
    """`score` writes scores and rows; tables, figure and page beside them take a second."""
    monkeypatch.setattr("hemblip.reporting.compare.write_comparison", lambda *_: [])


def accuracies():
    scores = json.loads(Path("out/scores.json").read_text())
    return {name.split("/")[0]: each["test"]["accuracy"] for name, each in scores.items()}


@pytest.mark.usefixtures("no_page")
def test_the_command_scores_tables_of_each_kind(table):
    table.to_parquet("t.parquet", index=False)
    table.to_json("t.jsonl", orient="records", lines=True)
    for path in ("t.parquet", "t.jsonl"):
        assert main(["score", path, "--output", "out"]) == 0
        assert accuracies() == {"gpt": 0.5, "ours": 1.0}


def test_the_command_scores_a_table(table, capsys):
    table.to_csv("t.csv", index=False)
    assert main(["score", "t.csv", "--output", "out"]) == 0
    assert accuracies() == {"gpt": 0.5, "ours": 1.0}
    told = capsys.readouterr().out
    assert "gpt" in Path("out/report.html").read_text() and "50.0" in told and "No run holds baselines" not in told
    assert re.search(r"majority value of these cells +50\.0", told)
    Path("out/notes.txt").write_text("mine")
    assert main(["score", "t.csv", "--output", "out"]) == 2
    assert "out: holds notes.txt" in capsys.readouterr().err and Path("out/notes.txt").exists()


def test_what_predict_read_from_its_captions_is_no_annotation(workplace, no_page):
    row = {"cell_id": "a", "caption": "A large monocyte.", "cell_type": "monocyte", "confidence_cell_type": 0.9}
    pd.DataFrame([row]).to_csv("captions.csv", index=False)
    assert main(["score", "captions.csv"]) == 0
    scores = json.loads(Path("scores/scores.json").read_text())
    assert next(iter(scores.values()))["test"]["attributes"] == {}


def test_the_command_needs_no_torch_and_keeps_columns_that_it_does_not_know(workplace, table):
    table.drop(columns="cell_size").to_csv("t.csv", index=False)
    code = """
import sys
from hemblip.cli.main import main
assert main(["score", "t.csv", "--output", "out"]) == 0
assert not {"torch", "lightning", "transformers", "wandb"} & sys.modules.keys()
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(hemblip.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, capture_output=True)
    scored = pd.read_parquet("out/predictions.parquet")
    assert scored["comment"].tolist() == ["x"] * 4 and scored["group"].tolist() == ["p0", "p1"] * 2
    scores = json.loads(Path("out/scores.json").read_text())
    attributes = next(iter(scores.values()))["test"]["attributes"]
    assert attributes["cell_type"]["count"] == 2 and "cell_size" not in attributes


def test_what_captions_state_is_no_annotation(workplace, no_page):
    row = hemblip.rows(["A large neutrophil."]).iloc[0]
    stated = {key: row[key] for key in KEYS} | {"confidence": 0.75, "confidence_cell_type": 0.5}
    pd.DataFrame([{"cell_id": "a", "image": "a.png", "caption": row["caption"], **stated}]).to_csv("p.csv", index=False)
    assert main(["score", "p.csv", "--output", "out"]) == 0
    scored = pd.read_parquet("out/predictions.parquet").iloc[0]
    assert scored["cell_type"] == "neutrophil" and scored["true_cell_type"] is None
    assert scored["confidence"] == 0.75 and scored["confidence_cell_type"] == 0.5


def test_a_table_that_test_wrote_is_taken_as_it_is(workplace, no_page):
    kept = {"bbox": [1.0, 2.0, 3.0, 4.0], "width_factor": 0.5, "confidence": 0.25}
    sources = [
        hemblip.rows(["A large neutrophil."], ["A."], TRUTH[:1], [name], cells=[name], source=name, others=[kept])
        for name in "ab"
    ]
    whole = pd.concat(sources, ignore_index=True).assign(references=[["A.", "B."], ["A."]])
    whole.to_parquet("t.parquet")
    assert main(["score", "t.parquet", "--output", "out"]) == 0
    pd.testing.assert_frame_equal(
        pd.read_parquet("out/predictions.parquet"), pd.read_parquet("t.parquet"), check_like=True
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"confidence": "high"}, "confidence holds 'high', which is no number; rename this column"),
        ({"text": None}, "t.csv: no caption in column 'text'; set `columns: {caption: <its name>}`"),
        ({"cell_id": "a"}, "cell_id 'a' stands in several rows of gpt"),
        ({"cell_id": "a", "source": ["s", "t"] * 2}, "cell_id 'a' stands in several rows of gpt"),
        ({"cell_id": "a", "split": ["test", "external"] * 2}, "cell_id 'a' stands in several rows of gpt"),
    ],
)
def test_tables_that_cannot_be_scored_are_one_line(workplace, table, capsys, changes, said):
    table.assign(**changes).to_csv("t.csv", index=False)
    assert main(["score", "t.csv", "--output", "out"]) == 2
    assert said in capsys.readouterr().err and not Path("out").exists()


def test_tables_beside_each_other(workplace, table, capsys):
    for name, part in table.groupby("model"):
        part.drop(columns="model").to_csv(f"{name}.csv", index=False)
    assert main(["compare", "gpt.csv", "ours.csv", "--output", "both"]) == 0
    told = capsys.readouterr().out
    assert "gpt" in told and "ours" in told and Path("both/table2.csv").is_file()
    summary = hemblip.compare(["gpt.csv", "ours.csv"])
    assert summary.loc["ours", "Internal attributes %"] == "100.0" and not Path("compare").exists()


def test_rows_of_captions_are_prediction_rows():
    table = hemblip.rows(["A large neutrophil."], ["A neutrophil."], TRUTH[:1], images=["a.png"], model="mine")
    row = table.iloc[0]
    assert (row["cell_type"], row["true_cell_size"], row["model"], row["group"]) == ("neutrophil", "large", "mine", "0")


@pytest.mark.parametrize("box", ["3.0", "[1]", "[[1, 2], [3, 4]]", '{"x": 1}', "NaN"])
def test_boxes_of_a_scored_table_are_boxes(tmp_path, box):
    table = tmp_path / "mine.tsv"
    table.write_text(f"caption\tbbox\na\t[1, 2, 3, 4]\nb\t{box}\n")
    with pytest.raises(DataError, match="which is no box"):
        runs_of_table(table)


def test_the_column_that_is_told_is_scored_though_another_has_its_name(tmp_path):
    table = tmp_path / "mine.tsv"
    table.write_text(
        "caption\trevised\treference\tmodel\nold\tA monocyte.\tmine\tA monocyte.\n\tNone.\tmine\tA cell.\n"
    )
    (run,) = runs_of_table(table, {"caption": "revised", "reference": "model", "model": "reference"})
    rows = run.predictions("test")
    assert rows["caption"].tolist() == ["A monocyte.", "None."] and rows["cell_type"].tolist() == ["monocyte", None]
    assert rows["reference"].tolist() == ["A monocyte.", "A cell."] and run.label.startswith("mine")
    with pytest.raises(DataError, match="there is no 'truth' for reference; the table has caption, revised"):
        runs_of_table(table, {"reference": "truth"})
