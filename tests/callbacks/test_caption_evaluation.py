"""What `validate` and `test` leave beside prediction rows."""

import re
from pathlib import Path

import pytest

from hemblip.cli.main import main
from hemblip.run import Run

TINY = str(Path(__file__).parents[1] / "conf" / "tiny.yaml")
RUN = Path("runs/tiny/version_0")
BEST = str(RUN / "checkpoints" / "best.ckpt")


@pytest.mark.slow
def test_bertscore_is_in_scores_and_report_or_its_absence_is_told(workplace, capsys, monkeypatch):
    asked = ["--config", TINY, "--evaluation.bertscore", "all-MiniLM-L6-v2"]
    assert main(["fit", *asked, "--trainer.max_epochs", "1"]) == 0
    assert main(["test", *asked, "--ckpt_path", BEST]) == 0
    scores = Run(RUN).scores["test"]
    assert scores["model"]["bertscore_layer"] == 5
    assert 0 < scores["model"]["bertscore"] < scores["baselines"]["modal caption"]["bertscore"] < 1
    assert "BERTScore F1" in capsys.readouterr().out
    assert f"{scores['model']['bertscore']:.3f}" in (RUN / "report.html").read_text()

    monkeypatch.setattr("hemblip.metrics.bert.bundled_folder", lambda: None)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert main(["test", *asked, "--ckpt_path", BEST]) == 0
    assert re.search(r"BERTScore +n/a \(BERTScore encoder all-MiniLM-L6-v2: ", capsys.readouterr().out)
    assert "bertscore" not in Run(RUN).scores["test"]["model"]
    assert main(["test", *asked, "--evaluation.bertscore", "somewhere/else", "--ckpt_path", BEST]) == 2
    assert "BERTScore encoder somewhere/else: give the hidden layer" in capsys.readouterr().err


@pytest.mark.slow
def test_cells_described_without_checkpoint_are_in_one_run(workplace, capsys):
    assert main(["fit", "--config", TINY, "--trainer.max_epochs", "1"]) == 0
    assert main(["export", "--run", str(RUN), "--output", "hub"]) == 0
    settings = ["--name", "untrained", "--model.init_args.pretrained", "hub", "--model.init_args.compact", "null"]
    external = ["--data", "hemblip.data.ExternalCells", "--data.image_size", "32", "--data.cache", "cache"]
    sources = "[{class_path: hemblip.data.sources.Synthetic, init_args: {cells: 20, size: 32, external: true}}]"
    for command, data in (("validate", []), ("test", []), ("test", [*external, "--data.sources", sources])):
        assert main([command, "--config", TINY, *settings, *data]) == 0, capsys.readouterr().err
    run = Path("runs/untrained/version_0")
    assert [path.stem for path in sorted((run / "predictions").glob("*.parquet"))] == ["external", "test", "val"]
    assert main(["test", "--config", TINY, *settings, "--model.init_args.decoding.max_new_tokens", "9"]) == 0
    assert Path("runs/untrained/version_1/predictions/test.parquet").is_file()
