"""Sweep files build command lines that the CLI takes; the same files are searched here without an account."""

import itertools
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml
from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args, load_sweep_config

from hemblip.cli.main import main
from hemblip.cli.sweep_file import read_sweep
from hemblip.errors import ConfigError, TrainingError

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "configs" / "sweeps").rglob("*.yaml"))


def extremes(parameter):
    if "values" in parameter:
        return [parameter["values"][0], parameter["values"][-1]]
    return [parameter["min"], parameter["max"]]


def agent_command(config, point):
    """What `wandb agent` runs: its own functions, and its way of putting the words together."""
    words = create_sweep_command_args({"args": {name: {"value": value} for name, value in point.items()}})
    filled = {"${env}": ["/usr/bin/env"], "${interpreter}": ["python"], "${args}": words["args"]}
    chunks = [filled.get(chunk, [chunk]) for chunk in create_sweep_command(list(config["command"]))]
    return list(itertools.chain.from_iterable(chunks))


def value_at(settings, dotted):
    for part in dotted.split("."):
        settings = settings[part]
    return settings


def test_no_sweep_file_escapes():
    assert [path.stem for path in FILES] == ["blip_lora", "blip_vs_medgemma", "medgemma_lora", "smoke"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("end", [0, 1])
def test_agent_commands_parse_and_set_what_is_searched(path, end, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    config = load_sweep_config(str(path))
    point = {name: extremes(parameter)[end] for name, parameter in config["parameters"].items()}
    # W&B gives parameters in the order of the alphabet.
    line = agent_command(config, dict(sorted(point.items())))
    assert line[:5] == ["/usr/bin/env", "python", "-m", "hemblip", "fit"] and shlex.join(line)
    assert main([*line[4:], "--print_config"]) == 0
    settings = yaml.safe_load(capsys.readouterr().out)
    for name, value in point.items():
        if name != "config":
            assert value_at(settings, name) == value
    assert settings["name"] == config["name"] and settings["wandb"] == "hemblip"
    goal = {"minimize": "min", "maximize": "max"}[config["metric"]["goal"]]
    assert (settings["checkpoint"]["monitor"], settings["checkpoint"]["mode"]) == (config["metric"]["name"], goal)
    if "config" in point:
        assert yaml.safe_load(Path(point["config"]).read_text())["model"]["class_path"] in str(settings["model"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_our_search_reads_the_same_files(path):
    sweep = read_sweep(path)
    assert set(sweep.distributions()) == set(yaml.safe_load(path.read_text())["parameters"])
    assert not [word for word in sweep.fit if word.startswith(("--wandb", "--name", "$"))]


def test_a_misspelt_setting_ends_with_exit_code_2(capsys):
    line = ["fit", f"--config={ROOT}/configs/blip_lora.yaml", "--model.init_args.lora_ranks=4", "--print_config"]
    assert main(line) == 2 and "lora_ranks" in capsys.readouterr().err


SWEEP = {
    "name": "tried",
    "method": "bayes",
    "metric": {"name": "val_loss", "goal": "minimize"},
    "parameters": {
        "model.init_args.learning_rate": {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-2},
        "model.init_args.lora_rank": {"values": [4, 8]},
    },
    "command": ["python", "-m", "hemblip", "fit", "--config=a.yaml", "--wandb=hemblip", "${args}"],
}


@pytest.fixture
def trials(workplace, monkeypatch):
    """Stands in for training: the loss is a function of the settings; notes every command line."""
    pytest.importorskip("optuna", reason="the extra `sweep` is not installed")
    (workplace / "sweep.yaml").write_text(yaml.safe_dump(SWEEP))
    lines = []

    def run(line, stdout, **_):
        lines.append(line[3:])
        settings = dict(word.removeprefix("--").split("=", 1) for word in line if "=" in word)
        if line[3] == "test":
            predictions = Path(line[line.index("--ckpt_path") + 1]).parents[1] / "predictions"
            predictions.mkdir()
            (predictions / "test.parquet").touch()
            return subprocess.CompletedProcess(line, 0)
        if line[3:] in getattr(run, "stops", []) or len(lines) == getattr(run, "stop_at", 0):
            raise KeyboardInterrupt
        if len(lines) >= getattr(run, "fails_from", 99):
            stdout.write("error: no such thing\n")
            stdout.flush()
            return subprocess.CompletedProcess(line, 2)
        folder = Path("runs", line[line.index("--name") + 1], "version_0")
        folder.mkdir(parents=True, exist_ok=True)
        rate, rank = float(settings["model.init_args.learning_rate"]), int(settings["model.init_args.lora_rank"])
        loss = abs(rate - 1e-3) * 100 + (rank == 4)
        pd.DataFrame({"epoch": [0, 1, 1], "val_loss": [loss + 1, loss, None]}).to_csv(folder / "metrics.csv")
        return subprocess.CompletedProcess(line, 0)

    monkeypatch.setattr("hemblip.cli.sweep.subprocess.run", run)
    run.lines = lines
    return run


def sweep(*words):
    from hemblip.cli.sweep import sweep as command

    numbers = dict(zip(words[::2], words[1::2], strict=True))
    command("sweep.yaml", **numbers)


def test_table_has_a_row_a_trial_and_the_best_is_tested(trials, capsys):
    sweep("trials", 6)
    table = pd.read_csv("runs/tried/sweep.csv")
    assert len(table) == 6 and table["trial"].tolist() == list(range(6)) and table["error"].isna().all()
    best = table.sort_values("val_loss").iloc[0]
    assert [line[0] for line in trials.lines] == 6 * ["fit"] + ["test"]
    assert f"{best['run']}/checkpoints/best.ckpt" in trials.lines[-1]
    assert table["run"].map(lambda run: Path(run, "metrics.csv").is_file()).all()
    assert not [word for line in trials.lines for word in line if "wandb" in word or "$" in word]
    assert best["run"] in capsys.readouterr().out


def test_started_again_it_goes_on_where_it_was_stopped(trials):
    trials.stop_at = 3
    with pytest.raises(KeyboardInterrupt):
        sweep("trials", 5)
    trials.stop_at = 0
    sweep("trials", 5)
    stopped, repeated = trials.lines[2], trials.lines[3]
    assert stopped == repeated and "--resume" in stopped  # same settings, same folder: the run itself goes on
    table = pd.read_csv("runs/tried/sweep.csv")
    assert len(table) == 5 and table["run"].nunique() == 5
    assert table.drop_duplicates(["model.init_args.learning_rate", "model.init_args.lora_rank"]).shape == table.shape
    before = len(trials.lines)
    sweep("trials", 5)
    assert len(trials.lines) == before  # nothing left to do


def test_a_table_of_no_sweep_is_not_replaced(trials):
    table = Path("runs", SWEEP["name"], "sweep.csv")
    table.parent.mkdir(parents=True)
    table.write_text("mine")
    with pytest.raises(ConfigError, match="is of no sweep"):
        sweep("trials", 1)
    assert table.read_text() == "mine" and not trials.lines


def test_a_grid_takes_each_point_once(trials, workplace):
    grid = {**SWEEP, "method": "grid", "parameters": {**SWEEP["parameters"]}}
    grid["parameters"]["model.init_args.learning_rate"] = {"values": [1e-4, 1e-3, 1e-2]}
    (workplace / "sweep.yaml").write_text(yaml.safe_dump(grid))
    trials.stop_at = 2
    with pytest.raises(KeyboardInterrupt):
        sweep("trials", 99)
    trials.stop_at = 0
    sweep("trials", 99, "test", "all")
    table = pd.read_csv("runs/tried/sweep.csv")
    points = table[["model.init_args.learning_rate", "model.init_args.lora_rank"]]
    assert len(table) == 6 and not points.duplicated().any()
    assert [line[0] for line in trials.lines].count("test") == 6


def test_trials_that_fail_one_after_the_other_end_the_sweep(trials):
    trials.fails_from = 3
    with pytest.raises(TrainingError, match=r"3 trials in a row failed.*no such thing.*sweep\.log"):
        sweep()
    assert pd.read_csv("runs/tried/sweep.csv")["error"].notna().sum() == 3


def test_the_checkpoint_is_that_of_the_epoch_that_is_scored(trials, workplace):
    (workplace / "sweep.yaml").write_text(yaml.safe_dump({**SWEEP, "metric": {"name": "val_bleu", "goal": "maximize"}}))
    with pytest.raises(TrainingError, match="val_bleu was not logged"):
        sweep("trials", 3)
    assert shlex.join(["--checkpoint.monitor", "val_bleu", "--checkpoint.mode", "max"]) in shlex.join(trials.lines[0])


def test_a_trial_that_outlives_its_sweep_keeps_the_folder(workplace):
    pytest.importorskip("optuna", reason="the extra `sweep` is not installed")
    (workplace / "sweep.yaml").write_text(yaml.safe_dump(SWEEP))
    trial = workplace / "trial"
    trial.write_text("#!/bin/sh\necho $$ > pid\nexec sleep 60\n")
    trial.chmod(0o755)
    code = f"import sys; sys.executable = {str(trial)!r}; from hemblip.cli.sweep import sweep; sweep('sweep.yaml')"
    killed = subprocess.Popen([sys.executable, "-c", code], cwd=workplace)
    end = time.monotonic() + 60
    while not ((workplace / "pid").is_file() and (workplace / "pid").read_text()) and time.monotonic() < end:
        time.sleep(0.1)
    killed.kill()
    killed.wait()
    pid = int((workplace / "pid").read_text())
    try:
        with pytest.raises(ConfigError, match="or a trial of it"):
            sweep("trials", 1)
    finally:
        os.kill(pid, signal.SIGKILL)


def test_another_search_under_the_same_name_is_refused(trials, workplace):
    sweep("trials", 1, "test", "none")
    (workplace / "sweep.yaml").write_text(yaml.safe_dump({**SWEEP, "metric": {"name": "val_bleu", "goal": "maximize"}}))
    with pytest.raises(ConfigError, match="another `name`"):
        sweep("trials", 2)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"method": "hyperband"}, "none of grid, random, bayes"),
        ({"parameters": {"a": {"min": 1}}}, "a needs `values`"),
        ({"method": "grid"}, "a grid needs `values`"),
        ({"command": ["python", "train.py"]}, r"`fit` and \$\{args\}"),
        ({"colour": "red"}, "colour is not known"),
    ],
)
def test_files_that_cannot_be_searched_are_told(workplace, change, says):
    (workplace / "sweep.yaml").write_text(yaml.safe_dump({**SWEEP, **change}))
    with pytest.raises(ConfigError, match=says):
        read_sweep(workplace / "sweep.yaml")


def test_files_that_are_missing_or_torn_are_told(workplace):
    with pytest.raises(ConfigError, match="no such sweep file"):
        read_sweep(workplace / "none.yaml")
    (workplace / "torn.yaml").write_text("a: [")
    with pytest.raises(ConfigError, match="not readable as YAML"):
        read_sweep(workplace / "torn.yaml")
    (workplace / "list.yaml").write_text("- a")
    with pytest.raises(ConfigError, match="lacks command, method"):
        read_sweep(workplace / "list.yaml")


@pytest.mark.slow
def test_a_killed_sweep_of_real_runs_goes_on(workplace):
    """Two tiny trainings in processes of their own; the first is killed with the sweep and resumed."""
    pytest.importorskip("optuna")
    settings = [
        f"--config={ROOT}/configs/smoke.yaml",
        "--trainer.max_epochs=2",
        "--data.init_args.limit=48",
        "--trainer.enable_progress_bar=false",
    ]
    grid = {
        **SWEEP,
        "name": "real",
        "method": "grid",
        "parameters": {"model.init_args.learning_rate": {"values": [1e-4, 1e-3]}},
        "command": ["python", "-m", "hemblip", "fit", *settings, "${args}"],
    }
    (workplace / "sweep.yaml").write_text(yaml.safe_dump(grid))
    line = [sys.executable, "-c", "from hemblip.cli.sweep import sweep; sweep('sweep.yaml')"]
    first = subprocess.Popen(line, cwd=workplace, start_new_session=True)
    end = time.monotonic() + 120
    while not list(workplace.glob("runs/real/trial_000/version_0/checkpoints/*.ckpt")) and time.monotonic() < end:
        time.sleep(0.2)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    subprocess.run(line, cwd=workplace, check=True)
    table = pd.read_csv(workplace / "runs/real/sweep.csv")
    assert sorted(table["model.init_args.learning_rate"]) == [1e-4, 1e-3] and table["val_loss"].notna().all()
    best = workplace / table.sort_values("val_loss")["run"].iloc[0]
    assert (best / "predictions" / "test.parquet").is_file()
