"""Maps must change when the weights do: cascading randomisation (Adebayo et al., NeurIPS 2018).

From the layer nearest to the words to the one nearest to the image, the entries of all weights are shuffled, which
keeps their distribution. A map that stays the same shows the image, not what the model has learnt.
"""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hemblip.explain.cells import ExplainedCell
from hemblip.explain.methods import Method
from hemblip.explain.statement import CaptionReader
from hemblip.models.blip import BlipCaptioner
from hemblip.models.captioner import Captioner


def cascade(captioner: Captioner) -> Iterator[tuple[str, Captioner]]:
    """Randomise a copy of a captioner layer by layer, each stage on top of those before it."""
    changed = copy.deepcopy(captioner)
    draw = torch.Generator().manual_seed(0)
    for name, module in stages(changed):
        for parameter in module.parameters():
            order = torch.randperm(parameter.numel(), generator=draw).to(parameter.device)
            parameter.data = parameter.data.flatten()[order].view_as(parameter)
        yield name, changed


def stages(captioner: Captioner) -> list[tuple[str, nn.Module]]:
    """Layers from the words to the image."""
    model: Any = captioner.model
    if isinstance(captioner, BlipCaptioner):
        language, head = model.text_decoder.bert.encoder.layer, model.text_decoder.cls
        encoder = model.vision_model.encoder
        timm = hasattr(encoder, "blocks")
        vision = encoder.blocks if timm else encoder.layers
        first = encoder.patch_embed if timm else model.vision_model.embeddings
    else:
        parts = model.model
        language, head = parts.language_model.layers, model.lm_head
        vision, first = parts.vision_tower.encoder.layers, parts.vision_tower.embeddings
    return [
        ("head", head),
        *((f"decoder layer {n}", language[n]) for n in reversed(range(len(language)))),
        *((f"vision layer {n}", vision[n]) for n in reversed(range(len(vision)))),
        ("image embedding", first),
    ]


def likeness(cells: Sequence[ExplainedCell], captioner: Captioner, method: Method) -> dict[str, float]:
    """Mean rank correlation of maps with those of the trained captioner, by stage, over statements and cells."""
    before = [cell.explain(method, cell.reader.statements) for cell in cells]
    found = {}
    for name, changed in cascade(captioner):
        values = []
        for cell, maps in zip(cells, before, strict=True):
            reader = CaptionReader(changed, cell.reader.caption)
            now = method(reader, cell.image, reader.statements, cell.parts)
            values += [_correlation(one, other) for one, other in zip(maps, now, strict=True)]
        found[name] = sum(values) / len(values)
    return found


def _correlation(one: Tensor, other: Tensor) -> float:
    """Spearman's, of the maps' values; equal values in order of place."""
    ranks = torch.stack([grid.flatten().argsort(dim=0, stable=True).argsort().float() for grid in (one, other)])
    return float(torch.corrcoef(ranks)[0, 1])
