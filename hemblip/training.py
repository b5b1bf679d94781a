"""LightningCLI with HemBLIP's run folders: `runs/<name>/version_<n>/`."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import pandas as pd
import yaml
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.loggers import CSVLogger, Logger, WandbLogger

from hemblip.callbacks import CaptionEvaluation, ResumePoint, RunSummary
from hemblip.data.datamodules import CellDataModule
from hemblip.data.unlabelled import UnlabelledCells
from hemblip.errors import ConfigError
from hemblip.models.captioner import Captioner
from hemblip.models.checkpoints import read_checkpoint
from hemblip.models.medgemma import NOTHING_TO_TRAIN
from hemblip.predictions import write_captions
from hemblip.runs import RESUME_POINT, checkpoint_run, new_run, resumed_run


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
        batches = super().predict(model, datamodule=cells, ckpt_path=ckpt_path, weights_only=True)
        write_captions([row for batch in batches or [] for row in batch], cells.manifest, Path(output))


class SaveRunConfig(SaveConfigCallback):
    """Write `config.yaml` when a run is made; testing a trained run leaves its config alone."""

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Save what trains, and what is tested without a run of its own."""
        self.overwrite = stage == "fit"
        if stage == "fit" or (stage == "test" and not Path(trainer.default_root_dir, "config.yaml").exists()):
            super().setup(trainer, pl_module, stage)

    def save_config(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Show the settings in W&B too."""
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                settings = yaml.safe_load(self.parser.dump(self.config, skip_none=False))
                logger.experiment.config.update(settings, allow_val_change=True)


class HemblipCLI(LightningCLI):
    """`fit`, `validate`, `test` and `predict` for any captioner and any cells.

    The config and the command line decide every setting: a checkpoint holds weights and training state, no settings.

    Args:
        args: words of the command line.
        examples: subcommand -> the last line of its help.
    """

    def __init__(self, args: Sequence[str], examples: Mapping[str, str]) -> None:
        strict = {"exit_on_error": False, "allow_abbrev": False}
        super().__init__(
            Captioner,
            CellDataModule,
            save_config_callback=SaveRunConfig,
            trainer_class=HemblipTrainer,
            seed_everything_default=0,
            subclass_mode_model=True,
            subclass_mode_data=True,
            parser_kwargs={**strict, **{name: {**strict, "epilog": line} for name, line in examples.items()}},
            args=list(args),
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Settings beside trainer, model and data."""
        parser.add_argument("--name", default="run", help="Name of the run; results go to runs/<name>/version_<n>.")
        parser.add_argument(
            "--resume", type=bool, default=False, help="Go on with the newest run of that name, if there is one."
        )
        parser.add_argument("--wandb", type=str | None, default=None, help="W&B project to log to as well.")
        parser.add_argument(
            "--group", type=str | None, default=None, help="W&B group; the name of the run if left out."
        )
        parser.add_lightning_class_args(EarlyStopping, "early_stopping")
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        parser.add_lightning_class_args(CaptionEvaluation, "evaluation")
        parser.add_lightning_class_args(ResumePoint, "resume_point")
        parser.set_defaults(
            {
                "early_stopping.monitor": "val_loss",
                "early_stopping.patience": 5,
                "checkpoint.monitor": "val_loss",
                "checkpoint.filename": "best",
                "checkpoint.save_weights_only": True,  # training goes on from the resume point
                "checkpoint.enable_version_counter": False,
                "trainer.use_distributed_sampler": False,  # our batches know their rank
                "trainer.enable_model_summary": False,  # `TrainableParameters` says more
            }
        )

    def _parse_ckpt_path(self) -> None:
        """Take no settings from checkpoints."""

    def before_instantiate_classes(self) -> None:
        """Choose the run folder: a new one or the one to go on with to train, that of the checkpoint otherwise."""
        config = self.config[self.subcommand]
        if self.subcommand == "fit" and config.model.init_args.get("adaptation") == "base":
            raise ConfigError(NOTHING_TO_TRAIN)
        if self.subcommand != "fit":
            self.folder = checkpoint_run(config.ckpt_path, config.name)
        elif config.resume:
            self.folder = resumed_run(config.name)
            if (self.folder / RESUME_POINT).is_file():
                config.ckpt_path = str(self.folder / RESUME_POINT)
        else:
            self.folder = new_run(config.name)
        for setting, value in (("weights_only", True), ("verbose", False)):  # our tables say more than Lightning's
            if setting in config:
                config[setting] = value
        if config.ckpt_path is not None:
            read_checkpoint(config.ckpt_path)

    def instantiate_trainer(self, **kwargs: Any) -> L.Trainer:
        """Make a trainer that logs and saves into the run folder."""
        settings: dict[str, Any] = {"logger": False, "default_root_dir": str(self.folder)}
        if self.subcommand == "fit":
            settings["logger"] = self._loggers()
            self.trainer_defaults["callbacks"] = [RunSummary()]
        elif self.subcommand == "test":
            settings["logger"] = self._wandb_loggers()
        return super().instantiate_trainer(**settings, **kwargs)

    def _loggers(self) -> list[Logger]:
        """CSV first, because it names the run folder; then what the config asks for."""
        config = self.config_init[self.subcommand]
        loggers = [self._csv_logger(config.ckpt_path), *self._wandb_loggers()]
        asked = config.trainer.logger
        return loggers + ([asked] if isinstance(asked, Logger) else asked if isinstance(asked, list) else [])

    def _wandb_loggers(self) -> list[Logger]:
        """One W&B run a folder: a resumed run goes on with its curves, and tests are shown beside them."""
        config = self.config_init[self.subcommand]
        if not config.wandb:
            return []
        self.folder.mkdir(parents=True, exist_ok=True)
        number = hashlib.sha256(str(self.folder.absolute()).encode()).hexdigest()[:12]
        return [
            WandbLogger(
                project=config.wandb,
                name=str(self.folder),
                group=config.name if config.group is None else config.group,
                save_dir=self.folder,
                id=os.environ.get("WANDB_RUN_ID", number),  # a sweep's agent chooses it
                resume="allow",
            )
        ]

    def _csv_logger(self, checkpoint: str | None) -> CSVLogger:
        """Log to `metrics.csv`; a resumed run keeps the rows from before its checkpoint."""
        logger = CSVLogger(self.folder.parents[1], self.folder.parent.name, self.folder.name)
        path = self.folder / "metrics.csv"
        if checkpoint is not None and path.is_file():
            kept = pd.read_csv(path, dtype=str)  # as written, to the last digit
            kept = kept[kept["step"].astype(int) < read_checkpoint(checkpoint)["global_step"]]
            logger.experiment.metrics = [row.dropna().to_dict() for _, row in kept.iterrows()]
        return logger
