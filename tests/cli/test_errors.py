"""What a user reads where something ends a command that nobody foresaw."""

import re
import subprocess
import sys
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


def test_a_torchvision_of_another_torch_is_named(ending, capsys):
    """Importing torchmetrics fails so."""
    assert ending(RuntimeError("operator torchvision::nms does not exist")) == 2
    assert "error: the torchvision here does not fit torch" in capsys.readouterr().err


def test_ctrl_c(ending, capsys):
    assert ending(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "stopped\n"


STOPPED_WHILE_LOADED = """
import os, runpy, signal, sys
class Stop:
    def find_spec(self, name, *_):
        if name == "jsonargparse":
            os.kill(os.getpid(), signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs in a shell's background ignore it
sys.meta_path.insert(0, Stop())
sys.argv = ["hemblip", "configs"]
runpy.run_module("hemblip", run_name="__main__")
"""


def test_ctrl_c_while_the_command_line_is_loaded():
    """Most of a short command's time."""
    ended = subprocess.run([sys.executable, "-c", STOPPED_WHILE_LOADED], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (130, "stopped\n")


def test_an_unexpected_error_where_nothing_can_be_saved(ending, capsys, monkeypatch):
    def full(*_, **__):
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.NamedTemporaryFile", full)
    assert ending(KeyError("cells")) == 1
    told = capsys.readouterr().err
    assert "could not be saved (No space left on device)" in told and told.count("\n") == 1


def test_errors_do_nothing_to_a_terminal(ending, capsys):
    for error in (KeyError("\x1b[31m"), FileNotFoundError(2, "No such file", "a\x1b]0;x\x07\u202e.csv")):
        assert ending(error) in (1, 2)
        told = capsys.readouterr().err
        assert told.removesuffix("\n").isprintable() and "\\x1b" in told


def test_names_that_no_text_can_hold_are_told(ending, capsys):
    assert ending(FileNotFoundError(2, "No such file", b"a\xff.csv")) == 2
    assert r"a\udcff.csv: No such file" in capsys.readouterr().err
