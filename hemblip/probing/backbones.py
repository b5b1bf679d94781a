"""Where frozen embeddings come from: the base class, random projections, and any timm model."""

import hashlib
from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn import functional

from hemblip.models.timm_weights import normalisation, timm_network


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


class TimmEncoder(Backbone):
    """Any image model of timm (optional extra), with published or local weights such as DINO's.

    Args:
        model: name in timm, for example `vit_small_patch16_224.dino` or `vit_giant_patch14_dinov2.lvd142m`.
        weights: local file instead of a download (safetensors, a state dict, or a checkpoint as DinoBloom's).
        name: as the table names it; the model's name if left out.
        image_size: side in pixels; the model's own if left out.

    Raises:
        ConfigError: timm or the file is not there.
        ModelAccessError: the weights cannot be had, are damaged, or are another model's.
    """

    def __init__(
        self, model: str, weights: str | None = None, name: str | None = None, image_size: int | None = None
    ) -> None:
        network = timm_network(model, weights, image_size, f"backbone {model}")
        mean, deviation = normalisation(network)
        self.network = network.to(best_device()).eval()
        self.mean = torch.tensor(mean).view(1, 3, 1, 1)
        self.deviation = torch.tensor(deviation).view(1, 3, 1, 1)
        side: int = image_size or network.pretrained_cfg["input_size"][-1]
        super().__init__(name or model, side)

    def encode(self, images: Tensor) -> Tensor:
        """Embed by the model's pooled features."""
        pixels = (images.float() / 255 - self.mean) / self.deviation
        device = next(self.network.parameters()).device
        embedding: Tensor = self.network(pixels.to(device))
        return embedding
