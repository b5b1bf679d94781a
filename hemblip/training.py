"""LightningCLI with HemBLIP's run folders: `runs/<name>/version_<n>/`."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import lightning as L
import torch
import yaml
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.accelerators import Accelerator, CUDAAccelerator
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from hemblip.callbacks import CaptionEvaluation, ResumePoint, RunConfig, RunSummary
from hemblip.callbacks.run_config import changed_settings
from hemblip.data.datamodules import CellDataModule
from hemblip.data.unlabelled import UnlabelledCells
from hemblip.error_line import error_line
from hemblip.errors import ConfigError
from hemblip.loggers import csv_logger, wandb_logger
from hemblip.models.captioner import Captioner
from hemblip.models.checkpoints import read_checkpoint
from hemblip.predictions import captions_path, write_captions
from hemblip.ranks import gather
from hemblip.runs import RESUME_POINT, checkpoint_run, discard_empty, new_run, resumed_run
from hemblip.settings import check_settings


def run(words: Sequence[str], examples: Mapping[str, str]) -> None:
    """Run `fit`, `validate`, `test` or `predict`; see `HemblipCLI`.

    Raises:
        ConfigError: Lightning refuses a setting, or it takes more GPU memory than there is.
        HemblipError: what the command finds.
    """
    try:
        HemblipCLI(words, examples)
    except MisconfigurationException as error:
        raise ConfigError(str(error)) from error
    except torch.OutOfMemoryError as error:
        raise ConfigError(
            "GPU memory ran out; lower data.init_args.batch_size and raise trainer.accumulate_grad_batches by as much, "
            "or for MedGEMMA set model.init_args.gradient_checkpointing or quantize_4bit to true"
        ) from error


def usual_precision(accelerator: str | Accelerator) -> Literal["bf16-mixed", "32-true"]:
    """bfloat16 on a GPU, because float16 overflows in Gemma 3; float32 elsewhere, because CPUs are slow at less."""
    gpu = accelerator in ("auto", "gpu", "cuda") or isinstance(accelerator, CUDAAccelerator)
    return "bf16-mixed" if gpu and torch.cuda.is_available() else "32-true"


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
            images: image, folder of images, manifest, or another Parquet or CSV table with `cell_id` and `image`.
            output: table to write, `.csv` or `.parquet`.
            ckpt_path: checkpoint to describe with.
        """
        path = captions_path(output)
        assert datamodule is not None
        cells = datamodule if images is None else UnlabelledCells(images, like=datamodule)
        batches = super().predict(model, datamodule=cells, ckpt_path=ckpt_path, weights_only=True)
        rows = [row for ranks_batches in gather(batches or []) for batch in ranks_batches for row in batch]
        if self.is_global_zero:
            write_captions(rows, cells.manifest, path)


class HemblipCLI(LightningCLI):
    """`fit`, `validate`, `test` and `predict` for any captioner and any cells.

    The config and the command line decide every setting: a checkpoint holds weights and training state, no settings.

    Args:
        args: words of the command line.
        examples: subcommand -> words of an example, the last line of its help.
    """

    def __init__(self, args: Sequence[str], examples: Mapping[str, str]) -> None:
        strict = {"exit_on_error": False, "allow_abbrev": False}
        subcommands = {
            name: {
                **strict,
                "usage": f"python -m hemblip {name} --config CONFIG.yaml [--key value ...]",
                "epilog": f"example: python -m hemblip {name} {words}",
            }
            for name, words in examples.items()
        }
        try:
            super().__init__(
                Captioner,
                CellDataModule,
                save_config_callback=RunConfig,
                trainer_class=HemblipTrainer,
                seed_everything_default=0,
                subclass_mode_model=True,
                subclass_mode_data=True,
                parser_kwargs={"prog": "python -m hemblip", **strict, **subcommands},
                args=list(args),
            )
        finally:
            if hasattr(self, "folder"):
                discard_empty(self.folder)

    def setup_parser(self, *settings: Any) -> None:
        """In `--help`, what a command alone has comes before what all share: `--images` and `--output` of `predict`."""
        super().setup_parser(*settings)
        for command in self.subcommands():
            parser = self._parser(command)
            *shared, own = parser._action_groups
            parser._action_groups = [*shared[:2], own, *shared[2:]]  # after words without an option and general options

    def add_default_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Our own settings come first in `--help`."""
        parser.add_argument("--name", default="run", help="Name of the run; results go to runs/<name>/version_<n>.")
        parser.add_argument(
            "--resume", type=bool, default=False, help="Go on with the newest run of that name, if there is one."
        )
        parser.add_argument("--wandb", type=str | None, default=None, help="W&B project to log to as well.")
        parser.add_argument(
            "--group", type=str | None, default=None, help="W&B group; the name of the run if left out."
        )
        super().add_default_arguments_to_parser(parser)

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Callbacks that every run has."""
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

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Check the settings before anything is made of them."""
        super().parse_arguments(parser, args)
        check_settings(self.config.subcommand, self.config[self.config.subcommand])

    def _parse_ckpt_path(self) -> None:
        """Take no settings from checkpoints."""

    def before_instantiate_classes(self) -> None:
        """Choose the run folder: a new one or the one to go on with to train, that of the checkpoint otherwise."""
        config = self.config[self.subcommand]
        for setting, value in (("weights_only", True), ("verbose", False)):  # our tables say more than Lightning's
            if setting in config:
                config[setting] = value
        if self.subcommand != "fit":
            self.folder = checkpoint_run(config.ckpt_path, config.name, self._settings()["model"])
        elif config.resume:
            self.folder = resumed_run(config.name)
            if (self.folder / RESUME_POINT).is_file():
                config.ckpt_path = str(self.folder / RESUME_POINT)
                self._tell_changes()
        else:
            self.folder = new_run(config.name)
        if config.ckpt_path is not None:
            read_checkpoint(config.ckpt_path)
            taken = "weights and state of training" if self.subcommand == "fit" else "weights"
            rank_zero_only(print)(f"{taken} of {config.ckpt_path}, settings of config and command line")

    def _settings(self) -> dict[str, Any]:
        """Give the settings as `config.yaml` has them."""
        settings: dict[str, Any] = yaml.safe_load(
            self._parser(self.subcommand).dump(self.config[self.subcommand], skip_none=False)
        )
        return settings

    @rank_zero_only
    def _tell_changes(self) -> None:
        """Say which settings differ from those that the run was started with."""
        for line in changed_settings(self.folder, self._settings()):
            print(f"changed    {line}")

    def instantiate_classes(self) -> None:
        """Make captioner, cells and trainer.

        Raises:
            ConfigError: a constructor refuses a value, or needs a package for it.
        """
        try:
            super().instantiate_classes()
        except (ValueError, ModuleNotFoundError) as error:
            if error_line(error, []):
                raise
            raise ConfigError(str(error)) from error

    def instantiate_trainer(self, **kwargs: Any) -> L.Trainer:
        """Make a trainer that logs and saves into the run folder."""
        settings: dict[str, Any] = {"logger": False, "default_root_dir": str(self.folder)}
        asked = self.config_init[self.subcommand].trainer
        if asked.precision is None:
            settings["precision"] = usual_precision(asked.accelerator)
        if self.subcommand == "fit":
            settings["logger"] = self._loggers()
            self.trainer_defaults["callbacks"] = [RunSummary()]
        elif self.subcommand == "test":
            settings["logger"] = self._wandb_loggers()
        return super().instantiate_trainer(**settings, **kwargs)

    def _loggers(self) -> list[Logger]:
        """CSV first, because it names the run folder; then what the config asks for."""
        config = self.config_init[self.subcommand]
        asked = config.trainer.logger
        added = [asked] if isinstance(asked, Logger) else asked if isinstance(asked, list) else []
        return [csv_logger(self.folder, config.ckpt_path), *self._wandb_loggers(), *added]

    def _wandb_loggers(self) -> list[Logger]:
        config = self.config_init[self.subcommand]
        group = config.name if config.group is None else config.group
        return [wandb_logger(self.folder, config.wandb, group)] if config.wandb else []
