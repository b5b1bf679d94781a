"""Settings that cannot work, found before anything is made of them."""

import os
from collections.abc import Iterator
from dataclasses import is_dataclass
from importlib import import_module
from inspect import signature
from pathlib import PurePath

import torch
from jsonargparse import Namespace

from hemblip.cli.help import CHOSEN, GROUPS
from hemblip.errors import CheckpointError, ConfigError, check_range
from hemblip.models.blip import COMPACT
from hemblip.models.chat import NOTHING_TO_TRAIN
from hemblip.morphology import KEYS

RANGES: dict[str, dict[str, float]] = {
    "seed_everything": {"at_least": 0, "at_most": 2**32 - 1},
    "trainer.check_val_every_n_epoch": {"at_least": 1},
    "trainer.gradient_clip_val": {"at_least": 0},
    "trainer.max_epochs": {"at_least": -1},
    "trainer.max_steps": {"at_least": -1},
    "trainer.num_nodes": {"at_least": 1},
    "trainer.accumulate_grad_batches": {"at_least": 1},
    "trainer.log_every_n_steps": {"at_least": 0},
    "trainer.val_check_interval": {"above": 0},
    "trainer.limit_train_batches": {"above": 0},
    **{f"trainer.limit_{part}_batches": {"at_least": 0} for part in ("val", "test", "predict")},
    "early_stopping.patience": {"at_least": 0},
}
"""Of Lightning's settings that it takes at any value, or refuses without a name."""

SPANS = {"weeks", "days", "hours", "minutes", "seconds"}
"""Of a time."""

COPYING = ("spawn", "fork", "notebook")
"""In names of Lightning's strategies that copy this process, and with it loaders and locks that cannot be copied."""

BEST_NAME = "best"
"""Of the checkpoint with the best weights."""

KEPT = {
    "filename": BEST_NAME,
    "dirpath": None,
    "save_top_k": 1,
    "save_last": None,
    "every_n_train_steps": None,
    "train_time_interval": None,
}
"""Settings of Lightning's checkpoints that would leave a run without its best weights or the point to resume from."""

LOSS = "val_loss"

LONGEST_NAME = 120
"""Letters of a run's name: file systems end at 255 bytes, and tables have to show it."""

SCORES = ("val_bleu", "val_rouge_l", "val_accuracy", *(f"val_accuracy_{key}" for key in KEYS))
"""Of the validation sample: what can be monitored beside the loss."""


def check_settings(command: str, config: Namespace) -> None:
    """Check what no constructor sees alone.

    Args:
        command: fit, validate, test or predict.
        config: its settings.

    Raises:
        CheckpointError: a captioner that must be trained first has no checkpoint.
        ConfigError: a value is out of its range, or does not go with another one.
    """
    for section in (*GROUPS, *_inner_groups(config)):
        if not isinstance(value := config.get(section), Namespace):
            raise ConfigError(f"{section} is {value!r}; it is a group of settings: leave it out, or give some of them")
    for setting, bounds in RANGES.items():
        if isinstance(value := config.get(setting), int | float):
            check_range(setting, value, **bounds)
    if isinstance(span := config.trainer.max_time, dict) and (odd := sorted(set(map(str, span)) - SPANS)):
        raise ConfigError(f"trainer.max_time has '{odd[0]}'; it has {', '.join(sorted(SPANS))}, or is DD:HH:MM:SS")
    check_name(config.name)
    _check_wandb(config)
    _check_devices(config.trainer.accelerator, config.trainer.devices)
    if any(kind in str(config.trainer.strategy) for kind in COPYING):
        raise ConfigError(f"trainer.strategy is {config.trainer.strategy}; use ddp, whose processes start on their own")
    if command == "fit":
        _check_training(config)
    elif config.ckpt_path is None:
        _check_untrained(config)


def _inner_groups(config: Namespace) -> Iterator[str]:
    """Name the arguments of the captioner's and the cells' class that have settings of their own, as `decoding`."""
    for section in CHOSEN:
        module, _, name = config[section].class_path.rpartition(".")
        for argument, known in signature(getattr(import_module(module), name)).parameters.items():
            if is_dataclass(known.default) and argument in config[section].init_args:
                yield f"{section}.init_args.{argument}"


def check_name(given: str) -> None:
    """Check the name of a run.

    Raises:
        ConfigError: it is no folder below `runs`, too long, or holds letters that do not print.
    """
    name = PurePath(given)
    if not name.parts or name.is_absolute() or ".." in name.parts or not given.isprintable():
        raise ConfigError(f"name is {given!r}; results go to runs/<name>, so give the name of a folder below runs")
    if len(given) > LONGEST_NAME:
        raise ConfigError(f"name has {len(given)} letters; it has {LONGEST_NAME} at most")


def _check_wandb(config: Namespace) -> None:
    """Check what W&B is to call a project and a group; W&B itself takes groups that do not print."""
    for setting, without in (("wandb", "/\\#?%:"), ("group", "")):
        given = config.get(setting) or ""
        if not given.isprintable() or len(given) > LONGEST_NAME or set(given) & set(without):
            told = f", none of {' '.join(without)}" if without else ""
            raise ConfigError(f"{setting} is {given!r}; W&B gets {LONGEST_NAME} letters at most that print{told}")


def _check_devices(accelerator: str | object, devices: object) -> None:
    """Refuse more processes than there are processors or GPUs: each is started, and waits for those that cannot be."""
    gpus = torch.cuda.device_count()
    if accelerator in ("gpu", "cuda") and not gpus:
        raise ConfigError(f"trainer.accelerator is {accelerator}, and this machine has no GPU that torch sees; use cpu")
    on_cpu = accelerator == "cpu" or (accelerator == "auto" and not gpus and not torch.backends.mps.is_available())
    if on_cpu and str(devices) != "auto":
        there = os.cpu_count() or 1
        if not str(devices).isdigit() or not 1 <= int(str(devices)) <= there:
            raise ConfigError(f"trainer.devices is {devices}; on a CPU it is a number of processes, 1 to {there}")


def _check_training(config: Namespace) -> None:
    if config.model.init_args.get("adaptation") == "base":
        raise ConfigError(NOTHING_TO_TRAIN)
    if config.trainer.enable_checkpointing is False:
        raise ConfigError("trainer.enable_checkpointing is false; a run keeps its best weights, so leave it out")
    kept = "a run keeps the best weights of its validations in checkpoints/best.ckpt, so leave it out"
    for name, usual in KEPT.items():
        if ((value := config.checkpoint[name]) or None) != usual:
            raise ConfigError(f"checkpoint.{name} is {value!r}; {kept}")
    epochs, every = config.trainer.max_epochs, config.checkpoint.every_n_epochs
    never = epochs is not None and every is not None and 0 <= epochs < every > 1
    if never or (every is not None and every < 1):
        raise ConfigError(f"checkpoint.every_n_epochs is {every}, trainer.max_epochs {epochs}; {kept}")
    logged = (LOSS, *SCORES) if config.evaluation.validation_cells else (LOSS,)
    for setting in ("early_stopping.monitor", "checkpoint.monitor"):
        if config[setting] not in (*logged, None):
            raise ConfigError(f"{setting} is '{config[setting]}'; validation logs {', '.join(logged)}")


def without_validation(config: Namespace) -> str | None:
    """Say why a training would never validate; None if it does."""
    trainer = config.trainer
    if trainer.limit_val_batches == 0:
        return "trainer.limit_val_batches is 0"
    epochs, every = trainer.max_epochs, trainer.check_val_every_n_epoch
    if epochs is not None and every is not None and 0 <= epochs < every:
        return f"trainer.check_val_every_n_epoch is {every}, trainer.max_epochs {epochs}"
    return None


def _check_untrained(config: Namespace) -> None:
    """Without a checkpoint only published weights can describe a cell."""
    settings = config.model.init_args
    untrained = {
        "its weights are random": settings.get("pretrained") == COMPACT,
        "its adapters are untrained": settings.get("adaptation") == "lora",
    }
    for reason, holds in untrained.items():
        if holds:
            example = f"runs/{config.name}/version_0/checkpoints/best.ckpt"
            raise CheckpointError(
                f"no --ckpt_path, and {config.model.class_path} must be trained first: {reason}; give the checkpoint "
                f"of a run, like {example}"
            )
