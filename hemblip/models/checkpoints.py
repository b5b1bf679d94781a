"""What a checkpoint holds and whose it is: all weights, or what was trained beside a named base model."""

import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from hemblip.errors import CheckpointError
from hemblip.models.sharding import finite, whole
from hemblip.results import digest

if TYPE_CHECKING:
    from hemblip.models.captioner import Captioner

TRAINING = ("global_step", "loops", "optimizer_states", "lr_schedulers")
"""Entries of a checkpoint from which training goes on."""

IDENTITY = "hemblip"
"""Entry of a checkpoint that says which model it belongs to."""


def identity(captioner: "Captioner") -> dict[str, str | None]:
    """Name the captioner's class, base model, its revision, the adaptation, and weights of an encoder of one's own."""
    named = {
        "captioner": type(captioner).__name__,
        "pretrained": captioner.pretrained,
        "revision": captioner.revision,
        "adaptation": captioner.adaptation,
    }
    return named | ({"vision": captioner.vision_key} if captioner.vision_key else {})


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
            another shape, or not finite.
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
    if not finite(weights.values()):
        raise CheckpointError("the checkpoint holds weights that are not finite numbers; train it again")


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Open a checkpoint without reading its weights into memory and without running code that it might hold.

    Raises:
        CheckpointError: it is missing or unreadable, or no checkpoint of Lightning's.
    """
    if not Path(path).is_file():
        raise CheckpointError(f"{path}: no such checkpoint; `fit` writes them to runs/<name>/<version>/checkpoints")
    if not zipfile.is_zipfile(path):
        raise CheckpointError(f"{path}: not a readable checkpoint (torch did not write it, or it is cut)")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except UnpicklingError as error:
        raise CheckpointError(
            f"{path}: not a readable checkpoint (it brings code of its own, which is not run)"
        ) from error
    except Exception as error:  # torch raises many kinds for torn files
        raise CheckpointError(f"{path}: not a readable checkpoint ({' '.join(str(error).split())[:150]})") from error
    if reason := _not_lightnings(checkpoint):
        raise CheckpointError(f"{path}: {reason}; give a checkpoint that `fit` wrote, or a folder that `export` wrote")
    return checkpoint  # type: ignore[no-any-return]


def check_whole(path: str | Path) -> None:
    """Compare a checkpoint with the checksums that are in it.

    Raises:
        CheckpointError: it is cut, overwritten, or a bit of it has changed.
    """
    try:
        with zipfile.ZipFile(path) as parts:
            damaged = parts.testzip()
    except Exception as error:  # zipfile raises many kinds for torn files
        raise CheckpointError(f"{path}: not a whole checkpoint ({error})") from error
    if damaged is not None:
        raise CheckpointError(f"{path}: not a whole checkpoint (the checksum of {damaged} is wrong)")


def check_resumable(path: Path) -> None:
    """Check that a checkpoint holds the state of training.

    Raises:
        CheckpointError: it holds weights only, or is none.
    """
    if missing := [name for name in TRAINING if name not in read_checkpoint(path)]:
        raise CheckpointError(f"{path}: holds weights without the state of training ({missing[0]} is missing)")


def _not_lightnings(content: Any) -> str:
    """Why what was read is no checkpoint of Lightning's, empty if it is one."""
    if not isinstance(content, Mapping):
        return f"holds a {type(content).__name__}, no checkpoint"
    weights = content.get("state_dict")
    if "pytorch-lightning_version" not in content:
        bare = content and all(isinstance(value, Tensor) for value in content.values())
        return "holds bare weights, no checkpoint of Lightning's" if bare else "is no checkpoint of Lightning's"
    if weights is not None and not (isinstance(weights, Mapping) and all(map(_is_weight, weights.items()))):
        return "its state_dict holds other things than weights"
    if not all(isinstance(content.get(name, {}), Mapping) for name in (IDENTITY, "callbacks")):
        return "is no checkpoint of HemBLIP's"
    return ""


def _is_weight(item: tuple[Any, Any]) -> bool:
    return isinstance(item[0], str) and isinstance(item[1], Tensor)


def load_weights(captioner: "Captioner", path: str | Path) -> None:
    """Put the weights of a training checkpoint into a captioner of the same settings.

    Raises:
        CheckpointError: the checkpoint is missing, unreadable, or of another model.
    """
    checkpoint = read_checkpoint(path)
    check_whole(path)
    try:
        captioner.on_load_checkpoint(checkpoint)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    captioner.load_state_dict(checkpoint["state_dict"], strict=False)  # compared just now, name by name


def weights_digest(checkpoint: str | Path | None) -> str | None:
    """Digest a checkpoint's bytes in 16 hexadecimal digits; None for the base model's own weights."""
    if checkpoint is None:
        return None
    path = Path(checkpoint).resolve()
    facts = path.stat()
    return _digest_of(path, facts.st_mtime_ns, facts.st_size)


@cache
def _digest_of(path: Path, modified: int, size: int) -> str:
    """Digest a file that stays as it is; one that is written again has another time."""
    return digest(path)[:16]
