from pathlib import Path

import pandas as pd
import pytest
from lightning.pytorch import seed_everything
from metrics.drawn import confident_rows

from hemblip import Run
from hemblip.callbacks import stress as stress_callback
from hemblip.cli.main import main
from hemblip.metrics.stress import stress_scores

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
    assert kept["wrong"] is not None


@pytest.mark.slow
@pytest.mark.parametrize("devices", ["1", "2"])
def test_cells_are_described_under_each_condition_on_any_number_of_ranks(workplace, capsys, monkeypatch, devices):
    seed_everything(0)
    monkeypatch.setattr(stress_callback, "MOST", 9)
    assert main(["fit", "--config", TINY, "--trainer.max_epochs", "1"]) == 0
    assert main(["test", "--run", "runs/tiny", "--stress", "[fog]"]) == 2
    assert "--stress fog: no such condition" in capsys.readouterr().err
    ranks = ["--trainer.devices", devices] + (["--trainer.strategy", "ddp_spawn"] if devices == "2" else [])
    assert main(["test", "--run", "runs/tiny", "--stress", "[blur,noise]", *ranks]) == 0
    run = Run("runs/tiny/version_0")
    rows, scores = run.stressed("test"), run.scores["test"]["stress"]
    assert [row["condition"] for row in scores] == ["none"] + ["blur"] * 4 + ["noise"] * 3
    assert {row["cells"] for row in scores} == {min(9, len(run.predictions("test")))}
    plain = rows[rows["condition"] == "none"].set_index("cell_id")["caption"]
    assert plain.to_dict() == run.predictions("test").set_index("cell_id")["caption"][plain.index].to_dict()
    assert "Bad conditions" in (run.folder / "report.html").read_text()
    assert run.described == ["test"]
    assert main(["test", "--run", "runs/tiny"]) == 0
    assert run.stressed("test") is None and "stress" not in Run(run.folder).scores["test"]
