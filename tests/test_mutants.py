"""The list of deliberate mistakes is kept up; `make mutants` tries them."""

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]


def test_what_each_mistake_replaces_stands_once():
    mistakes = yaml.safe_load((ROOT / "experiments" / "mutants" / "mistakes.yaml").read_text())
    assert len(mistakes) > 50
    for number, mistake in enumerate(mistakes, 1):
        text = (ROOT / "hemblip" / mistake["file"]).read_text()
        assert text.count(mistake["old"]) == 1 and mistake["new"] != mistake["old"], number
        assert all((ROOT / place).exists() for place in mistake["tests"].split()), number
