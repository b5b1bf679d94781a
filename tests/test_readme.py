"""What the README tells users to do."""

import os
import re
import shlex
from pathlib import Path

import pytest

from hemblip.cli.main import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
COMMANDS = [line.split("#")[0].strip() for block in BLOCKS for line in block.splitlines()]
OURS = [shlex.split(line)[3:] for line in COMMANDS if line.startswith("python -m hemblip")]
CELLS = ["--data.init_args.sources.init_args.cells", "100"]
SMALL = {
    "fit": [*CELLS, "--trainer.max_epochs", "1", "--trainer.check_val_every_n_epoch", "1"],
    "test": CELLS,
    "predict": CELLS,
    "probe": [f"--{kind}.init_args.sources.init_args.cells=100" for kind in ("internal", "external")],
}
"""Settings that make the commands short."""


def test_there_are_commands():
    assert len(OURS) >= 7 and {"make demo", "make test"} <= set(COMMANDS)


@pytest.mark.parametrize("words", OURS, ids=" ".join)
def test_commands_are_parsed(monkeypatch, capsys, words):
    monkeypatch.chdir(ROOT)
    if words[0] != "compare":  # takes run folders, not a config
        assert main([*words, "--print_config"]) == 0


def test_make_targets_and_files_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:`|^)make (\w+)", README, re.MULTILINE):
        assert f"\n{target}:" in makefile, target
    for path in re.findall(r"`((?:configs|experiments|hemblip|docs)/[\w./]+)`|\]\(([\w./]+)\)", README):
        assert (ROOT / (path[0] or path[1])).exists(), path


def test_python_examples():
    for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        exec(block, {})


@pytest.mark.slow
def test_commands_run_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    second = "configs/medgemma_smoke.yaml"
    best = "runs/medgemma_smoke/version_0/checkpoints/best.ckpt"
    before = {"compare": [["fit", "--config", second], ["test", "--config", second, "--ckpt_path", best]]}
    for words in OURS:
        if words[0] == "audit" and "HEMBLIP_DATA" not in os.environ:
            continue  # it is about downloaded cells
        for command in [*before.get(words[0], []), words]:
            assert main([*command, *SMALL.get(command[0], [])]) == 0, command
