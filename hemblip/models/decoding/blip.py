"""BLIP's text decoder a token at a time, for the beams of many cells at once.

transformers keeps cross-attention keys and values once a beam, and copies all of them whenever beams are reordered.
Here they are kept once a cell: its beams are so many queries of one attention. The beams' own keys and values are
never moved either: those of all beams of a cell lie side by side in a buffer, and a mask, which is all that is
reordered, says which of them are a beam's past.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


class BlipDecoder:
    """The state of decoding some cells; their number falls as captions end.

    Args:
        decoder: transformers' `BlipTextLMHeadModel`, with or without adapters, in evaluation mode.
        patches: encoded cells (B, P, D).
        beams: K of each cell.
        tokens: longest caption, the start token included.
    """

    def __init__(self, decoder: Any, patches: Tensor, beams: int, tokens: int) -> None:
        self.embeddings, self.head = decoder.bert.embeddings, decoder.cls
        self.layers = [_Layer(layer, patches, beams * tokens) for layer in decoder.bert.encoder.layer]
        self.cells, self.beams, self.position = len(patches), beams, 0
        # Which written tokens are a beam's past: (B, 1, K, T * K), K next to each other for each place.
        self.past = torch.zeros(self.cells, 1, beams, tokens * beams, dtype=torch.bool, device=patches.device)

    def step(self, tokens: Tensor, parents: Tensor | None) -> Tensor:
        """Read one more token of each beam.

        Args:
            tokens: ids (B, K).
            parents: which beam of its cell each beam goes on, (B, K); None for itself.

        Returns:
            Logits (B, K, words) of the tokens that follow.
        """
        start, end = self.position * self.beams, (self.position + 1) * self.beams
        mask = None
        if self.beams > 1:  # a single beam's past is everything
            if parents is not None:
                chosen = parents[:, None, :, None].expand(-1, -1, -1, start)
                self.past[..., :start] = self.past[..., :start].gather(2, chosen)
            self.past[..., start:end] = torch.eye(self.beams, dtype=torch.bool, device=tokens.device)
            mask = self.past[..., :end]
        states = self.embeddings(tokens.flatten()[:, None], past_key_values_length=self.position)  # (B * K, 1, D)
        states = states.view(self.cells, self.beams, -1)
        for layer in self.layers:
            states = layer(states, start, end, mask)
        self.position += 1
        logits: Tensor = self.head(states)
        return logits

    def keep(self, order: Tensor) -> None:
        """Go on with fewer cells; only those that come to another place are copied.

        Args:
            order: the present place of each cell that is kept, (B',); those below B' keep theirs.
        """
        moved = (order != torch.arange(len(order), device=order.device)).nonzero().squeeze(1)
        buffers = [self.past, *(buffer for layer in self.layers for buffer in layer.buffers())]
        for buffer in buffers:
            buffer[moved] = buffer[order[moved]]
        self.cells = len(order)
        self.past = self.past[: self.cells]
        for layer in self.layers:
            layer.shorten(self.cells)


class _Layer:
    """One layer of the decoder, its cross-attention's keys and values and those of the tokens read so far.

    Projections are called as modules: adapters, 4-bit weights and autocast are part of them.
    """

    def __init__(self, layer: Any, patches: Tensor, places: int) -> None:
        self.layer = layer
        cross = layer.crossattention.self
        self.heads: int = cross.num_attention_heads
        self.cross_keys, self.cross_values = self._split(cross.key(patches)), self._split(cross.value(patches))
        shape = (len(patches), self.heads, places, self.cross_keys.shape[-1])
        self.keys, self.values = self.cross_keys.new_empty(shape), self.cross_values.new_empty(shape)

    def __call__(self, states: Tensor, start: int, end: int, mask: Tensor | None) -> Tensor:
        """Turn states (B, K, D) into the next layer's; this step's keys are written from `start` to `end`."""
        own, cross = self.layer.attention, self.layer.crossattention
        self.keys[:, :, start:end] = self._split(own.self.key(states))
        self.values[:, :, start:end] = self._split(own.self.value(states))
        context = self._attend(own.self.query(states), self.keys[:, :, :end], self.values[:, :, :end], mask)
        states = own.output(context, states)
        context = self._attend(cross.self.query(states), self.cross_keys, self.cross_values, None)
        states = cross.output(context, states)
        result: Tensor = self.layer.feed_forward_chunk(states)
        return result

    def _attend(self, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
        """Attention of queries (B, K, D) to keys (B, heads, S, D / heads): (B, K, D)."""
        context = functional.scaled_dot_product_attention(self._split(queries), keys, values, attn_mask=mask)
        return context.transpose(1, 2).flatten(2)

    def _split(self, states: Tensor) -> Tensor:
        """(B, S, D) -> (B, heads, S, D / heads)."""
        return states.view(*states.shape[:-1], self.heads, -1).transpose(1, 2).contiguous()

    def buffers(self) -> tuple[Tensor, ...]:
        """Everything that is kept for each cell."""
        return self.keys, self.values, self.cross_keys, self.cross_values

    def shorten(self, cells: int) -> None:
        """Forget all cells but the first."""
        self.keys, self.values, self.cross_keys, self.cross_values = (buffer[:cells] for buffer in self.buffers())
