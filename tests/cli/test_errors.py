"""What a user reads where something ends a command that nobody foresaw."""

import re
from errno import ENOSPC
from pathlib import Path

import pytest

from hemblip.cli import main as command_line
from hemblip.cli.commands import COMMANDS
from hemblip.cli.main import main


@pytest.fixture
def ending(monkeypatch):
    def end(error):
        def run_command(*_):
            raise error

        monkeypatch.setattr(command_line, "run_command", run_command)
        return main([next(iter(COMMANDS))])

    return end


def test_an_unexpected_error_is_one_line_and_its_traceback_a_file(ending, capsys):
    assert ending(KeyError("cells")) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: unexpected KeyError: 'cells'") and told.count("\n") == 1
    saved = Path(re.search(r"traceback is in (\S+);", told)[1])
    assert "Traceback" in saved.read_text() and "run_command" in saved.read_text()
    saved.unlink()


def test_the_traceback_is_shown_to_who_asks(ending, capsys, monkeypatch):
    monkeypatch.setenv("HEMBLIP_TRACEBACK", "1")
    assert ending(RecursionError("deep")) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(ENOSPC, "No space left on device"), "error: No space left on device; make room"),
        (PermissionError(13, "Permission denied", "out/a.csv"), "error: out/a.csv: Permission denied; choose a place"),
        (NotADirectoryError(20, "Not a directory", "a/b"), "error: a/b: Not a directory; give another path"),
    ],
)
def test_what_the_system_refuses_is_the_users_to_mend(ending, capsys, error, said):
    assert ending(error) == 2
    assert capsys.readouterr().err.startswith(said)


def test_ctrl_c(ending, capsys):
    assert ending(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "stopped\n"
