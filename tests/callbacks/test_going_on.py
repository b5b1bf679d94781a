"""A killed `test` or `predict` goes on, and the tables are those of one that was not."""

from pathlib import Path

import lightning as L
import pandas as pd
import pytest
from PIL import Image
from tiny_blip import tiny

from hemblip import parts
from hemblip.callbacks import CaptionEvaluation
from hemblip.callbacks.prediction_writer import PredictionWriter
from hemblip.cli.main import main
from hemblip.data import InternalCells
from hemblip.data.sources import Synthetic
from hemblip.data.unlabelled import UnlabelledCells
from hemblip.models.captioner import Captioner
from hemblip.run import Run

TINY = str(Path(__file__).parents[1] / "conf" / "tiny.yaml")
RUN = Path("runs/tiny/version_0")
TEST = ["test", "--config", TINY, "--ckpt_path", str(RUN)]
PREDICT = ["predict", "--config", TINY, "--ckpt_path", str(RUN), "--images", "data/synthetic"]


class Describing:
    """Counts the cells that are described, and stops the process at a batch."""

    def __init__(self, monkeypatch):
        self.cells, self.stop_at, self._describe = 0, None, Captioner.describe_batch
        monkeypatch.setattr(Captioner, "describe_batch", lambda captioner, batch: self(captioner, batch))

    def __call__(self, captioner, batch):
        if self.cells == self.stop_at:
            raise KeyboardInterrupt
        self.cells += len(batch["cell_ids"])
        return self._describe(captioner, batch)

    def run(self, words, stop_at=None):
        self.cells, self.stop_at = 0, stop_at
        return main(words)


@pytest.fixture
def describing(tiny_run, monkeypatch):
    monkeypatch.setattr(parts, "SECONDS", -1)
    return Describing(monkeypatch)


@pytest.mark.usefixtures("no_report")
def test_a_stopped_test_goes_on(describing, monkeypatch):
    losses, log_loss = [], Captioner._log_loss

    def noting(captioner, name, **more):
        losses.append((captioner.loss_sums.nats, captioner.loss_sums.tokens))
        log_loss(captioner, name, **more)

    monkeypatch.setattr(Captioner, "_log_loss", noting)
    assert describing.run(TEST) == 0 and describing.cells == 24
    rows, scores = (RUN / "predictions" / "test.parquet").read_bytes(), Run(RUN).scores["test"]
    assert not list(RUN.rglob("*.parts"))
    assert describing.run(TEST, stop_at=16) == 130
    assert (RUN / "predictions" / "test.parquet").read_bytes() == rows  # the one before is whole
    assert describing.run([*TEST, "--resume", "true"]) == 0 and describing.cells == 8
    assert (RUN / "predictions" / "test.parquet").read_bytes() == rows
    assert Run(RUN).scores["test"] == scores and not list(RUN.rglob("*.parts"))
    assert losses[0] == losses[-1]  # of which the logged loss is made


@pytest.mark.usefixtures("no_report")
def test_without_resume_it_begins_anew_and_with_other_settings_it_refuses(describing, capsys):
    assert describing.run(TEST, stop_at=16) == 130
    other = [*TEST, "--model.init_args.decoding.max_new_tokens", "9"]
    assert describing.run([*other, "--resume", "true"]) == 2
    assert "made with another captioner, decoding" in capsys.readouterr().err.replace(
        "decoding, captioner", "captioner, decoding"
    )
    assert describing.run(TEST) == 0 and describing.cells == 24


def test_a_stopped_predict_goes_on(describing, capsys):
    assert describing.run([*PREDICT, "--output", "whole.csv"]) == 0
    assert describing.run(PREDICT, stop_at=64) == 130 and not Path("captions.csv").exists()
    assert "stopped; what is described is kept, and the same command with --resume true" in capsys.readouterr().err
    assert describing.run([*PREDICT, "--resume", "true"]) == 0 and describing.cells == 120 - 64
    assert Path("captions.csv").read_bytes() == Path("whole.csv").read_bytes()


def test_images_of_which_none_can_be_read(describing, capsys, monkeypatch):
    monkeypatch.setattr("hemblip.data.unlabelled.AT_ONCE", 1)  # as of a folder too large to be checked first
    Path("broken").mkdir()
    for name in "ab":
        Path("broken", f"{name}.png").write_text("no picture")
    assert describing.run([*PREDICT[:-1], "broken"]) == 2
    assert "none of the 2 images can be read" in capsys.readouterr().err and not Path("captions.csv").exists()
    assert pd.read_csv("captions.csv_excluded.csv")["cell_id"].tolist() == ["a.png", "b.png"]


def test_captions_are_not_replaced_unasked(describing, capsys):
    Path("captions.csv").write_text("mine")
    assert describing.run(PREDICT) == 2 and "captions.csv: exists already" in capsys.readouterr().err
    assert Path("captions.csv").read_text() == "mine"
    assert describing.run([*PREDICT, "--force", "true"]) == 0 and len(pd.read_csv("captions.csv")) == 120


def test_a_list_of_unreadable_images_is_of_the_last_call_and_never_the_users(describing, capsys):
    Path("images").mkdir()
    for name in ("a.png", "b.png"):
        Image.new("RGB", (32, 32)).save(Path("images", name))
    Path("captions.csv_excluded.csv").write_text("mine")
    assert describing.run([*PREDICT[:-1], "images"]) == 2 and describing.cells == 0
    assert "captions.csv_excluded.csv: no earlier result of `predict`" in capsys.readouterr().err
    assert Path("captions.csv_excluded.csv").read_text() == "mine" and not Path("captions.csv").exists()
    Path("captions.csv_excluded.csv").unlink()
    Path("images", "b.png").write_text("no picture")
    for _ in range(2):
        assert describing.run([*PREDICT[:-1], "images", "--force", "true"]) == 0
        assert pd.read_csv("captions.csv_excluded.csv")["cell_id"].tolist() == ["b.png"]
    Path("images", "b.png").unlink()
    assert describing.run([*PREDICT[:-1], "images", "--force", "true"]) == 0
    assert not [path.name for path in Path().iterdir() if "_excluded" in path.name]


def test_tables_of_one_name_in_two_formats_have_a_list_each(describing):
    for folder in ("some", "others"):
        Path(folder).mkdir()
        Image.new("RGB", (32, 32)).save(Path(folder, "whole.png"))
        Path(folder, f"{folder}.png").write_text("no picture")
    for folder, output in (("some", "cells.csv"), ("others", "cells.parquet")):
        assert describing.run([*PREDICT[:-1], folder, "--output", output]) == 0
    lists = [pd.read_csv(f"{output}_excluded.csv")["cell_id"].tolist() for output in ("cells.csv", "cells.parquet")]
    assert lists == [["some.png"], ["others.png"]]


@pytest.fixture
def cells(workplace):
    return InternalCells([Synthetic(cells=60, size=32)], image_size=32, batch_size=8, cache="cache")


def plain_trainer(*callbacks):
    quiet = {"logger": False, "enable_progress_bar": False, "enable_checkpointing": False}
    return L.Trainer(accelerator="cpu", callbacks=list(callbacks), **quiet)


def test_in_a_notebook_nothing_is_written_unasked(cells):
    cells.setup()
    before = set(Path().rglob("*"))
    evaluation = CaptionEvaluation()
    logged = plain_trainer(evaluation).test(tiny(), datamodule=cells)[0]
    assert {path for path in Path().rglob("*") if "cache" not in path.parts} - before == set()
    assert len(evaluation.rows) == 9 and logged["test_bleu"] == pytest.approx(evaluation.scores["bleu"])
    plain_trainer(CaptionEvaluation().write_to("mine")).test(tiny(), datamodule=cells)
    assert {path.name for path in Path("mine").rglob("*") if path.is_file()} == {
        "test.parquet",
        "metrics.json",
        "provenance.json",
    }
    assert Run("mine").scores["test"]["model"] == evaluation.scores


def test_predict_in_a_notebook_is_lightnings_own(cells):
    cells.setup()
    writer = PredictionWriter("mine/captions.csv")
    plain_trainer(writer).predict(tiny(), UnlabelledCells("data/synthetic", like=cells), return_predictions=False)
    assert len(pd.read_csv("mine/captions.csv")) == 60


@pytest.mark.usefixtures("no_report")
@pytest.mark.slow
def test_rows_of_other_cells_are_not_replaced_unasked(describing, capsys):
    assert describing.run(TEST) == 0
    rows = RUN / "predictions" / "test.parquet"
    whole = rows.read_bytes()
    for fewer, told in (
        (["--data.init_args.limit", "6"], "18 cells that are not among these"),
        (["--trainer.limit_test_batches", "0.4"], "24 cells, of which some batches may lack some"),
        (["--data.init_args.seed", "5"], "cells that are not among these"),
    ):
        assert describing.run([*TEST, *fewer]) == 2
        error = capsys.readouterr().err
        assert "test.parquet: holds rows of" in error and told in error and rows.read_bytes() == whole
    assert describing.run([*TEST, "--data.init_args.limit", "6", "--force", "true"]) == 0
    assert len(pd.read_parquet(rows)) == 6
    assert describing.run(TEST) == 0 and len(pd.read_parquet(rows)) == 24  # more cells, these among them


@pytest.mark.slow
def test_two_external_sets_stand_side_by_side(describing, capsys):
    def drawn(cells, *more):
        source = (
            f"[{{class_path: hemblip.data.sources.Synthetic, init_args: {{cells: {cells}, size: 32, external: true}}}}]"
        )
        return ["test", "--config", "external.yaml", "--ckpt_path", str(RUN), "--data.init_args.sources", source, *more]

    text = Path(TINY).read_text().replace("InternalCells", "ExternalCells")
    Path("external.yaml").write_text(text)
    assert describing.run(drawn(10)) == 0
    assert describing.run(drawn(10, "--data.init_args.seed", "3", "--data.init_args.limit", "4")) == 2
    assert "data.init_args.name" in capsys.readouterr().err
    assert describing.run(drawn(8, "--data.init_args.name", "other")) == 0
    run = Run(RUN)
    assert run.described == ["external", "other"] and set(run.scores) == {"external", "other"}
    page = (RUN / "report.html").read_text()
    assert "other cells" in page and "external cells" in page
    assert describing.run(drawn(8, "--data.init_args.name", "val")) == 2
    assert "data.init_args.name is 'val'" in capsys.readouterr().err
