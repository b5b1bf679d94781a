"""BLIP with a convolutional stem in place of its patch embedding.

With a few thousand images, early convolutions generalise better and train faster than patches (Xiao et al., NeurIPS
2021). This file needs transformers only: an exported model takes a copy of it along.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from transformers import BlipConfig, BlipForConditionalGeneration, BlipForQuestionAnswering


class ResidualStage(nn.Module):
    """Two 3 x 3 convolutions with a shortcut that halve the resolution (He et al., 2016)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(2), nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        )

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / 2, W / 2)."""
        main = self.second_norm(self.second(self.first_norm(self.first(features)).relu()))
        halved: Tensor = (main + self.shortcut(features)).relu()
        return halved


class Stem(nn.Sequential):
    """Convolutions in place of a patch embedding: (B, 3, H, W) -> (B, D, H / patch, W / patch).

    Args:
        channels: of the stages; those after the first halve the resolution.
        stride: of the first stage, a convolution that sees its stride and as much around it.
        width: D.
    """

    def __init__(self, channels: Sequence[int], stride: int, width: int) -> None:
        first, *further = channels
        super().__init__(
            nn.Conv2d(3, first, 2 * stride + 1, stride=stride, padding=stride, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(),
            *(ResidualStage(*pair) for pair in zip(channels, further, strict=False)),
            nn.Conv2d(channels[-1], width, 1),
        )

    @property
    def weight(self) -> Tensor:
        """First weight, of which BLIP's embeddings ask the type."""
        first: Tensor = self.get_parameter("0.weight")
        return first


class ConvStemBlip(BlipForConditionalGeneration):  # type: ignore[misc]
    """BLIP whose `vision_config` has a `stem`, the channels of its stages, and a `stem_stride`, that of the first."""

    def __init__(self, config: BlipConfig) -> None:
        super().__init__(config)
        vision = config.vision_config
        self.vision_model.embeddings.patch_embedding = Stem(vision.stem, vision.stem_stride, vision.hidden_size)


class ConvStemBlipAnswering(BlipForQuestionAnswering):  # type: ignore[misc]
    """The same for BLIP that answers questions."""

    def __init__(self, config: BlipConfig) -> None:
        super().__init__(config)
        vision = config.vision_config
        self.vision_model.embeddings.patch_embedding = Stem(vision.stem, vision.stem_stride, vision.hidden_size)


ConvStemBlip.register_for_auto_class("AutoModelForImageTextToText")
ConvStemBlipAnswering.register_for_auto_class("AutoModelForVisualQuestionAnswering")
