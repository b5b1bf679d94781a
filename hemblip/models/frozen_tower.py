"""The vision tower of a captioner as kept features need it: frozen, and told apart from every other one."""

import hashlib
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from hemblip.data.kept_features import FrozenTower
from hemblip.errors import ConfigError
from hemblip.models.checkpoints import identity

if TYPE_CHECKING:
    from hemblip.models.captioner import Captioner


def frozen_tower(captioner: "Captioner") -> FrozenTower:
    """Find the vision tower of a captioner that is about to train.

    Raises:
        ConfigError: it trains, it is spread over ranks, or the captioner encodes images within its own pass.
    """
    setting, kind = "data.init_args.kept_features", type(captioner).__name__
    if not captioner.takes_features:
        raise ConfigError(f"{setting}: {kind} encodes images within its own pass; leave it out")
    if captioner.device_mesh is not None:
        raise ConfigError(f"{setting}: weights are spread over ranks; set trainer.strategy to ddp or leave it out")
    precision = captioner.trainer.precision_plugin

    def encode(images: Tensor) -> Tensor:
        captioner.eval()
        with torch.no_grad(), precision.forward_context():
            features = captioner.encode(images.to(captioner.device))
        captioner.train()
        return features

    blank = torch.zeros(1, 3, captioner.image_size, captioner.image_size, dtype=torch.uint8, device=captioner.device)
    with torch.enable_grad(), precision.forward_context():
        called, probed = _called(captioner, blank)
    if probed.requires_grad:
        raise ConfigError(
            f"{setting}: the vision tower trains (adaptation: {captioner.adaptation}), so that its features change; "
            "leave it out, or set model.init_args.adaptation to lora"
        )
    key = (identity(captioner), _digest(captioner, called), str(captioner.trainer.precision))
    return FrozenTower(encode, (probed.shape[1], probed.shape[2]), probed.dtype, key)


def _called(captioner: "Captioner", images: Tensor) -> tuple[set[str], Tensor]:
    """Name the modules that take part when images are encoded, and give what comes out."""
    called: set[str] = set()

    def note(name: str) -> Any:
        return lambda *_: called.add(name)

    hooks = [module.register_forward_hook(note(name)) for name, module in captioner.named_modules() if name]
    try:
        return called, captioner.encode(images)
    finally:
        for hook in hooks:
            hook.remove()


def _digest(captioner: "Captioner", called: set[str]) -> str:
    """Digest the weights of modules."""
    outer = tuple(f"{name}." for name in called)
    digest = hashlib.sha256()
    for name, weight in sorted(captioner.state_dict().items()):
        if name.startswith(outer) and isinstance(weight, Tensor):
            digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
            digest.update(weight.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
