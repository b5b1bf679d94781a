"""A second task while a vision encoder is trained: each attribute's value from the patches, beside the caption.

In a caption few words depend on what is small or rare in the image; their share of the gradient is as small. Tasks that
share an encoder teach one another (Caruana, Machine Learning 28, 1997). Nothing of it is used to describe.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from hemblip.morphology import SCHEMA

UNKNOWN = -100
"""Target of what is not annotated."""


class AttributeHead(nn.Linear):
    """Scores of all values of all attributes from the mean and the maximum of a cell's patches.

    Args:
        width: of the patches, D.
    """

    def __init__(self, width: int) -> None:
        super().__init__(2 * width, sum(map(len, SCHEMA.values())))

    def loss(self, patches: Tensor, annotations: Sequence[Mapping[str, str]]) -> Tensor:
        """Sum, over the attributes, the mean cross-entropies in nats of the cells that are annotated with each.

        Args:
            patches: (B, P, D).
            annotations: of B cells, attribute -> value; what is missing counts nothing.
        """
        scores = self(torch.cat([patches.mean(1), patches.amax(1)], 1)).float()
        total: Tensor = scores.new_zeros(())
        for (key, values), found in zip(SCHEMA.items(), scores.split([*map(len, SCHEMA.values())], 1), strict=True):
            targets = torch.tensor([values.index(row[key]) if key in row else UNKNOWN for row in annotations])
            losses = functional.cross_entropy(found, targets.to(found.device), ignore_index=UNKNOWN, reduction="sum")
            total = total + losses / max(1, int((targets != UNKNOWN).sum()))
        return total
