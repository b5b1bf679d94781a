"""BLIP's text decoder a token at a time, for the beams of many cells at once.

transformers keeps cross-attention keys and values once a beam, and copies all of them whenever beams are reordered.
Here they are kept once a cell: its beams are so many queries of one attention. The beams' own keys and values are
never moved either: those of all beams of a cell lie side by side in a buffer, and a mask, which is all that is
reordered, says which of them are a beam's past.

On a GPU most of a step is the launching of its kernels. There shapes stay what they are (the whole buffer is attended
to, cells that have ended keep their places), so that a step is recorded once, as a CUDA graph, and then replayed.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


class BlipDecoder:
    """The state of decoding some cells; their number falls as captions end.

    Args:
        decoder: transformers' `BlipTextLMHeadModel`, with or without adapters, in evaluation mode.
        patches: encoded cells (B, P, D), or whatever else the decoder attends to.
        beams: K of each cell.
        tokens: longest caption, the start token included.
        static: keep the shapes of steps, and record them on a GPU; None for on a GPU alone.
        seen: which patches a cell has, (B, P); None for all.
    """

    def __init__(
        self,
        decoder: Any,
        patches: Tensor,
        beams: int,
        tokens: int,
        static: bool | None = None,
        seen: Tensor | None = None,
    ) -> None:
        self.embeddings, self.head = decoder.bert.embeddings, decoder.cls
        self.seen = None if seen is None else seen.bool()[:, None, None]  # (B, 1, 1, P)
        self.layers = [_Layer(layer, patches, beams * tokens) for layer in decoder.bert.encoder.layer]
        self.cells, self.beams, self.position = len(patches), beams, 0
        self.static = patches.is_cuda if static is None else static
        # Which written tokens are a beam's past: (B, 1, K, T * K), K next to each other for each place.
        self.past = torch.zeros(self.cells, 1, beams, tokens * beams, dtype=torch.bool, device=patches.device)
        self.own = torch.arange(beams, device=patches.device)
        self.steady = _Steady(self) if self.static else None

    def step(self, tokens: Tensor, parents: Tensor | None) -> Tensor:
        """Read one more token of each beam.

        Args:
            tokens: ids (B, K).
            parents: which beam of its cell each beam goes on, (B, K); None for itself.

        Returns:
            Logits (B, K, words) of the tokens that follow.
        """
        parents = self.own.expand_as(tokens) if parents is None else parents
        if self.steady is not None:
            logits = self.steady(tokens, parents, self.position)
        else:
            place = torch.full((1,), self.position, device=tokens.device)
            logits = self.read(tokens, parents, place, (self.position + 1) * self.beams)
        self.position += 1
        return logits

    def read(self, tokens: Tensor, parents: Tensor, place: Tensor, end: int) -> Tensor:
        """Compute a step, by tensors alone.

        Args:
            tokens: ids (B, K).
            parents: (B, K), see `step`.
            place: of the tokens in their captions, (1,).
            end: how much of the buffers is attended to.
        """
        columns, mask = place * self.beams + self.own, None
        if self.beams > 1 or self.static:  # else the past is everything
            self.past.copy_(self.past.gather(2, parents[:, None, :, None].expand_as(self.past)))
            itself = self.own[:, None] == self.own
            self.past.index_copy_(3, columns, itself.expand(*self.past.shape[:2], -1, -1))
            mask = self.past[..., :end]
        states = self.embeddings(tokens.flatten()[:, None], position_ids=place[None])  # (B * K, 1, D)
        states = states.view(*tokens.shape, -1)
        for layer in self.layers:
            states = layer(states, columns, end, mask, self.seen)
        logits: Tensor = self.head(states)
        return logits

    def read_ahead(self, tokens: Tensor, places: Tensor) -> Tensor:
        """Read several tokens of each cell at once; those that turn out wrong are overwritten by the next ones.

        Args:
            tokens: ids (B, K), of one beam a cell; what a cell has no token for is any.
            places: of each cell's first token in its caption, (B,).

        Returns:
            Logits (B, K, words) of the tokens that follow each.
        """
        columns = places[:, None] + torch.arange(tokens.shape[1])  # (B, K)
        end = int(columns.max()) + 1
        mask = (torch.arange(end) <= columns[..., None])[:, None]  # (B, 1, K, end)
        last = self.embeddings.position_embeddings.num_embeddings - 1
        states = self.embeddings(tokens, position_ids=columns.clamp(max=last))
        for layer in self.layers:
            states = layer(states, columns, end, mask, self.seen)
        logits: Tensor = self.head(states)
        return logits

    def keep(self, order: Tensor) -> None:
        """Go on with fewer cells; only those that come to another place are copied.

        Args:
            order: the present place of each cell that is kept, (B',); those below B' keep theirs.
        """
        moved = (order != torch.arange(len(order), device=order.device)).nonzero().squeeze(1)
        buffers = [
            self.past,
            *([] if self.seen is None else [self.seen]),
            *(buffer for layer in self.layers for buffer in layer.buffers()),
        ]
        for buffer in buffers:
            buffer[moved] = buffer[order[moved]]
        self.cells = len(order)
        if self.steady is not None:
            # A new recording costs some steps; places without a cell cost little until they are half of all.
            if 2 * self.cells > len(self.past):
                return
            self.steady = _Steady(self)
        self.past = self.past[: self.cells]
        self.seen = None if self.seen is None else self.seen[: self.cells]
        for layer in self.layers:
            layer.shorten(self.cells)


class _Steady:
    """Steps of unchanged shape: the first is computed, the second recorded, later ones replayed.

    The recording writes to the decoder's buffers, which have to stay where they are.

    Args:
        decoder: its cells take the first places; without a GPU, each step is computed.
    """

    def __init__(self, decoder: BlipDecoder) -> None:
        device = decoder.past.device
        self.decoder, self.steps = decoder, 0
        self.tokens = torch.zeros((decoder.cells, decoder.beams), dtype=torch.long, device=device)
        self.parents = decoder.own.repeat(decoder.cells, 1)
        self.place = torch.zeros(1, dtype=torch.long, device=device)
        self.graph: torch.cuda.CUDAGraph | None = None
        self.logits = torch.empty(0)

    def __call__(self, tokens: Tensor, parents: Tensor, position: int) -> Tensor:
        """Read tokens (B', K) of the cells that go on, see `BlipDecoder.step`."""
        cells = len(tokens)
        self.tokens[:cells], self.parents[:cells] = tokens, parents
        self.place.fill_(position)
        self.steps += 1
        if self.graph is None and tokens.is_cuda and self.steps > 1:
            self.graph = torch.cuda.CUDAGraph()
            # Other threads (those that pin memory) may call the driver meanwhile.
            with torch.cuda.graph(self.graph, capture_error_mode="thread_local"):
                self.logits = self._read()
        if self.graph is None:
            self.logits = self._read()
        else:
            self.graph.replay()
        return self.logits[:cells]

    def _read(self) -> Tensor:
        return self.decoder.read(self.tokens, self.parents, self.place, self.decoder.past.shape[-1])


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
        # Zeros: what is not written yet is masked, but must be numbers.
        self.keys, self.values = self.cross_keys.new_zeros(shape), self.cross_values.new_zeros(shape)

    def __call__(self, states: Tensor, columns: Tensor, end: int, mask: Tensor | None, seen: Tensor | None) -> Tensor:
        """Turn states (B, K, D) into the next layer's; this step's keys are written to `columns` (K), or (B, K)."""
        own, cross = self.layer.attention, self.layer.crossattention
        for buffer, new in ((self.keys, own.self.key(states)), (self.values, own.self.value(states))):
            if columns.dim() == 1:
                buffer.index_copy_(2, columns, self._split(new))
            else:
                split = self._split(new)
                buffer.scatter_(2, columns[:, None, :, None].expand_as(split), split)
        context = self._attend(own.self.query(states), self.keys[:, :, :end], self.values[:, :, :end], mask)
        states = own.output(context, states)
        context = self._attend(cross.self.query(states), self.cross_keys, self.cross_values, seen)
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
