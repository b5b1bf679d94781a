"""Lightning's trainer, whose `predict` describes images, and the precision that it has unless told."""

from pathlib import Path
from typing import Any, Literal

import lightning as L
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.accelerators import Accelerator, CUDAAccelerator
from lightning.pytorch.utilities import rank_zero_only

from hemblip.callbacks.checkpoint_files import CheckpointFiles
from hemblip.callbacks.prediction_writer import PredictionWriter
from hemblip.data.datamodules import CellDataModule
from hemblip.data.unlabelled import UnlabelledCells
from hemblip.errors import ConfigError, check_range
from hemblip.metrics.abstention import fit_thresholds, promise
from hemblip.metrics.asked import with_better_confidence
from hemblip.models.captioner import Captioner
from hemblip.models.familiarity import Familiarity
from hemblip.models.validated import choices_of, validated_otherwise
from hemblip.reporting.sureness import kinds_told
from hemblip.run import Run


class HemblipTrainer(L.Trainer):
    """Lightning's trainer, whose checkpoints are always whole and whose `predict` takes images and writes a table."""

    go_on = False
    """Whether `predict` goes on with what a killed one has left."""

    force = False
    """Whether `predict` replaces a table that exists."""

    described_with: str | None = None
    """Checkpoint that `validate`, `test` and `predict` describe with."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if type(self.strategy.checkpoint_io) is TorchCheckpointIO:  # the user has not chosen another
            self.strategy.checkpoint_io = CheckpointFiles()

    def predict(  # type: ignore[override]
        self,
        model: L.LightningModule | None = None,
        datamodule: CellDataModule | None = None,
        images: str | None = None,
        output: str = "captions.csv",
        risk: float | None = None,
        ckpt_path: str | None = None,
        weights_only: bool | None = None,
    ) -> None:
        """Describe cells and write captions and the attributes that they state as a table.

        Args:
            model: the captioner.
            datamodule: gives image size, crop and batch size.
            images: image, folder of images, manifest, or another table (CSV, TSV, JSON Lines, Parquet) with a column
                `image`, and `cell_id` and boxes if cells need them: `bbox`, x, y, w, h or xmin, ymin, xmax, ymax.
            output: table to write, `.csv` or `.parquet`; or `.html`, a page with the cells as the model saw them.
            risk: leave out of captions what is not sure enough for at most this share of statements to be wrong, above
                0 and below 1, as the run's `validate` showed; None leaves captions as they are.
            ckpt_path: checkpoint to describe with, or a run folder.
            weights_only: so that the config of a run serves; a checkpoint's weights are all that is ever read.
        """
        if images is None:
            raise ConfigError("predict is told no cells; give --images: a picture, a folder of them, or a table")
        if Path(output).exists() and not self.force:
            raise ConfigError(f"--output {output}: exists already; give another name, or --force true to replace it")
        assert datamodule is not None and isinstance(model, Captioner)
        base, run = Run(model.pretrained), Run(self.default_root_dir)
        if ckpt_path is None and base.exported:
            run = base
            run.remind(model)
        model.choices, model.familiarity = choices_of(run, model, ckpt_path), Familiarity.read(run.folder)
        thresholds, told = (None, "") if risk is None else self._thresholds(risk, model, ckpt_path)
        if kinds := kinds_told(model.choices):
            rank_zero_only(print)(kinds)
            told = " ".join(filter(None, (told, kinds)))
        writer = PredictionWriter(output, thresholds, self.go_on, told, run.label)
        self.callbacks.append(writer)  # type: ignore[attr-defined]
        cells = UnlabelledCells(images, like=datamodule)
        if getattr(model, "dry_run", False):
            cells.setup()
            rank_zero_only(print)(model.plan(cells, "predict"))  # type: ignore[operator]
            return
        super().predict(model, datamodule=cells, return_predictions=False, ckpt_path=ckpt_path, weights_only=True)

    def _thresholds(
        self, risk: float, captioner: Captioner, checkpoint: str | Path | None
    ) -> tuple[dict[str, float | None], str]:
        """How sure each attribute must be, by the captions of the run's validation cells, and what that promises.

        Raises:
            ConfigError: `risk` is out of range, these captions are not there, or they were written with other weights
                or another decoding.
        """
        check_range("--risk", risk, above=0, below=1)
        run = Run(self.default_root_dir)
        if (rows := run.validation) is None:
            raise ConfigError(
                f"--risk {risk} needs {run.rows_of('val')}, which is not there; run `python -m hemblip validate` "
                "first, with the same checkpoint"
            )
        if other := validated_otherwise(run, captioner, checkpoint):
            raise ConfigError(
                f"--risk {risk}: {run.rows_of('val')} was written with other {other}, so that what it promises does "
                "not hold here; run `python -m hemblip validate` with the same ones first"
            )
        told = promise(rows, risk)
        rank_zero_only(print)(told)
        return fit_thresholds(with_better_confidence(rows, captioner.choices), risk), told


def usual_precision(accelerator: str | Accelerator) -> Literal["bf16-mixed", "32-true"]:
    """bfloat16 on a GPU, because float16 overflows in Gemma 3; float32 elsewhere, because CPUs are slow at less."""
    gpu = accelerator in ("auto", "gpu", "cuda") or isinstance(accelerator, CUDAAccelerator)
    return "bf16-mixed" if gpu and torch.cuda.is_available() else "32-true"
