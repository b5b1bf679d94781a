"""Maps in the report: written by `test`, laid over the cells that it shows."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from reporting.run_folders import make_run, manifests

from hemblip.cli.main import main
from hemblip.errors import DataError
from hemblip.reporting.maps import UNTRIED, read_maps
from hemblip.reporting.report import write_report
from hemblip.run import Run

TINY = str(Path(__file__).parents[1] / "conf" / "tiny.yaml")


def stored(folder, rows, verdict=()):
    """Maps of the first cells: a spot in the corner for the first statement, an even spread for the others."""
    grids, spot = {}, np.zeros((48, 48), np.float16)
    spot[:12, :12] = 16
    for row in rows.to_dict("records"):
        grids[f"{row['cell_id']}\tcell_type"] = spot
        grids[f"{row['cell_id']}\tcell_size"] = np.ones((48, 48), np.float16)
    captions = dict(zip(rows["cell_id"], rows["caption"], strict=True))
    facts = json.dumps({"method": "integrated", "captions": captions, "verdict": list(verdict)})
    (folder / "maps").mkdir()
    np.savez(folder / "maps" / "test.npz", facts=np.array(facts), **grids)


def test_a_report_shows_the_map_of_each_statement_and_what_the_trial_says(workplace):
    folder = make_run(Path("runs/a/version_0"), manifests(cells=20, size=32), 0.9, splits=("test",))
    rows = Run(folder).predictions("test")
    assert "data-map=" not in write_report(folder).read_text().split("<script>")[0]
    stored(folder, rows, ["integrated: heat-maps of cell size did no better than a blob: do not read them."])
    page = write_report(folder).read_text()
    assert "do not read them" in page and UNTRIED not in page
    marks = re.findall(r'<mark [^>]*data-map="(data:image/webp[^"]+)" data-name="([^"]+)"', page)
    assert {name for _, name in marks} == {"Cell type", "Cell size"} and len({uri for uri, _ in marks}) == 2
    first = re.search(r'<img class="map" src="([^"]+)" alt=""><p class="mapped" role="status">([^<]+)', page)
    assert (first[1], first[2]) in marks


def test_maps_of_other_captions_are_not_shown_and_damage_is_told(workplace):
    folder = make_run(Path("runs/a/version_0"), manifests(cells=20, size=32), 0.9, splits=("test",))
    rows = Run(folder).predictions("test")
    stored(folder, rows)
    maps = read_maps(Run(folder), "test")
    cell, caption = rows["cell_id"].iloc[0], rows["caption"].iloc[0]
    assert set(maps.of_cell(cell, caption)) == {"cell_type", "cell_size"}
    assert maps.of_cell(cell, "A small cell.") == {} == maps.of_cell("none", caption)
    assert UNTRIED in write_report(folder).read_text()
    (folder / "maps/test.npz").write_bytes(b"torn")
    with pytest.raises(DataError, match=r"maps/test.npz: damaged"):
        read_maps(Run(folder), "test")


@pytest.mark.slow
def test_testing_explains_the_cells_that_the_report_shows(workplace):
    assert main(["fit", "--config", TINY, "--trainer.max_epochs", "2"]) == 0
    assert main(["test", "--run", "runs/tiny", "--report.maps", "2"]) == 0
    run = Run("runs/tiny/version_0")
    maps = read_maps(run, "test")
    rows = run.predictions("test").set_index("cell_id")
    assert 0 < len(maps.captions) <= 2
    for cell, caption in maps.captions.items():
        assert rows.loc[cell, "caption"].strip() == caption
    for (_, key), grid in maps.grids.items():
        assert key in rows.columns and grid.shape == (48, 48)
        assert grid.min() >= 0 and grid.mean() == pytest.approx(1, abs=0.01)
    assert any("masks" in line for line in maps.verdict)
    assert main(["test", "--run", "runs/tiny", "--report.maps", "0"]) == 0
    assert read_maps(run, "test") is None
