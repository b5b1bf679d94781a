"""Run folders: numbered, found again, read without tracebacks, and made captioners again."""

import json
from dataclasses import asdict

import pandas as pd
import pytest
import torch
import yaml
from finished_run import finished_run
from tiny_blip import TINY, tiny

from hemblip.errors import CheckpointError, DataError, HemblipError
from hemblip.models.medgemma import MedGemmaCaptioner
from hemblip.run import Run
from hemblip.versions import version


def test_commands_that_start_at_once_get_a_folder_each(workplace, monkeypatch):
    """The second looked before the first made its folder."""
    seen = iter([[], [], [0], [0, 1]])
    monkeypatch.setattr("hemblip.versions.versions", lambda name: [version(name, number) for number in next(seen)])
    first, second, third = (Run.create("x").folder for _ in range(3))
    assert [path.name for path in (first, second, third)] == ["version_0", "version_1", "version_2"]
    (first / "config.yaml").touch()
    for folder in (first, second, third):
        Run(folder).discard_if_empty()
    assert [path.name for path in (workplace / "runs/x").iterdir()] == ["version_0"]


def test_runs_are_numbered_and_the_newest_is_resumed(workplace, monkeypatch):
    assert Run.create("x").folder.as_posix() == "runs/x/version_0" == Run.resume("x").folder.as_posix()
    for number in (0, 9, 10):
        (workplace / f"runs/x/version_{number}").mkdir(parents=True, exist_ok=True)
    (workplace / "runs/x/version_old").mkdir()
    assert Run.resume("x").folder.name == "version_10" and Run.create("x").folder.name == "version_11"
    last = workplace / "runs/x/version_9/checkpoints/last.ckpt"
    last.parent.mkdir()
    last.touch()
    assert Run.resume("x").folder.name == "version_9"  # the others have nothing to go on with
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("HEMBLIP_RUN_FOLDER", "runs/x/version_7")
    assert Run.create("x").folder.name == "version_7"


def test_best_and_last_are_of_the_newest_run_of_that_name(workplace):
    for folder in ("x/version_0", "x/version_10", "x/version_9", "y/version_11"):
        for word in ("best", "last"):
            path = workplace / "runs" / folder / "checkpoints" / f"{word}.ckpt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    for word in ("best", "last"):
        assert Run.meant(word, "x").weights.as_posix() == f"runs/x/version_10/checkpoints/{word}.ckpt"
    with pytest.raises(CheckpointError, match="runs/z: holds no run"):
        Run.meant("best", "z")


def test_a_checkpoint_names_its_run(workplace):
    path = workplace / "runs/x/version_0/checkpoints/best.ckpt"
    path.parent.mkdir(parents=True)
    path.touch()
    assert Run.meant(str(path)).folder == path.parents[1]
    with pytest.raises(CheckpointError, match=r"last\.ckpt: no such file or run; there is .*best\.ckpt"):
        Run.meant(str(path.with_name("last.ckpt")))


def test_what_published_weights_say_of_several_sets_of_cells_is_one_run(workplace):
    model = {"class_path": "hemblip.models.MedGemmaCaptioner", "init_args": {"adaptation": "base"}}
    assert Run.untrained("x", model).folder.name == "version_0"
    run = workplace / "runs/x/version_0"
    (run / "config.yaml").write_text(yaml.safe_dump({"name": "x", "model": model}))
    assert Run.untrained("x", model).folder.name == "version_0"
    other = Run.untrained("x", {**model, "init_args": {}})
    assert other.folder.name == "version_1"
    other.discard_if_empty()
    (run / "checkpoints").mkdir()  # trained: untrained rows do not belong to it
    assert Run.untrained("x", model).folder.name == "version_1"


def test_metrics_of_splits_are_kept_together(tmp_path):
    Run(tmp_path).write_scores("test", {"accuracy": 0.5})
    Run(tmp_path).write_scores("external", {"accuracy": None})
    assert Run(tmp_path).scores == {"test": {"accuracy": 0.5}, "external": {"accuracy": None}}
    with pytest.raises(ValueError, match="JSON"):
        Run(tmp_path).write_scores("test", {"accuracy": float("nan")})
    assert json.loads((tmp_path / "metrics.json").read_text())["test"] == {"accuracy": 0.5}
    (tmp_path / "metrics.json").write_text("{")
    with pytest.raises(DataError, match=r"metrics\.json: not readable as JSON"):
        _ = Run(tmp_path).scores


LORA = {"adaptation": "lora", "lora_rank": 4, "train_last_layers": 1}


@pytest.fixture
def run(tmp_path):
    captioner = tiny(**LORA)
    with torch.no_grad():
        for parameter in captioner.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05)
    settings = {"pretrained": "compact", "compact": asdict(TINY) | {"stem": list(TINY.stem)}, **LORA}
    settings["decoding"] = {"num_beams": 2, "max_new_tokens": 5}
    return captioner, finished_run(tmp_path / "lora" / "version_0", captioner, settings)


@pytest.mark.parametrize("named", ["", "checkpoints/best.ckpt"])
def test_run_or_checkpoint_gives_the_trained_captioner(run, named):
    captioner, folder = run
    torch.manual_seed(1)  # what the checkpoint leaves out does not depend on the seed
    restored = Run(folder / named).captioner()
    weights = restored.state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in captioner.state_dict().items())
    assert restored.decoding.num_beams == 2 and not restored.training


def test_a_setting_can_be_changed(run):
    assert Run(run[1]).captioner(decoding={"num_beams": 3}).decoding.num_beams == 3


def test_an_untrained_model_needs_no_checkpoint(tmp_path):
    settings = {"pretrained": "compact", "adaptation": "base"}
    folder = finished_run(tmp_path / "base", MedGemmaCaptioner(**settings), settings)
    (folder / "checkpoints" / "best.ckpt").unlink()
    assert Run(folder).captioner().adaptation == "base"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("model: [", "not readable as YAML"),
        ("name: x", "has no section `model`"),
        ("model: {class_path: hemblip.models.BlipCaptioner, init_args: {rank: 3}}", "cannot be built.*rank"),
        ("model: {class_path: hemblip.models.BlipCaptioner, init_args: {pretrained: compact}}", "'lora'.*'full'"),
    ],
)
def test_what_is_wrong_with_a_run_is_said(run, text, says):
    folder = run[1]
    (folder / "config.yaml").unlink() if text is None else (folder / "config.yaml").write_text(text)
    with pytest.raises(HemblipError, match=says):
        Run(folder).captioner()


def test_a_checkpoint_says_itself_what_it_is_of(run):
    captioner, folder = run
    (folder / "config.yaml").unlink()
    again = Run(folder).captioner()
    assert again.adaptation == "lora" and again.decoding.num_beams == captioner.decoding.num_beams
    path = folder / "checkpoints" / "best.ckpt"
    checkpoint = torch.load(path)
    torch.save({name: value for name, value in checkpoint.items() if name != "hemblip_settings"}, path)
    with pytest.raises(CheckpointError, match="no such file; give a run folder"):  # as older versions wrote it
        Run(folder).captioner()


def test_a_run_without_its_checkpoint(run):
    (run[1] / "checkpoints" / "best.ckpt").unlink()
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        Run(run[1]).captioner()


def test_a_torn_config_is_one_line_wherever_it_is_read(workplace):
    run = Run.create("x")
    (run.folder / "config.yaml").write_text("model: [")
    for read in (lambda: Run(run.folder).config, Run(run.folder).captioner, lambda: Run.untrained("x", {})):
        with pytest.raises(DataError, match=r"version_0/config\.yaml: not readable as YAML") as told:
            read()
        assert "\n" not in str(told.value)


def test_runs_that_cannot_be_made_are_one_line(workplace):
    (workplace / "runs").write_text("a file")
    with pytest.raises(DataError, match="runs is a file"):
        Run.create("x")
    (workplace / "runs").unlink()
    (workplace / "runs").symlink_to("nowhere")
    with pytest.raises(DataError, match="cannot be made"):
        Run.create("x")


def test_rows_are_replaced_by_those_of_the_same_cells_or_of_more(workplace):
    run = Run("runs/a/version_0")
    run.rows_of("test").parent.mkdir(parents=True)
    run.check_replaceable("test", ["a"], "digest")  # nothing is there
    pd.DataFrame({"cell_id": ["a", "b"]}).to_parquet(run.rows_of("test"))
    run.record("test", {"data": "digest"})
    run.check_replaceable("test", ["a", "b"], "digest")
    run.check_replaceable("test", ["a", "b", "c"], "other")
    for cells, data, told in (
        (["a"], "digest", "1 cells that are not among these"),
        (["c", "d"], "digest", "2 cells that are not among these"),
        (["a", "b"], "other", "other annotations"),
        (None, "digest", "2 cells, of which some batches may lack some"),
    ):
        with pytest.raises(DataError, match=f"holds rows of {told}; set --force true to replace them, or use another"):
            run.check_replaceable("test", cells, data)
