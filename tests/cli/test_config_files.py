"""Configs and words that no parser should see."""

from pathlib import Path

import pytest

from hemblip.cli.config_files import check_config, check_words
from hemblip.cli.main import main
from hemblip.errors import ConfigError

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdef", "bcdefg", strict=True)
)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (BOMB, "aliases repeat more than 100,000 values"),
        ("a: &a [1, *a]\n", "line 1: an alias of what it stands in"),
        ("[" * 2000, "more than 40 levels"),
        ("a: 1\n b: 2\n", "line 2, column 3"),
        ("a: [", "line 1"),
        ('a: "\x07"', "special characters are not allowed"),
        ("x" * 1_000_001, "1,000,001 bytes"),
        ("model:\n  init_args: [1]\n", "line 2: init_args are `setting: value` lines, not a list"),
        ("data: {sources: [{class_path: no, init_args: {}}]}\n", "line 1: class_path is the name of a class, not 'no'"),
        ("model:\n  init_args:\n", "init_args are `setting: value` lines, not nothing"),
        ("a: {[1]: 2}\n", "line 1: a list stands where the name of a setting is expected"),
        ("a: 1\nwhen: 2024-13-45\n", "line 2: '2024-13-45' is no value that YAML knows; put it in quotes"),
        ("a: !!bool maybe\n", "line 1: 'maybe' is no value that YAML knows"),
        ("a: !!python/name:os.system x\n", "line 1, column 4: could not determine a constructor for the tag"),
        ("a: <<\n", "line 1, column 4: could not determine a constructor"),
        ("# Größe\n".encode("latin-1"), "not a text in UTF-8"),
    ],
)
def test_configs_that_cannot_be_read(tmp_path, content, said):
    path = tmp_path / "mine.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError) as told:
        check_config(str(path))
    assert said in str(told.value) and str(path) in str(told.value) and "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--config", "s3://bucket/c.yaml"], "local files"),
        (["--config", "nope.yaml"], "nope.yaml: no such file"),
        (["--config"], "names no file"),
        (["--config", "--trainer.max_epochs=1"], "names no file"),
        (["--name", "a\0b"], "NUL"),
        (["--config=/dev/null"], "no regular file"),
        (["--config", "."], "no regular file"),
    ],
)
def test_words_that_no_parser_should_see(workplace, words, said):
    with pytest.raises(ConfigError, match=said):
        check_words(words)


def test_aliases_and_a_byte_order_mark_are_usual(tmp_path):
    (tmp_path / "c.yaml").write_text("base: &b {x: 1}\nmore: {<<: *b}\nagain: *b\n", encoding="utf-8-sig")
    check_config(str(tmp_path / "c.yaml"))
    assert list(Path(tmp_path).iterdir()) == [tmp_path / "c.yaml"]


@pytest.mark.usefixtures("no_report")
def test_a_run_of_before_is_tested_with_the_settings_that_are_gone(tiny_run, capsys):
    config = tiny_run / "config.yaml"
    before = config.read_text()
    config.write_text(before + "optimizer: null\nlr_scheduler: null\n")
    assert main(["test", "--run", str(tiny_run)]) == 0
    assert main(["test", "--config", str(config), "--print_config"]) == 0
    config.write_text(before + "optimizer: {class_path: torch.optim.SGD, init_args: {lr: 1.0}}\n")
    assert main(["test", "--run", str(tiny_run)]) == 2
    assert "optimizer" in capsys.readouterr().err
