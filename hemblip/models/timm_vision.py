"""BLIP with a vision encoder of timm in place of its own.

This file needs timm and transformers only: an exported model takes a copy of it along.
"""

from typing import Any

import timm
import torch
from torch import Tensor, nn
from transformers import BlipConfig, BlipForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutputWithPooling


class TimmVision(nn.Module):
    """A vision transformer of timm, projected to the width that BLIP's decoder attends to.

    Args:
        name: in timm; a vision transformer with a class token.
        image_size: side of the square input in pixels.
        width: D, of the decoder's cross-attention.
    """

    def __init__(self, name: str, image_size: int, width: int) -> None:
        super().__init__()
        self.encoder: Any = timm.create_model(name, pretrained=False, num_classes=0, img_size=image_size)
        own: int = self.encoder.num_features
        self.projection = nn.Identity() if own == width else nn.Linear(own, width)

    def forward(self, pixel_values: Tensor, **_: Any) -> BaseModelOutputWithPooling:
        """Encode (B, 3, H, W) to the class token and the patches (B, 1 + P, D); registers are left out."""
        tokens = self.encoder.forward_features(pixel_values)  # (B, class + registers + P, own width)
        tokens = torch.cat([tokens[:, :1], tokens[:, self.encoder.num_prefix_tokens :]], 1)
        projected = self.projection(tokens)
        return BaseModelOutputWithPooling(last_hidden_state=projected, pooler_output=projected[:, 0])


class TimmVisionBlip(BlipForConditionalGeneration):  # type: ignore[misc]
    """BLIP whose `vision_config` names a model of `timm` and its `image_size`."""

    def __init__(self, config: BlipConfig) -> None:
        super().__init__(config)
        vision = config.vision_config
        self.vision_model = TimmVision(vision.timm, vision.image_size, config.text_config.encoder_hidden_size)


TimmVisionBlip.register_for_auto_class("AutoModelForImageTextToText")
