"""LightningCLI with HemBLIP's run folders: `runs/<name>/version_<n>/`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.loggers import CSVLogger, Logger, WandbLogger

from hemblip.callbacks import CaptionEvaluation
from hemblip.data.datamodules import CellDataModule, UnlabelledCells
from hemblip.models.captioner import Captioner
from hemblip.predictions import write_captions
from hemblip.runs import checkpoint_run, new_run


class HemblipTrainer(L.Trainer):
    """Lightning's trainer, whose `predict` takes images."""

    def predict(  # type: ignore[override]
        self,
        model: L.LightningModule | None = None,
        datamodule: CellDataModule | None = None,
        images: str | None = None,
        output: str = "captions.csv",
        ckpt_path: str | None = None,
    ) -> None:
        """Describe cells and write captions and the attributes that they state as a table.

        Args:
            model: the captioner.
            datamodule: gives image size, crop and batch size; its own cells are described if `images` is left out.
            images: folder of images, or a manifest (Parquet or CSV with the columns `cell_id` and `image`).
            output: table to write, `.csv` or `.parquet`.
            ckpt_path: checkpoint to describe with.
        """
        assert datamodule is not None
        cells = datamodule if images is None else UnlabelledCells.like(datamodule, images)
        batches = super().predict(model, datamodule=cells, ckpt_path=ckpt_path)
        write_captions([row for batch in batches or [] for row in batch], cells.manifest, Path(output))


class SaveRunConfig(SaveConfigCallback):
    """Write `config.yaml` when a run is made; testing a trained run leaves its config alone."""

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Save where there is none."""
        if stage in ("fit", "test") and not Path(str(trainer.log_dir), "config.yaml").exists():
            super().setup(trainer, pl_module, stage)


class HemblipCLI(LightningCLI):
    """`fit`, `validate`, `test` and `predict` for any captioner and any cells.

    The config and the command line decide every setting: a checkpoint holds weights and training state, no settings.

    Args:
        args: words of the command line.
    """

    def __init__(self, args: Sequence[str]) -> None:
        strict = {"exit_on_error": False}
        super().__init__(
            Captioner,
            CellDataModule,
            save_config_callback=SaveRunConfig,
            trainer_class=HemblipTrainer,
            subclass_mode_model=True,
            subclass_mode_data=True,
            parser_kwargs={**strict, **{name: strict for name in ("fit", "validate", "test", "predict")}},
            args=list(args),
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Settings beside trainer, model and data."""
        parser.add_argument("--name", default="run", help="Name of the run; results go to runs/<name>/version_<n>.")
        parser.add_argument("--wandb", type=str | None, default=None, help="W&B project to log to as well.")
        parser.add_argument(
            "--group", type=str | None, default=None, help="W&B group; the name of the run if left out."
        )
        parser.add_lightning_class_args(EarlyStopping, "early_stopping")
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        parser.add_lightning_class_args(CaptionEvaluation, "evaluation")
        parser.set_defaults(
            {
                "early_stopping.monitor": "val_loss",
                "early_stopping.patience": 5,
                "checkpoint.monitor": "val_loss",
                "checkpoint.filename": "best",
                "checkpoint.save_last": True,
                "checkpoint.enable_version_counter": False,
                "trainer.use_distributed_sampler": False,  # our batches know their rank
            }
        )

    def before_instantiate_classes(self) -> None:
        """Choose the run folder: a new one to train, that of the checkpoint otherwise."""
        config = self.config[self.subcommand]
        self.folder = (
            new_run(config.name) if self.subcommand == "fit" else checkpoint_run(config.ckpt_path, config.name)
        )

    def instantiate_trainer(self, **kwargs: Any) -> L.Trainer:
        """Make a trainer that logs and saves into the run folder."""
        settings: dict[str, Any] = {"logger": False, "default_root_dir": str(self.folder)}
        if self.subcommand == "fit":
            settings["logger"] = self._loggers()
        return super().instantiate_trainer(**settings, **kwargs)

    def _loggers(self) -> list[Logger]:
        """CSV first, because it names the run folder; then what the config asks for."""
        config = self.config_init[self.subcommand]
        loggers: list[Logger] = [CSVLogger(self.folder.parents[1], self.folder.parent.name, self.folder.name)]
        if config.wandb:
            group = config.name if config.group is None else config.group
            self.folder.mkdir(parents=True, exist_ok=True)
            loggers.append(WandbLogger(project=config.wandb, name=str(self.folder), group=group, save_dir=self.folder))
        asked = config.trainer.logger
        return loggers + ([asked] if isinstance(asked, Logger) else asked if isinstance(asked, list) else [])
