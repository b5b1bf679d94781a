"""The paper's scripts: sound, and the miniature goes through all its steps and does none twice."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAPER = ROOT / "experiments" / "paper"
TINY = [
    *("--data.init_args.limit", "16", "--trainer.max_epochs", "1", "--trainer.check_val_every_n_epoch", "1"),
    *("--model.init_args.decoding.max_new_tokens", "8", "--trainer.enable_progress_bar", "false"),
]


@pytest.mark.parametrize("name", ["paper.sh", "miniature.sh"])
def test_scripts_parse_stop_at_the_first_error_and_name_configs_that_exist(name):
    script = PAPER / name
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
    text = script.read_text()
    assert "set -euo pipefail" in text
    models = {word for line in text.splitlines() if line.startswith("for model in") for word in line.split()[3:-1]}
    assert models and all((ROOT / "configs" / f"{model.rstrip(';')}.yaml").is_file() for model in models)
    assert text.count("hemblip validate") == 1 and "--bertscore" in text


@pytest.mark.slow
def test_the_miniature_ends_in_a_report_and_does_nothing_twice(tmp_path):
    (tmp_path / "experiments" / "paper").mkdir(parents=True)
    shutil.copy(PAPER / "miniature.sh", tmp_path / "experiments" / "paper")
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (tmp_path / ".venv" / "bin" / "python").chmod(0o755)
    line = ["bash", "experiments/paper/miniature.sh", *TINY]
    environment = {name: value for name, value in os.environ.items() if name != "HEMBLIP_RUN_FOLDER"}

    def run():
        done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]

    def rows():
        return {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/version_*/predictions/*.parquet")}

    run()
    first = rows()
    assert len(first) == 6 and {path.parents[1].name for path in first} == {"version_0"}
    page = (tmp_path / "runs" / "miniature" / "report.html").read_text()
    assert "all-MiniLM-L6-v2" in page and "runs/smoke" not in page
    shutil.rmtree(tmp_path / "runs" / "miniature")
    (tmp_path / "runs" / "smoke" / "version_0" / "finished").unlink()  # as after an interruption
    run()
    assert rows() == first and (tmp_path / "runs" / "miniature" / "report.html").is_file()
