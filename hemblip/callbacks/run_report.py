"""What is made of a test's rows for people: baselines, figure, report, W&B."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning as L
import pandas as pd
from lightning.pytorch.loggers import WandbLogger

from hemblip.callbacks.baselines import baseline_rows
from hemblip.callbacks.caption_evaluation import CaptionEvaluation
from hemblip.data.datamodules import CellDataModule
from hemblip.errors import HemblipError, check_range
from hemblip.metrics import score
from hemblip.metrics.asked import ASKED, as_answered, has_answers
from hemblip.metrics.questions import answer_scores, question_lines
from hemblip.models.captioner import Captioner
from hemblip.predictions import TRUE_PREFIX, write_predictions
from hemblip.probing.backbones import Backbone, RandomProjection
from hemblip.reporting.cards import PANEL_SIDE, cell_pixels, choose_cells, choose_examples, make_card
from hemblip.reporting.comparison import Comparison
from hemblip.reporting.panels import draw_panels
from hemblip.reporting.report import GALLERY, write_report
from hemblip.reporting.stress import stress_of
from hemblip.reporting.tables import score_table
from hemblip.reporting.wandb_runs import log_run
from hemblip.run import BASELINES, QUESTIONS, SCALES, STRESS, TRAINING_CELLS, Run

SHOWN_CELLS = 16
"""Cells in a W&B table."""

DRAWN_CELLS = 8
"""Cells in the figure."""


class RunReport(L.Callback):
    """Put baselines beside the scores of a run, draw its figure, write its report, and log all of it to W&B.

    It comes after the `CaptionEvaluation` whose rows it shows, and writes into the folder that this one writes to.
    After each epoch of training, W&B gets a table of the first cells of the sample.

    Args:
        features: frozen encoder of the baselines that look at the image; None for a random projection of pixels.
        maps: after `test`, cells of the report whose statements are shown with the pixels that made them; 0 for none.

        scales: name of a source -> micrometres a pixel of its image files, for scale bars; sources without have none.

    Raises:
        ConfigError: `maps` is below 0, or a scale is none.
    """

    def __init__(
        self, features: Backbone | None = None, maps: int = 12, scales: dict[str, float] | None = None
    ) -> None:
        check_range("report.maps", maps, at_least=0)
        for source, scale in (scales or {}).items():
            check_range(f"report.scales.{source}", scale, above=0)
        self.features, self.maps, self.scales = features or RandomProjection(), maps, scales or {}

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Show the first cells of the sample in W&B, if it is logged to."""
        evaluation = _evaluation(trainer)
        if trainer.is_global_zero and evaluation and len(evaluation.rows):
            show_in_wandb(trainer, evaluation.rows)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """After `validate`: baselines that need no image, and the table of scores."""
        self._write(trainer)

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """After `test`: all of it."""
        self._write(trainer)

    def _write(self, trainer: L.Trainer) -> None:
        """Write what may fail after hours of describing, or say why it is not there."""
        evaluation = _evaluation(trainer)
        if trainer.state.fn == "fit" or evaluation is None or evaluation.folder is None:
            return
        if not trainer.is_global_zero or evaluation.rows.empty:
            return
        run, table = Run(evaluation.folder), evaluation.rows
        split = str(table["split"].iloc[0])
        written: dict[str, Any] = {"predictions": run.rows_of(split), "metrics": run.folder / "metrics.json"}
        written |= evaluation.without
        rows_of = self._baselines(trainer, run, table, written)
        if evaluation.bert is not None:
            evaluation.bert.learn([table, *rows_of.values()])
        others = {name: score(rows, evaluation.bert) for name, rows in rows_of.items()}
        answers = {ASKED: score(as_answered(table)) | {"diversity": None}} if has_answers(table) else {}
        told: dict[str, Any] = {"asked": answers[ASKED]} if answers else {}
        questions = self._questions(trainer, run, evaluation)
        told |= {QUESTIONS: questions} if questions else {}
        run.write_scores(split, {**run.scores[split], "baselines": others, **told, **_stress(run, split)})
        if self.scales:
            run.record(split, {**run.provenance.get(split, {}), SCALES: self.scales})
        if trainer.state.fn == "test":
            with _noting(written, "figure"):
                crop = trainer.datamodule.preparation.crop  # type: ignore[attr-defined]
                shown = _varied(table).to_dict("records")
                cards = [
                    make_card({row["model"]: row}, PANEL_SIDE, crop, self.scales.get(row["source"])) for row in shown
                ]
                written["figure"], _ = draw_panels(cards, run.folder / "figures" / split)
            with _noting(written, "maps"):
                written |= self._explain(trainer, run, split)
            with _noting(written, "report"):
                missing = [f"{name} is {why}." for name, why in evaluation.without.items()]
                written["report"] = write_report(run.folder, bert=evaluation.bert, warnings=missing)
            for logger in trainer.loggers:
                if isinstance(logger, WandbLogger):
                    log_run(logger.experiment, run.folder)
        paths = "\n".join(f"{label:<12}{path}" for label, path in written.items())
        tables = [score_table(split, evaluation.scores, answers | others)]
        tables += [question_lines(questions)] if questions else []
        trainer.print("\n" + "\n\n".join([*tables, paths]))

    def _questions(self, trainer: L.Trainer, run: Run, evaluation: CaptionEvaluation) -> list[dict[str, object]]:
        """How questions were answered, if any were."""
        if evaluation.answers.empty:
            return []
        cells: CellDataModule = trainer.datamodule  # type: ignore[attr-defined]
        return answer_scores(evaluation.answers, evaluation.rows, _training_cells(run.folder, cells))

    def _explain(self, trainer: L.Trainer, run: Run, split: str) -> dict[str, Path]:
        """Maps of the cells that the report shows first; those of an earlier test are removed."""
        captioner, path = trainer.lightning_module, run.folder / "maps" / f"{split}.npz"
        path.unlink(missing_ok=True)
        if not self.maps:
            return {}
        from hemblip.explain.shown import write_maps  # takes seconds to import

        assert isinstance(captioner, Captioner)
        comparison = Comparison([Run(run.folder)])
        shown = [*choose_examples(comparison), *choose_cells(comparison, GALLERY)]
        ids = list(dict.fromkeys(cell for place, cell in shown if place == split))[: self.maps]
        rows = run.predictions(split).set_index("cell_id", drop=False).loc[ids]
        write_maps(path, captioner, trainer.datamodule, rows)  # type: ignore[attr-defined]
        return {"maps": path}

    def _baselines(
        self, trainer: L.Trainer, run: Run, table: pd.DataFrame, written: dict[str, Any]
    ) -> dict[str, pd.DataFrame]:
        """Prediction rows by baseline; those that look at images after testing only, and if the images are there."""
        cells: CellDataModule = trainer.datamodule  # type: ignore[attr-defined]
        training = _training_cells(run.folder, cells)
        if training is None:
            return {}
        captioner = trainer.lightning_module
        assert isinstance(captioner, Captioner)
        training = training.assign(**dict.fromkeys(captioner.untaught()))
        testing, made = trainer.state.fn == "test", table.head(0)
        with _noting(written, "baselines"):
            made = baseline_rows(training, table, cells, None)
            if testing:
                made = baseline_rows(training, table, cells, self.features)
        if testing and len(made):
            write_predictions(made, run.rows_of(f"{BASELINES}/{table['split'].iloc[0]}"))
        return {str(name): rows for name, rows in made.groupby("model", sort=False)}


def _stress(run: Run, split: str) -> dict[str, Any]:
    """Scores by condition, if cells were described under any."""
    table = run.stressed(split)
    return {} if table is None else {STRESS: stress_of(run, table)}


def show_in_wandb(trainer: L.Trainer, table: pd.DataFrame) -> None:
    """Log a fresh table of the first cells of prediction rows, if W&B is logged to."""
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            import wandb

            shown = table.head(SHOWN_CELLS)
            rows = [
                [row["cell_id"], wandb.Image(cell_pixels(row)), row["reference"], row["caption"]]
                for row in shown.to_dict("records")
            ]
            logger.experiment.log({"val_captions": wandb.Table(["cell_id", "image", "reference", "caption"], rows)})


def _evaluation(trainer: L.Trainer) -> CaptionEvaluation | None:
    callbacks = trainer.callbacks  # type: ignore[attr-defined]
    return next((one for one in callbacks if isinstance(one, CaptionEvaluation)), None)


def _training_cells(folder: Path, cells: CellDataModule) -> pd.DataFrame | None:
    """What the captioner was trained on: external cells have baselines too."""
    stored = folder / TRAINING_CELLS
    if stored.is_file():
        return pd.read_parquet(stored)
    training = cells.manifest[cells.manifest["split"] == "train"]
    return None if training.empty else training


@contextmanager
def _noting(written: dict[str, Any], label: str) -> Iterator[None]:
    """Say in the place of a result why it is not there, and go on."""
    try:
        yield
    except HemblipError as error:
        written[label] = f"n/a ({error})"


def _varied(table: pd.DataFrame) -> pd.DataFrame:
    """A few cells of as many types as there are."""
    turn = table.groupby(f"{TRUE_PREFIX}cell_type", dropna=False).cumcount()
    chosen = turn.sort_values(kind="stable").index[:DRAWN_CELLS]
    return table.loc[chosen].sort_values([f"{TRUE_PREFIX}diagnosis", f"{TRUE_PREFIX}cell_type"], na_position="last")
