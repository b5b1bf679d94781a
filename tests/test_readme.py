"""What the README tells users to do."""

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
    "explain": ["--cells", "3"],
    "probe": [f"--{kind}.init_args.sources.init_args.cells=100" for kind in ("internal", "external")],
}
"""Settings that make the commands short."""


def test_it_is_short_and_has_commands():
    assert README.count("\n") < 120
    assert len(OURS) >= 7 and {"make demo", "make test"} <= set(COMMANDS)


@pytest.mark.parametrize("words", OURS, ids=" ".join)
def test_commands_are_parsed(monkeypatch, capsys, words):
    monkeypatch.chdir(ROOT)
    if not any(word.startswith("runs/") for word in words):  # made by the commands before
        assert main([*words, "--print_config"]) == 0


def test_make_targets_and_files_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:`|^)make (\w+)", README, re.MULTILINE):
        assert f"\n{target}:" in makefile, target
    for path in re.findall(r"`((?:configs|experiments|hemblip|docs)/[\w./]+)`|\]\(([\w./]+)\)", README):
        assert (ROOT / (path[0] or path[1])).exists(), path


def test_python_examples(monkeypatch):
    monkeypatch.chdir(ROOT)
    for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        exec(block, {})


@pytest.mark.slow
def test_commands_run_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    (tmp_path / "hemblip").symlink_to(ROOT / "hemblip")
    for words in OURS:
        assert main([*words, *SMALL.get(words[0], [])]) == 0, words
