"""A captioner as a run left it: its settings from `config.yaml`, its weights from a checkpoint."""

from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentError, ArgumentParser

from hemblip.errors import CheckpointError
from hemblip.models.captioner import Captioner
from hemblip.models.checkpoints import load_weights

BEST = Path("checkpoints", "best.ckpt")
"""Within a run folder: the weights with the best validation loss."""


def run_folder(run: str | Path) -> Path:
    """Give the run folder of a run folder or of one of its checkpoints."""
    path = Path(run)
    if path.suffix != ".ckpt":
        return path
    return path.parent.parent if path.parent.name == "checkpoints" else path.parent


def run_config(run: str | Path) -> dict[str, Any]:
    """Read the settings of a run.

    Args:
        run: run folder, or one of its checkpoints.

    Raises:
        CheckpointError: there are none, or they do not name a model.
    """
    path = run_folder(run) / "config.yaml"
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; give a run folder, such as runs/blip_lora/version_0")
    try:
        config = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path}: not readable as YAML ({' '.join(str(error).split())[:150]})") from error
    if not isinstance(config, dict) or not isinstance(config.get("model"), dict):
        raise CheckpointError(f"{path}: has no section `model`; give the folder of a run of `fit` or `test`")
    return config


def load_captioner(run: str | Path, **changed: Any) -> Captioner:
    """Build the captioner of a run with its weights, in evaluation mode on the CPU.

    Args:
        run: run folder, whose best checkpoint is taken, or a checkpoint in one.
        **changed: settings of the model that are not the run's.

    Raises:
        CheckpointError: the run has no config or no such checkpoint, or they do not belong together.
        ModelAccessError: the base model cannot be reached.
    """
    section = run_config(run)["model"]
    settings = {**section, "init_args": {**section.get("init_args", {}), **changed}}
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(Captioner, "model")
    try:
        parsed = parser.parse_object({"model": settings})
    except ArgumentError as error:
        reason = " ".join(str(error).split())[:300]
        raise CheckpointError(f"{run_folder(run) / 'config.yaml'}: its model cannot be built ({reason})") from error
    captioner: Captioner = parser.instantiate_classes(parsed).model
    checkpoint = Path(run) if Path(run).suffix == ".ckpt" else run_folder(run) / BEST
    # A model that is only tested has no checkpoint, and needs none.
    if captioner.adaptation != "base" or checkpoint.is_file():
        load_weights(captioner, checkpoint)
    return captioner.eval()
