"""LightningCLI with HemBLIP's run folders: `runs/<name>/version_<n>/`."""

import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import lightning as L
import torch
import yaml
from jsonargparse import ArgumentParser, Namespace, get_loader, set_loader
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI
from lightning.pytorch.utilities import rank_zero_only

from hemblip.atomic import alone
from hemblip.callbacks import CaptionEvaluation, FamiliarCells, ResumePoint, RunConfig, RunReport, RunSummary, Stress
from hemblip.callbacks.provenance import Provenance
from hemblip.callbacks.resume_point import point_to_resume
from hemblip.callbacks.run_config import changed_settings
from hemblip.cli.config_files import option
from hemblip.cli.errors import error_line
from hemblip.cli.help import GONE, MOVED, own_settings
from hemblip.cli.loggers import fit_loggers, wandb_logger
from hemblip.cli.parser import Parser
from hemblip.cli.settings import BEST_NAME, check_settings, without_validation
from hemblip.cli.trainer import HemblipTrainer, usual_precision
from hemblip.data.conditions import conditions
from hemblip.data.datamodules import CellDataModule
from hemblip.errors import ConfigError
from hemblip.models.captioner import Captioner
from hemblip.models.checkpoints import check_whole, read_checkpoint
from hemblip.run import Run

_load_yaml = get_loader("yaml")


def run(words: Sequence[str], example: str) -> None:
    """Run `fit`, `validate`, `test` or `predict`.

    Args:
        words: of the command line, the command first.
        example: see `HemblipCLI`.

    Raises:
        ConfigError: Lightning refuses a setting, or it takes more GPU memory than there is.
        HemblipError: what the command finds.
    """
    try:
        HemblipCLI(_of_run(words), example)
    except MisconfigurationException as error:
        raise ConfigError(str(error)) from error
    except ValueError as error:
        if "val_check_interval" not in str(error):
            raise
        raise ConfigError(f"trainer.val_check_interval: {str(error).split('. If')[0]}; lower it") from error
    except torch.OutOfMemoryError as error:
        raise ConfigError(
            "GPU memory ran out; lower data.init_args.batch_size and raise trainer.accumulate_grad_batches by as much, "
            "or for MedGEMMA set model.init_args.gradient_checkpointing or quantize_4bit to true"
        ) from error


def _of_run(words: Sequence[str]) -> list[str]:
    """Let `--run` stand for the config and the weights of a run."""
    given, kept = option(_with_value(words, "--stress", "true"), "--run")
    if given is None:
        return kept
    if words[0] == "fit":
        raise ConfigError("--run is of validate, test and predict; fit goes on with --resume true")
    run = Run.meant(given)
    if run.exported:
        origin = "comes with HemBLIP" if run.shipped else "is an exported captioner"
        named = {word.split("=")[0] for word in kept}
        if words[0] != "predict" or "--images" not in named:
            raise ConfigError(f"--run {given}: it {origin}, to describe your cells: predict --images")
        if "--risk" in named:
            raise ConfigError(
                f"--risk: {given} {origin}, without the captions of validation cells that show how sure is sure "
                "enough; give a run of yours, or no risk"
            )
        settings = [f"--{section}={json.dumps(run.config[section])}" for section in ("model", "data")]
        return [kept[0], "--name", run.name, *settings, "--trainer.logger=false", *kept[1:]]
    weights = ["--ckpt_path", str(run.checkpoint)] if run.checkpoint else []
    return [kept[0], "--config", str(run.folder / "config.yaml"), "--name", run.name, *weights, *kept[1:]]


def _with_value(words: Sequence[str], name: str, value: str) -> list[str]:
    """Let an option stand alone for its usual value."""
    alone = [word == name and (not after or after.startswith("--")) for word, after in pairwise([*words, ""])]
    return [part for word, lacks in zip(words, alone, strict=True) for part in ([word, value] if lacks else [word])]


def _load_settings(text: str) -> Any:
    """Load YAML as jsonargparse does; settings that have moved are taken from their old place."""
    settings = _load_yaml(text)
    for name in GONE:
        if isinstance(settings, dict) and settings.get(name, "") is None:
            del settings[name]
    for (section, name), (new_section, new_name) in MOVED.items():
        if isinstance(settings, dict) and isinstance(given := settings.get(section), dict) and name in given:
            settings.setdefault(new_section, {}).setdefault(new_name, given.pop(name))
    return settings


class TrainerParser(Parser, LightningArgumentParser):
    """Of `fit`, `validate`, `test` and `predict`."""


class HemblipCLI(LightningCLI):
    """`fit`, `validate`, `test` and `predict` for any captioner and any cells.

    The config and the command line decide every setting: a checkpoint holds weights and training state, no settings.

    Args:
        args: words of the command line.
        example: words of one of the same command, the last line of its help.
    """

    def __init__(self, args: Sequence[str], example: str) -> None:
        self._command = args[0]
        strict = {"exit_on_error": False, "allow_abbrev": False}
        told = {
            "usage": f"python -m hemblip {self._command} --config CONFIG.yaml [--key value ...]",
            "epilog": f"example: python -m hemblip {self._command} {example}",
        }
        set_loader("yaml", _load_settings, (yaml.YAMLError,))
        self._alone = ExitStack()  # holds the run folder that is trained in
        try:
            super().__init__(
                Captioner,
                CellDataModule,
                save_config_callback=RunConfig,
                trainer_class=HemblipTrainer,
                parser_class=TrainerParser,
                seed_everything_default=0,
                subclass_mode_model=True,
                subclass_mode_data=True,
                auto_configure_optimizers=False,  # captioners have their own
                load_from_checkpoint_support=False,  # theirs too; Lightning's writes out all settings twice
                parser_kwargs={"prog": "python -m hemblip", **strict, self._command: {**strict, **told}},
                args=list(args),
            )
        except SystemExit as end:
            if isinstance(end.__context__, KeyboardInterrupt):
                raise KeyboardInterrupt(self._how_to_go_on()) from end
            raise
        finally:
            self._alone.close()
            if hasattr(self, "run"):
                self.run.discard_if_empty()

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]
        """Make a parser of the command that is asked for only: four of them take a second."""
        return {self._command: LightningCLI.subcommands()[self._command]}

    def setup_parser(self, *settings: Any) -> None:
        """In `--help`, what a command alone has comes before what all share: `--images` of `predict`."""
        super().setup_parser(*settings)
        parser = self._parser(self._command)
        *shared, own = parser._action_groups
        parser._action_groups = [*shared[:2], own, *shared[2:]]  # after words without an option and general options

    def add_default_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Our own settings come first in `--help`."""
        for setting in own_settings(self._command):
            parser.add_argument(f"--{setting.name}", type=setting.type, default=setting.value, help=setting.told)
        super().add_default_arguments_to_parser(parser)

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Callbacks that every run has."""
        parser.add_lightning_class_args(EarlyStopping, "early_stopping")
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        parser.add_lightning_class_args(CaptionEvaluation, "evaluation")
        parser.add_lightning_class_args(RunReport, "report")
        parser.add_lightning_class_args(ResumePoint, "resume_point")
        parser.set_defaults(
            {
                "early_stopping.monitor": "val_loss",
                "early_stopping.patience": 5,
                "checkpoint.monitor": "val_loss",
                "checkpoint.filename": BEST_NAME,
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
        if self.subcommand == "fit" and (reason := without_validation(config)):
            config.early_stopping.strict, config.checkpoint.monitor = False, None
            config.checkpoint.save_on_train_epoch_end = True
            told = "no early stopping, and best.ckpt holds the weights of the last epoch"
            rank_zero_only(print)(f"note: no validation ({reason}): {told}")
        if self.subcommand == "fit" and (config.trainer.max_steps > 0 or config.trainer.max_time is not None):
            config.early_stopping.strict = False  # training may end within an epoch, before its validation
        if self.subcommand != "fit":
            self.run = (
                Run.meant(config.ckpt_path, config.name)
                if config.ckpt_path is not None
                else Run.untrained(config.name, self._settings()["model"])
            )
            if config.ckpt_path is not None:
                trained = config.model.init_args.get("adaptation") != "base" or self.run.weights.is_file()
                config.ckpt_path = str(self.run.weights) if trained else None
        elif config.resume:
            self.run = Run.resume(config.name)
            self._keep_alone()
            if point := point_to_resume(self.run.folder):
                config.ckpt_path = str(point)
                self._tell_changes()
        else:
            self.run = Run.create(config.name)
            self._keep_alone()
        if config.ckpt_path is not None:
            read_checkpoint(config.ckpt_path)
            if self.subcommand != "fit":  # `point_to_resume` has checked that of training
                check_whole(config.ckpt_path)
            taken = "weights and state of training" if self.subcommand == "fit" else "weights"
            rank_zero_only(print)(f"{taken} of {config.ckpt_path}, settings of config and command line")

    def _how_to_go_on(self) -> str:
        """Say what an interrupted command leaves."""
        if self._command != "fit":
            of_run = self.run.rows_of("test").parent.glob("*.parts")
            parts = [Path(f"{self.config.predict.output}.parts")] if self._command == "predict" else of_run
            described = any(any(folder.glob("*.parquet")) for folder in parts)
            return "; what is described is kept, and the same command with --resume true goes on" if described else ""
        if not self.run.resume_point.exists():
            return "; nothing is saved yet"
        point = self.run.resume_point
        step = read_checkpoint(point)["global_step"]
        return f"; {point} holds step {step}, and the same command with --resume true goes on from it"

    @rank_zero_only
    def _keep_alone(self) -> None:
        """Let no second process train in the run folder until this one ends."""
        self._alone.enter_context(alone(self.run.folder / "run", wait=False))

    def _settings(self) -> dict[str, Any]:
        """Give the settings as `config.yaml` has them."""
        settings: dict[str, Any] = yaml.safe_load(
            self._parser(self.subcommand).dump(self.config[self.subcommand], skip_none=False)
        )
        return settings

    @rank_zero_only
    def _tell_changes(self) -> None:
        """Say which settings differ from those that the run was started with."""
        for line in changed_settings(self.run.folder, self._settings()):
            print(f"changed    {line}")

    def instantiate_classes(self) -> None:
        """Make captioner, cells and trainer; the first process reads the cells before anything is downloaded.

        Raises:
            ConfigError: a constructor refuses a value, or needs a package for it.
            DataError: the cells cannot be read.
        """
        try:
            read = self._read_cells()
            super().instantiate_classes()
            self.datamodule = read or self.datamodule
        except (ValueError, ModuleNotFoundError) as error:
            if error_line(error, []):
                raise
            raise ConfigError(str(error)) from error

    def _read_cells(self) -> L.LightningDataModule | None:
        """Read the cells, on the first process; `predict` has others."""
        if self.subcommand == "predict" or rank_zero_only.rank != 0:  # type: ignore[attr-defined]
            return None
        parser = ArgumentParser(exit_on_error=False)
        parser.add_subclass_arguments(CellDataModule, "data")
        settings = Namespace(data=self.config[self.subcommand].data)  # type: ignore[no-untyped-call]
        cells: L.LightningDataModule = parser.instantiate_classes(settings).data
        cells.prepare_data()
        cells.setup("fit" if self.subcommand == "fit" else "test")
        return cells

    def before_validate(self) -> None:
        """Say what would be asked, where that is all that is wanted."""
        self._plan_only("validate")

    def before_test(self) -> None:
        """Say what would be asked, where that is all that is wanted."""
        self._plan_only("test")

    def _plan_only(self, stage: str) -> None:
        """End a dry run of a captioner that has one.

        Raises:
            SystemExit: it is one.
        """
        if getattr(self.model, "dry_run", False):
            rank_zero_only(print)(self.model.plan(self.datamodule, stage))
            raise SystemExit(0)

    def instantiate_trainer(self, **kwargs: Any) -> L.Trainer:
        """Make a trainer that logs and saves into the run folder."""
        config = self.config_init[self.subcommand]
        settings: dict[str, Any] = {"logger": False, "default_root_dir": str(self.run.folder)}
        if config.trainer.precision is None:
            settings["precision"] = usual_precision(config.trainer.accelerator)
        if config.trainer.enable_progress_bar is None:
            settings["enable_progress_bar"] = sys.stderr.isatty()  # in a log, a bar is thousands of lines
        group = config.name if config.group is None else config.group
        if self.subcommand == "fit":
            settings["logger"] = fit_loggers(
                self.run.folder, config.ckpt_path, config.trainer.logger, config.wandb, group
            )
            self.trainer_defaults["callbacks"] = [Provenance(), RunSummary(lines=not sys.stderr.isatty())]
        elif self.subcommand == "test" and config.wandb:
            settings["logger"] = wandb_logger(self.run.folder, config.wandb, group)
        if self.subcommand == "validate":
            self.trainer_defaults["callbacks"] = [FamiliarCells(self.run.folder)]
        if self.subcommand == "test":
            asked = config.stress
            chosen = conditions(None if asked is True else asked) if asked is not False else []
            self.trainer_defaults["callbacks"] = [Stress(self.run.folder, chosen)]
        config.evaluation.write_to(self.run.folder, config.resume, config.force)
        trainer: HemblipTrainer = super().instantiate_trainer(**settings, **kwargs)  # type: ignore[assignment]
        trainer.go_on, trainer.force = config.resume, config.force
        trainer.described_with = None if self.subcommand == "fit" else config.ckpt_path
        return trainer
