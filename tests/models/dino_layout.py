"""A tiny vision transformer of timm, and the file in which DINOv2's training, and DinoBloom, would publish it."""

from functools import partial

import timm
import torch
from timm.models.vision_transformer import VisionTransformer

SIDE = 28
"""Of its images in pixels: 2 x 2 patches of 14."""


def _tiny(registers, pretrained=False, **settings):
    size = {"patch_size": 14, "embed_dim": 24, "depth": 2, "num_heads": 2, "init_values": 1e-5}
    size |= {"reg_tokens": 4, "no_embed_class": True} if registers else {}
    settings.pop("pretrained_cfg", None)
    return timm.models.build_model_with_cfg(
        VisionTransformer,
        f"tiny_patch14_{'reg4_' if registers else ''}dinov2",
        pretrained,
        pretrained_filter_fn=partial(
            timm.models.vision_transformer.checkpoint_filter_fn, interpolation="bicubic", antialias=False
        ),
        pretrained_strict=False,
        **size | settings,
    )


def tiny_patch14_dinov2(pretrained=False, **settings):
    return _tiny(False, pretrained, **settings)


def tiny_patch14_reg4_dinov2(pretrained=False, **settings):
    return _tiny(True, pretrained, **settings)


__all__ = []
for model in (tiny_patch14_dinov2, tiny_patch14_reg4_dinov2):
    if not timm.is_model(model.__name__):
        timm.models.register_model(model)


def published(path, registers=False, chunked=False):
    """Write a random network in the published layout; gives the network."""
    name = f"tiny_patch14_{'reg4_' if registers else ''}dinov2"
    torch.manual_seed(3)
    network = timm.create_model(name, num_classes=0, img_size=SIDE).eval()
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.2 * torch.randn(weight.shape))
    own = network.state_dict()
    if registers:  # there the class token has a position of its own, which timm has added to it
        own["register_tokens"] = own.pop("reg_token")
        place = torch.randn(1, 1, own["cls_token"].shape[-1])
        own["cls_token"] = own["cls_token"] - place
        own["pos_embed"] = torch.cat([place, own["pos_embed"]], 1)
    own["mask_token"] = torch.zeros(1, own["cls_token"].shape[-1])
    if chunked:
        own = {key.replace("blocks.", "blocks.0.") if key.startswith("blocks.") else key: own[key] for key in own}
    teacher = {f"backbone.{key}": value for key, value in own.items()}
    teacher |= {"dino_head.mlp.0.weight": torch.zeros(2, 2), "ibot_head.mlp.0.weight": torch.zeros(2, 2)}
    torch.save({"teacher": teacher, "iteration": 5} if chunked else {"teacher": teacher}, path)
    return network
