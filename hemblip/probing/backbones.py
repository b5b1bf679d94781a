"""Where frozen embeddings come from: the base class, random projections, and any timm model."""

import hashlib
from abc import ABC, abstractmethod
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn import functional

from hemblip.errors import ConfigError, ModelAccessError


class Backbone(ABC):
    """Turns images into embeddings; nothing in it is trained.

    Args:
        name: as the table names it.
        image_size: side of its square input in pixels.
    """

    def __init__(self, name: str, image_size: int) -> None:
        self.name = name
        self.image_size = image_size

    @abstractmethod
    def encode(self, images: Tensor) -> Tensor:
        """Embed uint8 images (B, 3, image_size, image_size) as (B, D)."""

    def embed(self, images: Tensor) -> Tensor:
        """Embed images of any square size.

        Args:
            images: uint8 (B, 3, H, W), RGB.

        Returns:
            float32 (B, D) on the CPU.
        """
        if images.shape[-2:] != (self.image_size, self.image_size):
            size = (self.image_size, self.image_size)
            resized = functional.interpolate(images.float(), size, mode="bilinear", antialias=True)
            images = resized.round().clamp(0, 255).to(torch.uint8)
        with torch.no_grad():
            return self.encode(images).float().cpu()

    def key(self) -> str:
        """Name what the backbone computes, by its answers to fixed images: other weights give another key."""
        noise = torch.Generator().manual_seed(0)
        images = torch.randint(0, 256, (2, 3, self.image_size, self.image_size), dtype=torch.uint8, generator=noise)
        answers = self.embed(images).numpy()
        return hashlib.sha256(f"{type(self).__name__} {self.image_size} ".encode() + answers.tobytes()).hexdigest()[:16]


def best_device() -> torch.device:
    """The first GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class RandomProjection(Backbone):
    """Pixels times a fixed random matrix: what any encoder must beat.

    Args:
        name: as the table names it.
        width: size of the embedding.
        image_size: side in pixels to which images are reduced first.
        seed: of the matrix.
    """

    def __init__(self, name: str = "Random projection", width: int = 768, image_size: int = 64, seed: int = 0) -> None:
        super().__init__(name, image_size)
        pixels = 3 * image_size**2
        self.matrix = torch.randn(pixels, width, generator=torch.Generator().manual_seed(seed)) / pixels**0.5

    def encode(self, images: Tensor) -> Tensor:
        """Multiply the flattened pixels, in [-1, 1], by the matrix."""
        pixels: Tensor = images.flatten(1).float() / 127.5 - 1.0
        embeddings: Tensor = pixels @ self.matrix
        return embeddings


def _not_loaded(network: nn.Module, drawn: nn.Module) -> str | None:
    """Name a weight of `network` that is still as in its twin `drawn` at random; None if all were loaded."""
    for (name, weight), twin in zip(network.named_parameters(), drawn.parameters(), strict=True):
        if weight.ndim > 1 and weight.detach().std() > 0 and torch.equal(weight, twin):
            return name
    return None


class TimmEncoder(Backbone):
    """Any image model of timm (optional extra), with published or local weights such as DINO's.

    Args:
        model: name in timm, for example `vit_small_patch16_224.dino` or `vit_giant_patch14_dinov2.lvd142m`.
        weights: local file (safetensors or a state dict) instead of a download, for example DinoBloom's.
        name: as the table names it; the model's name if left out.
        image_size: side in pixels; the model's own if left out.

    Raises:
        ConfigError: timm or the file is not there.
        ModelAccessError: the weights cannot be had, are damaged, or are another model's.
    """

    def __init__(
        self, model: str, weights: str | None = None, name: str | None = None, image_size: int | None = None
    ) -> None:
        try:
            import timm
        except ImportError as error:
            raise ConfigError(
                f"backbone {model}: needs timm; install it with `pip install 'hemblip[probing]'`"
            ) from error
        if weights is not None and not Path(weights).is_file():
            raise ConfigError(f"backbone {model}: no file {weights}; correct `weights`")

        def build(pretrained: bool, **settings: Any) -> nn.Module:
            if pretrained and weights is not None:
                settings["pretrained_cfg_overlay"] = {"file": weights}  # position embeddings are fitted to image_size
            with torch.random.fork_rng():
                torch.manual_seed(0)  # so that what is not loaded is the same twice
                network: nn.Module = timm.create_model(model, pretrained=pretrained, num_classes=0, **settings)
            return network

        settings = {} if image_size is None else {"img_size": image_size}
        try:
            try:
                network, drawn = build(True, **settings), build(False, **settings)
            except TypeError:  # convolutional networks have no such setting and take any size
                network, drawn = build(True), build(False)
        except (KeyError, OSError, RuntimeError, SafetensorError, UnpicklingError) as error:
            reason = " ".join(str(error).split())[:200]
            fix = "correct `weights`" if weights else "give a local file as `weights`, or connect once"
            raise ModelAccessError(f"backbone {model}: {weights or 'it'} cannot be loaded ({reason}); {fix}") from error
        if (random := _not_loaded(network, drawn)) is not None:
            raise ModelAccessError(
                f"backbone {model}: {weights or 'its weights'} lack {random}, which would stay random; give its own"
            )
        config = timm.data.resolve_model_data_config(network)
        self.network = network.to(best_device()).eval()
        self.mean = torch.tensor(config["mean"]).view(1, 3, 1, 1)
        self.deviation = torch.tensor(config["std"]).view(1, 3, 1, 1)
        super().__init__(name or model, image_size or config["input_size"][-1])

    def encode(self, images: Tensor) -> Tensor:
        """Embed by the model's pooled features."""
        pixels = (images.float() / 255 - self.mean) / self.deviation
        device = next(self.network.parameters()).device
        embedding: Tensor = self.network(pixels.to(device))
        return embedding
