"""Fixtures: drawn cells and a folder to work in."""

import os
import shutil
from pathlib import Path

import pytest

os.environ.setdefault("WANDB_MODE", "offline")
if "PYTEST_XDIST_WORKER" in os.environ:  # tests run beside each other: one core each
    os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """An empty folder as the working directory, so that runs and data stay in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HEMBLIP_DATA", raising=False)
    monkeypatch.delenv("HEMBLIP_RUN_FOLDER", raising=False)
    return tmp_path


@pytest.fixture(scope="session")
def _tiny(tmp_path_factory):
    from hemblip.cli.main import main

    folder = tmp_path_factory.mktemp("tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("HEMBLIP_DATA", raising=False)
        patch.delenv("HEMBLIP_RUN_FOLDER", raising=False)
        assert (
            main(["fit", "--config", str(Path(__file__).parent / "conf/tiny.yaml"), "--trainer.max_epochs", "1"]) == 0
        )
    return folder


@pytest.fixture
def tiny_run(workplace, _tiny):
    """The run of `conf/tiny.yaml` after one epoch, its cells and their cache, copied into the workplace."""
    shutil.copytree(_tiny, workplace, dirs_exist_ok=True)
    return workplace / "runs" / "tiny" / "version_0"


@pytest.fixture
def written(monkeypatch):
    """Texts of the figures that are saved."""
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    found = []
    monkeypatch.setattr(
        Figure, "savefig", lambda figure, *_, **__: found.extend(t.get_text() for t in figure.findobj(Text))
    )
    return found


@pytest.fixture
def no_card_figure(monkeypatch):
    """`prepare` leaves an empty file in place of the data card's figure, which takes a second."""
    monkeypatch.setattr("hemblip.corpus.prepare.draw_card", lambda card, path: path.touch())


@pytest.fixture
def no_report(monkeypatch):
    """`test` describes and scores; its figure and report, which take most of the time, are left out."""
    monkeypatch.setattr("hemblip.callbacks.run_report.RunReport.on_test_end", lambda *_: None)
