import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from metrics.drawn import confident_rows

from hemblip import Run
from hemblip.cli.main import main
from hemblip.metrics.stress import stress_scores
from hemblip.morphology import KEYS

ROOT = str(Path(__file__).parents[2])
TINY = str(Path(__file__).parents[1] / "conf" / "tiny.yaml")


def test_scores_by_condition_are_those_of_its_rows():
    rows = confident_rows(60)
    half = rows.assign(condition="blur", strength=0.01)
    wrong = half.assign(cell_size="small", true_cell_size="large", strength=0.02)
    none, light, strong = stress_scores(
        pd.concat([rows.assign(condition="none", strength=None), half, wrong]), None, 0.05
    )
    assert none["condition"] == "none" and none["strength"] is None and none["coverage"] is None
    assert none["accuracy"] == light["accuracy"] > strong["accuracy"]
    keys = ("cell_size", "chromatin", "granules", "granule_colour")
    right = sum((rows[key] == rows[f"true_{key}"]).sum() for key in keys)
    total = sum(rows[f"true_{key}"].notna().sum() for key in keys)
    assert light["accuracy"] == pytest.approx(right / total)
    kept = stress_scores(half, dict.fromkeys(keys, 0.0) | {"chromatin": None}, 0.05)[0]
    assert kept["coverage"] == pytest.approx(3 / 4, abs=0.02)
    assert kept["wrong"] is not None and kept["foreign"] is None


def test_of_foreign_cells_nothing_is_kept():
    rows = confident_rows(60).assign(condition="noise", strength=0.1)
    far = rows.assign(unlike=[0.995] * 15 + [0.99] * 45)
    known, unknown = (stress_scores(table, dict.fromkeys(KEYS, 0.0), 0.05)[0] for table in (rows, far))
    assert unknown["foreign"] == pytest.approx(15 / 60) and unknown["accuracy"] == known["accuracy"]
    rest = stress_scores(rows.iloc[15:], dict.fromkeys(KEYS, 0.0), 0.05)[0]
    total = [sum(table[f"true_{key}"].notna().sum() for key in KEYS) for table in (rows.iloc[15:], rows)]
    assert unknown["coverage"] == pytest.approx(rest["coverage"] * total[0] / total[1])
    assert unknown["wrong"] == pytest.approx(rest["wrong"])


@pytest.mark.slow
def test_cells_are_described_under_each_condition_alike_on_two_ranks(workplace, capsys, monkeypatch):
    assert main(["fit", "--config", TINY, "--trainer.max_epochs", "1"]) == 0
    assert main(["test", "--run", "runs/tiny", "--stress", "[fog]"]) == 2
    assert "--stress fog: no such condition" in capsys.readouterr().err
    asked = ["test", "--run", "runs/tiny", "--stress", "[jpeg,off_centre]", "--report.maps", "0"]
    assert main(asked) == 0
    run = Run("runs/tiny/version_0")
    rows, scores = run.stressed("test"), run.scores["test"]["stress"]
    assert [row["condition"] for row in scores] == ["none"] + ["jpeg"] * 3 + ["off_centre"] * 3
    assert {row["cells"] for row in scores} == {len(run.predictions("test"))}
    plain = rows[rows["condition"] == "none"].set_index("cell_id")["caption"]
    assert plain.to_dict() == run.predictions("test").set_index("cell_id")["caption"].to_dict()
    assert "Bad conditions" in (run.folder / "report.html").read_text()
    assert (
        run.described == ["test"] and rows["unlike"].between(0, 1).all() == (run.folder / "familiarity.npz").is_file()
    )

    words = [sys.executable, "-m", "hemblip", *asked, "--trainer.devices", "2", "--trainer.strategy", "ddp"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, env={**os.environ, "PYTHONPATH": ROOT})
    assert done.returncode == 0, done.stderr
    pd.testing.assert_frame_equal(run.stressed("test"), rows)

    assert main(["test", "--run", "runs/tiny", "--report.maps", "0"]) == 0
    assert run.stressed("test") is None and "stress" not in Run(run.folder).scores["test"]
