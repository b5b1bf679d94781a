"""BLIP's attention by torch's fused kernels: the same sums without a matrix of probabilities in memory.

transformers writes BLIP's attention out, past its own choice of attention (`attn_implementation`), so that classes of
the same weights and names take its place here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.nn import functional
from transformers.models.blip.modeling_blip import BlipAttention
from transformers.models.blip.modeling_blip_text import BlipTextSelfAttention


class FusedVisionAttention(BlipAttention):  # type: ignore[misc]
    """Attention among patches."""

    def forward(self, hidden_states: Tensor, **_: Any) -> tuple[Tensor, None]:
        """Attend: (B, P, D) to the same shape; probabilities are not made."""
        heads = self.qkv(hidden_states).unflatten(-1, (3, self.num_heads, self.head_dim))  # (B, P, 3, heads, D / heads)
        queries, keys, values = heads.permute(2, 0, 3, 1, 4)
        dropout = self.dropout.p if self.training else 0.0
        context = functional.scaled_dot_product_attention(queries, keys, values, dropout_p=dropout)
        return self.projection(context.transpose(1, 2).flatten(2)), None


class FusedTextAttention(BlipTextSelfAttention):  # type: ignore[misc]
    """Attention of tokens to those before them, or to patches, of which none is masked, or to words of questions."""

    words = False
    """What is attended to has padding."""

    def forward(
        self,
        hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        past_key_values: Any = None,
        **_: Any,
    ) -> tuple[Tensor, Tensor | None]:
        """Attend: (B, T, D) to the same shape; `attention_mask` (B, 1, T, T) is added to the scores."""
        if past_key_values is not None:  # transformers' own generation
            result: tuple[Tensor, Tensor] = super().forward(
                hidden_states, attention_mask, encoder_hidden_states, encoder_attention_mask, past_key_values
            )
            return result
        sources, mask = hidden_states, attention_mask
        if encoder_hidden_states is not None:
            given = attention_mask if encoder_attention_mask is None else encoder_attention_mask  # by version
            sources, mask = encoder_hidden_states, given if self.words else None
        queries = self._split(self.query, hidden_states)
        keys, values = self._split(self.key, sources), self._split(self.value, sources)
        mask = None if mask is None else mask.to(queries.dtype)
        dropout = self.dropout.p if self.training else 0.0
        context = functional.scaled_dot_product_attention(queries, keys, values, mask, dropout)
        return context.transpose(1, 2).flatten(2), None

    def _split(self, project: nn.Module, states: Tensor) -> Tensor:
        """(B, S, D) -> (B, heads, S, D / heads)."""
        heads: Tensor = project(states).unflatten(-1, (self.num_attention_heads, -1))
        return heads.transpose(1, 2)


FUSED: dict[type[nn.Module], type[nn.Module]] = {
    BlipAttention: FusedVisionAttention,
    BlipTextSelfAttention: FusedTextAttention,
}


def fuse_attention(model: nn.Module) -> None:
    """Let all attention of a BLIP model be computed by fused kernels; weights and their names stay."""
    for module in model.modules():
        if type(module) in FUSED:
            module.__class__ = FUSED[type(module)]


@contextmanager
def with_probabilities(model: nn.Module) -> Iterator[None]:
    """Let attention give its probabilities for a while (`output_attentions`), which fused kernels do not make."""
    plain = {fused: kind for kind, fused in FUSED.items()}
    changed = [(module, type(module)) for module in model.modules() if type(module) in plain]
    for module, kind in changed:
        module.__class__ = plain[kind]
    try:
        yield
    finally:
        for module, kind in changed:
            module.__class__ = kind
