"""The cluster's scripts and configs are sound; two nodes are simulated on one machine."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml

from hemblip.cli.main import main

ROOT = Path(__file__).parents[1]
CLUSTER = ROOT / "experiments" / "cluster"
SCRIPTS = sorted(CLUSTER.glob("*.sh"))
OVERLAYS = sorted(CLUSTER.glob("*.yaml"))


def test_nothing_escapes():
    assert [path.name for path in SCRIPTS] == ["slurm.sh", "slurm_sweep.sh", "torchrun.sh"]
    readme = (CLUSTER / "README.md").read_text()
    assert all(f"`{path.name}`" in readme for path in [*SCRIPTS, *OVERLAYS])


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_parse_and_stop_at_the_first_error(path):
    done = subprocess.run(["bash", "-n", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "set -euo pipefail" in path.read_text() and os.access(path, os.X_OK)
    called = subprocess.run(["bash", str(path)], capture_output=True, text=True, check=False)
    assert called.returncode != 0 and "usage:" in called.stderr


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)
@pytest.mark.parametrize("config", ["blip_full", "medgemma_lora"])
def test_overlays_keep_the_rest_of_a_config(overlay, config, capsys):
    words = ["fit", "--config", str(ROOT / "configs" / f"{config}.yaml")]
    assert main([*words, "--print_config"]) == 0
    plain = yaml.safe_load(capsys.readouterr().out)
    assert main([*words, "--config", str(overlay), "--trainer.devices", "4", "--print_config"]) == 0
    laid = yaml.safe_load(capsys.readouterr().out)
    assert laid["trainer"]["strategy"] != plain["trainer"]["strategy"]
    changed = {"accelerator", "strategy", "devices", "num_nodes"}
    assert {key for key in plain["trainer"] if plain["trainer"][key] != laid["trainer"][key]} <= changed
    assert laid["model"] == plain["model"] and laid["data"] == plain["data"]


@pytest.mark.parametrize("name", ["slurm.sh", "torchrun.sh"])
def test_scripts_call_fit_with_words_that_it_knows(name, tmp_path, capsys):
    """A stand-in for Python writes down what it is called with."""
    spy = tmp_path / "python"
    spy.write_text('#!/usr/bin/env bash\nprintf "%s\\n" "$@"\n')
    (tmp_path / "srun").write_text('#!/usr/bin/env bash\nshift\nexec "$@"\n')
    for program in (spy, tmp_path / "srun"):
        program.chmod(0o755)
    slurm = {"SLURM_NTASKS_PER_NODE": "4", "SLURM_JOB_NUM_NODES": "2", "SLURM_CPUS_PER_TASK": "8"}
    ours = {"PYTHON": str(spy), "NODES": "2", "NODE": "1", "DEVICES": "4", "HEAD": "first:1234"}
    env = {**os.environ, **slurm, **ours, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    line = ["bash", str(CLUSTER / name), "configs/blip_full.yaml", "--name", "many"]
    words = subprocess.run(line, capture_output=True, text=True, check=True, env=env, cwd=ROOT).stdout.split()
    words = words[words.index("hemblip") + 1 :]
    words = [str(ROOT / word) if word.endswith(".yaml") else word for word in words]
    assert main([*words, "--print_config"]) == 0
    settings = yaml.safe_load(capsys.readouterr().out)
    assert (settings["trainer"]["num_nodes"], int(settings["trainer"]["devices"])) == (2, 4)
    assert settings["resume"] is True and settings["name"] == "many"


@pytest.mark.slow
def test_two_nodes_train_one_model(workplace):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        head = f"127.0.0.1:{free.getsockname()[1]}"
    settings = ["--trainer.accelerator", "cpu", "--trainer.max_epochs", "1", "--data.init_args.limit", "40"]
    settings += ["--data.init_args.batch_size", "8", "--trainer.enable_progress_bar", "false"]
    settings += ["--trainer.check_val_every_n_epoch", "1"]
    line = [str(CLUSTER / "torchrun.sh"), str(ROOT / "configs" / "smoke.yaml"), "--name", "two", *settings]
    nodes = []
    for node in ("0", "1"):
        env = {**os.environ, "NODES": "2", "NODE": node, "HEAD": head, "PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
        log = (workplace / f"node{node}.log").open("w")
        nodes.append(subprocess.Popen(line, env=env, stdout=log, stderr=subprocess.STDOUT, cwd=workplace))
    assert [node.wait(timeout=400) for node in nodes] == [0, 0], (workplace / "node0.log").read_text()[-2000:]
    run = workplace / "runs" / "two" / "version_0"
    assert [path.name for path in run.parent.iterdir()] == ["version_0"]
    assert re.search(r"batches of 8 cells x 2\s+ranks", (workplace / "node0.log").read_text())
    assert pd.read_csv(run / "metrics.csv")["val_bleu"].notna().sum() == 1
    assert (run / "checkpoints" / "best.ckpt").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "settings"),
    [
        ("smoke", []),
        ("medgemma_smoke", ["--model.init_args.adaptation", "lora", "--model.init_args.train_last_layers", "1"]),
    ],
)
def test_sharded_training_gives_the_weights_of_copies(workplace, config, settings):
    """FSDP and DDP on two ranks: the same checkpoint but for the order of sums; evaluation generates under both.

    Of 17 validation cells one rank has two batches, the other one. One thread a rank keeps sums in one order: with
    two, Adam made differences of 1e-5 of their noise.
    """
    small = ["--trainer.max_epochs", "1", "--data.init_args.limit", "17", "--data.init_args.batch_size", "8"]
    small += ["--trainer.check_val_every_n_epoch", "1"]
    weights, described = {}, {}
    for name in ("ddp", "fsdp"):
        line = [sys.executable, "-m", "hemblip", "fit", "--config", str(ROOT / "configs" / f"{config}.yaml"), *small]
        line += [*settings, "--config", str(CLUSTER / f"{name}.yaml"), "--name", name, "--trainer.accelerator", "cpu"]
        line += [
            "--model.init_args.decoding.max_new_tokens",
            "5",
            "--trainer.devices",
            "2",
            "--trainer.enable_progress_bar",
            "false",
        ]
        if name == "fsdp":
            line += ["--trainer.strategy.init_args.data_parallel_size", "2"]
        one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            line, capture_output=True, text=True, check=False, cwd=workplace, timeout=500, env=one_thread
        )
        assert done.returncode == 0, done.stderr[-2000:]
        run = workplace / "runs" / name / "version_0"
        weights[name] = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
        described[name] = pd.read_csv(run / "metrics.csv")["val_bleu"].dropna().tolist()
    assert len(described["ddp"]) == 1 and described["ddp"] == pytest.approx(described["fsdp"], abs=1e-3)
    assert weights["ddp"].keys() == weights["fsdp"].keys()
    for name, tensor in weights["ddp"].items():
        assert torch.allclose(tensor.float(), weights["fsdp"][name].float(), atol=1e-6), name
