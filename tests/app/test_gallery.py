"""Tested cells, chosen by what their captions get wrong: against each row judged by itself."""

from itertools import product
from pathlib import Path

import pytest
from reporting.run_folders import make_run, manifests

from hemblip.app.gallery import Gallery, runs_beside
from hemblip.errors import DataError
from hemblip.metrics.incompatible import contradictions
from hemblip.reporting.statements import KINDS, judge
from hemblip.reporting.sure_marks import MARKS, mark_of
from hemblip.run import Run


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("gallery"))
        cells = manifests(cells=40)
        folders = [make_run(Path("runs/good/version_0").resolve(), cells, 0.9)]
        folders.append(make_run(Path("runs/good/version_1").resolve(), cells, 0.4, seed=1, talk=0.8))
        make_run(Path("runs/others/version_0").resolve(), manifests(cells=10), 0.4)
        Path("runs/empty/version_0").mkdir(parents=True)
    return [Run(folder) for folder in folders]


def fits(row, kind, key, sure):
    said = [one for one in judge(row) if not key or one.key == key]
    if kind == "contradicts":
        hit = any(not key or key in (rule.key, rule.other) for rule in contradictions(row))
    elif kind == "clean":
        verdicts = {one.verdict for one in said}
        hit = "right" in verdicts and not verdicts & {"wrong", "near", "omitted"}
    else:
        hit = any(not kind or one.verdict == kind for one in said) or not (kind or key)
    asked = [one for one in said if one.stated and (kind in ("", "clean", "contradicts") or one.verdict == kind)]
    return hit and (not sure or any(mark_of(one.confidence).style == sure for one in asked))


def test_each_choice_is_that_of_the_rows_themselves(runs):
    gallery, rows = Gallery(runs[:1]), runs[0].predictions("test").to_dict("records")
    sizes = set()
    for kind, key, sure in product(KINDS, ("", "cell_type", "granule_colour"), ("", *(mark.style for mark in MARKS))):
        found = gallery.find("test", kind, key, "", sure)
        assert found == [row["cell_id"] for row in rows if fits(row, kind, key, sure)], (kind, key, sure)
        sizes.add(len(found))
    assert len(sizes) > 10 and gallery.find("test") == [row["cell_id"] for row in rows]


def test_nothing_is_scored_to_show_cells(runs, monkeypatch):
    monkeypatch.setattr("hemblip.reporting.estimates.Measured", None)  # seconds, of which no card shows anything
    gallery = Gallery(runs)
    assert gallery.cards("test", gallery.find("test", "wrong")[:2])


def test_sources_are_told_apart(runs):
    gallery = Gallery(runs[:1])
    parts = [gallery.find("external", source=name) for name in gallery.sources("external")]
    assert gallery.sources("external") == ["atlas", "low-cost microscope"]
    assert sorted(parts[0] + parts[1]) == gallery.find("external") and all(parts)


def test_two_seeds_of_one_model_stand_side_by_side(runs):
    gallery = Gallery(runs)
    one, other = gallery.names
    assert (one, other) == ("good/version_0", "good/version_1")
    wrong = [set(gallery.find("test", "wrong", "cell_type", who=name)) for name in gallery.names]
    assert set(gallery.find("test", "wrong", "cell_type", who=f"only {other}")) == wrong[1] - wrong[0]
    assert set(gallery.find("test", "wrong", "cell_type")) == wrong[0] | wrong[1] and wrong[0] != wrong[1]
    told = gallery.cards("test", gallery.find("test")[:2])
    assert told.count('<article class="card"') == 2 and told.count("<dt>good/version_1") == 2


def test_runs_beside_are_tested_ones_and_other_cells_are_refused(runs):
    found = runs_beside(runs[0])
    assert list(found) == ["good/version_1", "others/version_0"] and not runs_beside(Run("wbcatt-compact"))
    with pytest.raises(DataError, match="describe different"):
        Gallery([runs[0], found["others/version_0"]])
