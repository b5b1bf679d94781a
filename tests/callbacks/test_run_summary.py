"""What a training says of itself where there is no terminal."""

import re
from pathlib import Path

import pytest

from hemblip.callbacks import run_summary
from hemblip.cli.main import main

TINY = str(Path(__file__).parents[1] / "conf" / "tiny.yaml")
TEN_CELLS = ["--data.init_args.limit", "10"]
TWENTY_CELLS = ["--data.init_args.limit", "20"]


def lines(capsys, start):
    told = capsys.readouterr()
    assert "it/s" not in told.out + told.err  # no bars
    return [line for line in told.out.splitlines() if line.startswith(start)]


def test_a_line_an_epoch_and_how_it_ended(workplace, capsys):
    assert main(["fit", "--config", TINY]) == 0
    told = capsys.readouterr().out.splitlines()
    epochs = [line for line in told if line.startswith("epoch ")]
    assert [line.split(":")[0] for line in epochs] == ["epoch 1 of 2, batch 9 of 9", "epoch 2 of 2, batch 9 of 9"]
    number = r"[\d.e-]+"
    assert re.fullmatch(rf".*: train_loss {number}, val_loss {number}, val_accuracy {number}, \d+ cells/s.*", epochs[0])
    assert "min to go" in epochs[0] and "min to go" not in epochs[1]
    ending = {line.split()[0]: line for line in told[-3:]}
    assert ending["finished"].endswith("all epochs are done")
    assert re.search(r"epoch [12], val_loss .*: runs/tiny/version_0/checkpoints/best.ckpt$", ending["best"])
    assert ending["next"].endswith("python -m hemblip test --run runs/tiny/version_0")


def test_why_it_stopped_early(workplace, capsys):
    never = ["--early_stopping.patience", "1", "--early_stopping.min_delta", "100", "--trainer.max_epochs", "9"]
    assert main(["fit", "--config", TINY, *TEN_CELLS, *never]) == 0
    (told,) = lines(capsys, "finished")
    assert "2 epochs" in told and told.endswith("val_loss has not become better for 1 validations")


@pytest.mark.parametrize("apart", [-1.0, 1e9])
def test_within_an_epoch_a_line_comes_after_a_minute(workplace, capsys, monkeypatch, apart):
    monkeypatch.setattr(run_summary, "MINUTE", apart)
    assert main(["fit", "--config", TINY, *TWENTY_CELLS, "--trainer.max_epochs", "1"]) == 0
    batches = int(re.search(r"batch (\d+) of \1:", (told := lines(capsys, "epoch "))[-1])[1])
    assert len(told) == (batches + 1 if apart < 0 else 1) and batches > 1
