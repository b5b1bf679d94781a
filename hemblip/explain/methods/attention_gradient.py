"""Attention times gradient, from a statement's tokens to the image (Chefer et al., ICCV 2021, arXiv:2103.15679).

Each attention map is weighed by its gradient of the statement's log-probability, its negative part is dropped, its
heads are averaged, and the maps are followed through the layers: equations 5 to 11 of the paper. BLIP's tokens look at
the image by cross-attention, after the encoder's self-attention; in Gemma image and text share one sequence.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from hemblip.errors import ConfigError
from hemblip.explain.statement import CaptionReader, Statement, as_batch, sums
from hemblip.models.blip import BlipCaptioner
from hemblip.models.blip_vqa import BlipVqaCaptioner
from hemblip.models.fused_attention import with_probabilities
from hemblip.models.medgemma import MedGemmaCaptioner


class _Read(NamedTuple):
    """Scores (1, T) of a caption's tokens and the attention, (1, heads, to, from) a layer, behind them."""

    scores: Tensor
    image: Sequence[Tensor]
    text: Sequence[Tensor]
    cross: Sequence[Tensor]


def attention_gradient(
    reader: CaptionReader, image: Tensor, statements: Sequence[Statement], parts: Tensor | None = None
) -> Tensor:
    """Maps (N, S, S) of statements on an image (3, S, S), 0 to 255, each at least 0.

    Raises:
        ConfigError: the model gives no attention.
    """
    captioner = reader.captioner
    images = image[None].clone().requires_grad_()  # frozen encoders have gradients only if their input has
    if isinstance(captioner, BlipVqaCaptioner):
        raise ConfigError(
            "attention is not followed through an encoder of questions; explain it with --method occlusion"
        )
    if isinstance(captioner, BlipCaptioner):
        read = _read_blip(captioner, reader, images)
        rows = torch.arange(reader.ids.shape[1])
        patches = torch.arange(1, read.cross[0].shape[-1] if read.cross else 1)
    else:
        assert isinstance(captioner, MedGemmaCaptioner)
        read = _read_gemma(captioner, reader, images)
        rows = torch.arange(reader.ids.shape[1]) + len(captioner.prompt) - 1
        patches = (captioner.prompt == captioner.image_token).nonzero()[:, 0]
    found = [*read.image, *read.text, *read.cross]
    if not read.text or not all(isinstance(attention, Tensor) and attention.requires_grad for attention in found):
        raise ConfigError(f"{captioner.pretrained} gives no attention; explain it with --method occlusion")
    maps = []
    for statement in statements:
        score = sums(read.scores, [statement]).sum()
        slopes = torch.autograd.grad(score, found, retain_graph=True, allow_unused=True, materialize_grads=True)
        weighed = [_weighed(attention, slope) for attention, slope in zip(found, slopes, strict=True)]
        relevance = _followed(weighed, len(read.image), len(read.text))  # (Q, P)
        wanted = rows[list(statement.tokens)].to(relevance.device)
        maps.append(_as_square(relevance[wanted].sum(0), patches, image.shape[-1]))
    return torch.stack(maps)


def _read_blip(captioner: BlipCaptioner, reader: CaptionReader, images: Tensor) -> _Read:
    inputs = reader.blip_ids[:, :-1]
    with with_probabilities(captioner.model):
        vision = captioner.model.vision_model(pixel_values=captioner.pixel_values(images), output_attentions=True)
        output = captioner.model.text_decoder(
            input_ids=inputs,
            attention_mask=torch.ones_like(inputs),
            encoder_hidden_states=vision.last_hidden_state,
            use_cache=False,
            output_attentions=True,
        )
    scores = reader.token_log_probabilities(output.logits)
    return _Read(
        scores, *(list(maps or ()) for maps in (vision.attentions, output.attentions, output.cross_attentions))
    )


def _read_gemma(captioner: MedGemmaCaptioner, reader: CaptionReader, images: Tensor) -> _Read:
    model: Any = captioner.model
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")  # fused kernels do not keep attention
    try:
        output = captioner.read_answers(as_batch(images), reader.ids, output_attentions=True)
    finally:
        model.set_attn_implementation(before)
    return _Read(reader.token_log_probabilities(output.logits), [], list(output.attentions or ()), [])


def _weighed(attention: Tensor, slope: Tensor) -> Tensor:
    """Equation 5: the positive part of attention times gradient, averaged over heads: (to, from)."""
    return (attention.detach() * slope).clamp(min=0).mean(1)[0].float()


def _followed(maps: Sequence[Tensor], image_layers: int, text_layers: int) -> Tensor:
    """Follow weighed attention through the layers: relevance (Q, P) of patches, or of earlier tokens in one stream."""
    image, text = maps[:image_layers], maps[image_layers : image_layers + text_layers]
    cross = maps[image_layers + text_layers :]
    text_relevance = torch.eye(len(text[0]), device=text[0].device)
    if not cross:
        for layer in text:
            text_relevance = text_relevance + layer @ text_relevance
        return text_relevance
    image_relevance = torch.eye(cross[0].shape[1], device=text[0].device)
    for layer in image:
        image_relevance = image_relevance + layer @ image_relevance
    relevance = torch.zeros_like(cross[0])
    for layer, across in zip(text, cross, strict=True):
        relevance = relevance + layer @ relevance
        text_relevance = text_relevance + layer @ text_relevance
        relevance = relevance + _normalised(text_relevance).T @ across @ _normalised(image_relevance)
    return relevance


def _normalised(relevance: Tensor) -> Tensor:
    """Equations 8 and 9: rows of what was added to the identity sum to one, or to nothing."""
    identity = torch.eye(len(relevance), device=relevance.device)
    added = relevance - identity
    return added / added.sum(1, keepdim=True).clamp(min=1e-12) + identity


def _as_square(relevance: Tensor, patches: Tensor, size: int) -> Tensor:
    """Spread the relevance of patches, rows of a square grid among all positions, over the image (size, size)."""
    chosen = relevance[patches.to(relevance.device)]
    side = round(len(chosen) ** 0.5)
    grid = chosen.reshape(1, 1, side, side)
    return functional.interpolate(grid, (size, size), mode="bicubic")[0, 0].clamp(min=0).detach()
