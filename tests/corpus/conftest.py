"""Published downloads for the tests of `prepare`."""

import shutil

import pytest
from data.leukemiaattri_layout import write_layout as write_leukemiaattri
from data.wbcatt_layout import write_layout as write_wbcatt


@pytest.fixture(scope="session")
def downloads(tmp_path_factory):
    """Miniatures of both halves of the paper's data in their published layouts."""
    root = tmp_path_factory.mktemp("downloads")
    write_wbcatt(root / "WBCAtt", {"train": 20, "val": 6, "test": 6})
    slides = ("3", "4", "6", "7", "9", "10", "12", "13")
    write_leukemiaattri(root / "LeukemiaAttri", slides=slides, fields=1, seed=1)
    write_leukemiaattri(root / "LeukemiaAttri", "L_100X_C2", slides=("3", "99"), fields=1, seed=2)
    return root


@pytest.fixture
def root(request, downloads, tmp_path, monkeypatch):
    """A data folder with them, which is also the working directory; the card's figure only if `drawn`."""
    if "drawn" not in request.fixturenames:
        request.getfixturevalue("no_card_figure")
    monkeypatch.setenv("HEMBLIP_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(downloads, tmp_path, dirs_exist_ok=True)


@pytest.fixture
def drawn():
    """Ask for the real figure."""
