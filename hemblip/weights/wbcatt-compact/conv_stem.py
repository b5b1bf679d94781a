"""BLIP with a convolutional stem in place of its patch embedding.

With a few thousand images, early convolutions generalise better and train faster than patches (Xiao et al., NeurIPS
2021). This file needs transformers only: an exported model takes a copy of it along.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from transformers import BlipConfig, BlipForConditionalGeneration, BlipForQuestionAnswering, BlipVisionConfig


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with a shortcut (He et al., 2016); the first block of a stage halves the resolution."""

    def __init__(self, inputs: int, outputs: int, halve: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride=2 if halve else 1, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        self.shortcut = (
            nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
            if halve
            else nn.Identity()
        )

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / 2, W / 2), or of the same size."""
        main = self.second_norm(self.second(self.first_norm(self.first(features)).relu()))
        changed: Tensor = (main + self.shortcut(features)).relu()
        return changed


class Stem(nn.Sequential):
    """Convolutions in place of a patch embedding: (B, 3, H, W) -> (B, D, H / patch, W / patch).

    Args:
        channels: of the stages; those after the first halve the resolution.
        stride: of the first stage, a convolution that sees its stride and as much around it.
        blocks: residual blocks of each stage after the first.
        width: D.
    """

    def __init__(self, channels: Sequence[int], stride: int, blocks: int, width: int) -> None:
        first, *further = channels
        super().__init__(
            nn.Conv2d(3, first, 2 * stride + 1, stride=stride, padding=stride, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(),
            *(
                block
                for inputs, outputs in zip(channels, further, strict=False)
                for block in (
                    ResidualBlock(inputs, outputs, halve=True),
                    *(ResidualBlock(outputs, outputs, halve=False) for _ in range(blocks - 1)),
                )
            ),
            nn.Conv2d(channels[-1], width, 1),
        )

    @classmethod
    def of(cls, vision: BlipVisionConfig) -> "Stem":
        """Build the stem that a configuration names; those without `stem_blocks` mean one."""
        return cls(vision.stem, vision.stem_stride, getattr(vision, "stem_blocks", 1), vision.hidden_size)

    @property
    def weight(self) -> Tensor:
        """First weight, of which BLIP's embeddings ask the type."""
        first: Tensor = self.get_parameter("0.weight")
        return first


class ConvStemBlip(BlipForConditionalGeneration):  # type: ignore[misc]
    """BLIP whose `vision_config` has `stem`, `stem_stride` and `stem_blocks`: see `Stem`."""

    def __init__(self, config: BlipConfig) -> None:
        super().__init__(config)
        self.vision_model.embeddings.patch_embedding = Stem.of(config.vision_config)


class ConvStemBlipAnswering(BlipForQuestionAnswering):  # type: ignore[misc]
    """The same for BLIP that answers questions."""

    def __init__(self, config: BlipConfig) -> None:
        super().__init__(config)
        self.vision_model.embeddings.patch_embedding = Stem.of(config.vision_config)


ConvStemBlip.register_for_auto_class("AutoModelForImageTextToText")
ConvStemBlipAnswering.register_for_auto_class("AutoModelForVisualQuestionAnswering")
