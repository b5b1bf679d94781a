"""What a checkpoint holds and whose it is: all weights, or what was trained beside a named base model."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from hemblip.errors import CheckpointError
from hemblip.models.sharding import whole

if TYPE_CHECKING:
    from hemblip.models.captioner import Captioner

IDENTITY = "hemblip"
"""Entry of a checkpoint that says which model it belongs to."""


def identity(captioner: "Captioner") -> dict[str, str | None]:
    """Name the captioner's class, base model, its revision, and the adaptation."""
    return {
        "captioner": type(captioner).__name__,
        "pretrained": captioner.pretrained,
        "revision": captioner.revision,
        "adaptation": captioner.adaptation,
    }


def kept_weights(captioner: "Captioner") -> dict[str, Tensor]:
    """Give the weights that a checkpoint needs: all under `full`, otherwise those that train, tied ones once."""
    if captioner.adaptation == "full":
        kept = captioner.state_dict()
    else:
        kept = {name: weight.detach() for name, weight in captioner.named_parameters() if weight.requires_grad}
    return {name: whole(tensor) for name, tensor in kept.items()}


def check_checkpoint(checkpoint: Mapping[str, Any], captioner: "Captioner") -> None:
    """Compare a checkpoint with the captioner that is to take its weights.

    Raises:
        CheckpointError: another class, base model, revision or adaptation, or weights are missing, left over or of
            another shape.
    """
    recorded, wanted = checkpoint.get(IDENTITY), identity(captioner)
    for item, value in (recorded or {}).items():
        if value != wanted.get(item):
            raise CheckpointError(
                f"the checkpoint has {item} '{value}', the config asks for '{wanted.get(item)}'; use the config.yaml "
                "of the run that wrote it"
            )
    if "state_dict" not in checkpoint and any(isinstance(weight, DTensor) for weight in captioner.parameters()):
        return  # a strategy that shards has loaded and taken them already
    weights: Mapping[str, Tensor] = checkpoint.get("state_dict", {})
    expected = kept_weights(captioner)
    if recorded is None and captioner.adaptation != "full":
        raise CheckpointError("the checkpoint names no base model, so its adapters fit nothing; train it again")
    missing, left = sorted(expected.keys() - weights.keys()), sorted(weights.keys() - expected.keys())
    if missing or left:
        raise CheckpointError(
            f"the checkpoint lacks {len(missing)} of the model's weights and has {len(left)} that it does not know, "
            f"first: {(missing + left)[0]}; use the config.yaml of the run that wrote it"
        )
    for name, tensor in expected.items():
        if tensor.shape != weights[name].shape:
            raise CheckpointError(
                f"{name} is {tuple(weights[name].shape)} in the checkpoint but {tuple(tensor.shape)} in the model; use "
                "the config.yaml of the run that wrote it"
            )


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Open a checkpoint without reading its weights into memory and without running code that it might hold.

    Raises:
        CheckpointError: it is missing or unreadable.
    """
    if not Path(path).is_file():
        raise CheckpointError(f"{path}: no such checkpoint; `fit` writes them to runs/<name>/<version>/checkpoints")
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)  # type: ignore[no-any-return]
    except Exception as error:  # torch raises many kinds for torn files
        raise CheckpointError(f"{path}: not a readable checkpoint ({' '.join(str(error).split())[:150]})") from error


def load_weights(captioner: "Captioner", path: str | Path) -> None:
    """Put the weights of a training checkpoint into a captioner of the same settings.

    Raises:
        CheckpointError: the checkpoint is missing, unreadable, or of another model.
    """
    checkpoint = read_checkpoint(path)
    try:
        captioner.on_load_checkpoint(checkpoint)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    captioner.load_state_dict(checkpoint["state_dict"], strict=False)  # compared just now, name by name
