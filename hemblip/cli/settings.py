"""Settings that cannot work, found before anything is made of them."""

from pathlib import PurePath

from jsonargparse import Namespace

from hemblip.errors import CheckpointError, ConfigError, check_range
from hemblip.models.blip import COMPACT
from hemblip.models.medgemma import NOTHING_TO_TRAIN
from hemblip.morphology import KEYS

RANGES: dict[str, dict[str, float]] = {
    "seed_everything": {"at_least": 0, "at_most": 2**32 - 1},
    "trainer.check_val_every_n_epoch": {"at_least": 1},
    "trainer.gradient_clip_val": {"at_least": 0},
    "early_stopping.patience": {"at_least": 0},
}
"""Of Lightning's settings that it takes at any value, or refuses without a name."""

LOSS = "val_loss"

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
    for setting, bounds in RANGES.items():
        if config.get(setting) is not None:
            check_range(setting, config[setting], **bounds)
    name = PurePath(config.name)
    if not name.parts or name.is_absolute() or ".." in name.parts:
        raise ConfigError(
            f"name is '{config.name}'; results go to runs/<name>, so give the name of a folder below runs"
        )
    if command == "fit":
        _check_training(config)
    elif config.ckpt_path is None:
        _check_untrained(config)


def _check_training(config: Namespace) -> None:
    if config.model.init_args.get("adaptation") == "base":
        raise ConfigError(NOTHING_TO_TRAIN)
    logged = (LOSS, *SCORES) if config.evaluation.validation_cells else (LOSS,)
    for setting in ("early_stopping.monitor", "checkpoint.monitor"):
        if config[setting] not in (*logged, None):
            raise ConfigError(f"{setting} is '{config[setting]}'; validation logs {', '.join(logged)}")


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
