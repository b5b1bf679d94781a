"""Image models of timm with published or local weights, DinoBloom's (Koch et al., MICCAI 2024) among them."""

import re
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from hemblip.errors import ConfigError, ModelAccessError

BACKBONE = "backbone."
"""Before the names of an encoder's weights in DINOv2's own training checkpoints; the heads' names lack it."""

CHUNK = re.compile(r"^blocks\.\d+\.(\d+)\.")
"""DINOv2 trains blocks in chunks, whose numbers come first."""


def check_timm(what: str) -> None:
    """Look for timm.

    Args:
        what: names what needs it in the message.

    Raises:
        ConfigError: it is not installed, or its torchvision was built for another torch.
    """
    try:
        import timm  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"{what}: needs timm, which cannot be imported ({error}); install it with `pip install 'hemblip[probing]'`"
        ) from error
    except RuntimeError as error:  # an operator of torchvision's is missing
        raise ConfigError(
            f"{what}: timm cannot be imported ({error}); install the torchvision that was built for torch "
            f"{torch.__version__}, from where that came from"
        ) from error


def timm_network(model: str, weights: str | None, image_size: int | None, what: str) -> Any:
    """Build a model of timm without its classifier, with all of its weights loaded.

    Args:
        model: name in timm.
        weights: local file (safetensors, a state dict, or a training checkpoint of DINOv2's) instead of a download.
        image_size: side in pixels, to which position embeddings are fitted; None for the model's own.
        what: names the model in messages.

    Raises:
        ConfigError: timm or the file is not there.
        ModelAccessError: the weights cannot be had, are damaged, or are another model's.
    """
    check_timm(what)
    import timm

    if weights is not None and not Path(weights).is_file():
        raise ConfigError(f"{what}: no file {weights}; correct `weights`")

    def build(pretrained: bool, **settings: Any) -> nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(0)  # so that what is not loaded is the same twice
            network: nn.Module = timm.create_model(model, pretrained=pretrained, num_classes=0, **settings)
        return network

    size = {} if image_size is None else {"img_size": image_size}
    try:
        state = _read(weights)
        try:
            drawn = build(False, **size)
        except TypeError:  # convolutional networks have no such setting and take any size
            size, drawn = {}, build(False)
        registers = getattr(drawn, "reg_token", None) is not None
        if "mask_token" in state and registers != ("register_tokens" in state):
            has, fix = ("no registers", "without") if registers else ("registers", "with")
            raise ValueError(f"it has {has}; take the model of that name {fix} `_reg4_` in it")
        network = build(True, **size, **({"pretrained_cfg_overlay": {"state_dict": state}} if state else {}))
    except (KeyError, OSError, RuntimeError, SafetensorError, UnpicklingError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        fix = "correct `weights`" if weights else "give a local file as `weights`, or connect once"
        raise ModelAccessError(f"{what}: {weights or 'it'} cannot be loaded ({reason}); {fix}") from error
    if (random := _not_loaded(network, drawn)) is not None:
        raise ModelAccessError(
            f"{what}: {weights or 'its weights'} lack {random}, which would stay random; give its own"
        )
    return network


def normalisation(network: nn.Module) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of RGB, in [0, 1], that a model of timm was trained with."""
    import timm

    config = timm.data.resolve_model_data_config(network)
    return list(config["mean"]), list(config["std"])


def _read(path: str | None) -> dict[str, Tensor]:
    """Read the weights of a file by the names that timm knows; nothing without one."""
    if path is None:
        return {}
    content = load_file(path) if path.endswith(".safetensors") else torch.load(path, "cpu", weights_only=True)
    for entry in ("teacher", "state_dict_ema", "model_ema", "state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(entry), Mapping):
            content = content[entry]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise ValueError("it holds no weights by name")
    names = {name.removeprefix("module."): value for name, value in content.items()}
    if not any(name.startswith(BACKBONE) for name in names):
        return names
    own = {name.removeprefix(BACKBONE): value for name, value in names.items() if name.startswith(BACKBONE)}
    own = {CHUNK.sub(r"blocks.\1.", name): value for name, value in own.items()}
    own.setdefault("mask_token", torch.zeros(1, 1))  # by which timm knows DINOv2's names; it is not used
    return own


def _not_loaded(network: nn.Module, drawn: nn.Module) -> str | None:
    """Name a weight of `network` that is still as in its twin `drawn` at random; None if all were loaded."""
    for (name, weight), twin in zip(network.named_parameters(), drawn.parameters(), strict=True):
        if weight.ndim > 1 and weight.detach().std() > 0 and torch.equal(weight, twin):
            return name
    return None
