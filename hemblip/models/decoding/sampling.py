"""Words drawn from a model's own distribution by numbers that come from outside.

Inverse transform sampling: what a caption becomes depends on its numbers alone, not on the other captions of a batch,
the rank that it is on, or what was drawn before.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import LogitsProcessor


def pick(logits: Tensor, chances: Tensor, never: Sequence[int] = ()) -> Tensor:
    """Draw a token for each row.

    Args:
        logits: (R, words).
        chances: (R,), 0 to below 1: where in the cumulative distribution the token lies.
        never: tokens that are not drawn.

    Returns:
        Tokens (R,).
    """
    shares = logits.double().softmax(-1)
    shares[:, list(never)] = 0
    ends = shares.cumsum(-1)
    places = chances.to(ends)[:, None] * ends[:, -1:]
    return torch.searchsorted(ends, places, right=True).squeeze(1).clamp(max=logits.shape[-1] - 1)


class Drawn(LogitsProcessor):  # type: ignore[misc]
    """Leave one token a row for a greedy search of transformers to choose.

    Args:
        chances: (R, T), of each row's tokens; see `pick`.
        prompt: number of prompt tokens.
        never: tokens that are not drawn.
    """

    def __init__(self, chances: Tensor, prompt: int, never: Sequence[int] = ()) -> None:
        self.chances, self.prompt, self.never = chances, prompt, never

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Give `scores` (R, words) with -inf for all but the drawn tokens."""
        tokens = pick(scores, self.chances[:, input_ids.shape[1] - self.prompt], self.never)
        alone = torch.full_like(scores, -torch.inf).scatter(1, tokens[:, None], 0.0)
        return alone  # type: ignore[return-value]
