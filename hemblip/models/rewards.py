"""Self-critical sequence training (Rennie et al., CVPR 2017) with a reward that reads each statement of a caption.

Captions are sampled; those that agree with the annotation more than the greedy one become likelier, the others less:
the gradient of the expected reward (REINFORCE; Williams, 1992) with the greedy caption's as its baseline. Cross-entropy
to the written caption keeps the language.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from hemblip.data.dataset import Batch
from hemblip.data.transforms import derived_seed
from hemblip.errors import ConfigError, check_range
from hemblip.metrics.verdicts import STATED_AND_ANNOTATED, Verdict, verdict
from hemblip.models.answering import answer_losses
from hemblip.morphology import extract_attributes

if TYPE_CHECKING:
    from hemblip.models.captioner import Captioner

Annotation = Mapping[str, str]
"""Key -> annotated value, of what is annotated and taught."""


@dataclass(frozen=True)
class Rewards:
    """How captions are rewarded in training; memory is that of `samples` + 1 captions a cell.

    Args:
        after: epochs of cross-entropy alone before.
        samples: captions sampled a cell, beside the greedy one.
        weight: of the reward's gradient.
        cross_entropy: weight of the cross-entropy to the written caption.
        wrong: what a contradicted attribute costs, in units of a right one; silence costs nothing more than the loss
            of the point.
    """

    after: int = 0
    samples: int = 4
    weight: float = 1.0
    cross_entropy: float = 0.2
    wrong: float = 1.0

    def __post_init__(self) -> None:
        check_range("model.init_args.rewards.after", self.after, at_least=0)
        check_range("model.init_args.rewards.samples", self.samples, at_least=1, at_most=1_000)
        check_range("model.init_args.rewards.weight", self.weight, above=0)
        check_range("model.init_args.rewards.cross_entropy", self.cross_entropy, at_least=0)
        check_range("model.init_args.rewards.wrong", self.wrong, at_least=0)

    def reward(self, caption: str, annotation: Annotation) -> float:
        """Judge a caption: right statements less `wrong` times contradictions, over annotated attributes; -wrong to 1.

        Neighbouring values count as contradictions; what is not annotated is not judged. 0 if nothing is annotated.
        """
        stated = extract_attributes(caption)
        judged = [verdict(key, value, stated[key], annotation) for key, value in annotation.items()]
        right = judged.count(Verdict.RIGHT)
        contradicted = sum(found in STATED_AND_ANNOTATED for found in judged) - right
        return (right - self.wrong * contradicted) / max(1, len(judged))


class SelfCritical(NamedTuple):
    """What a step of self-critical training gives."""

    losses: Tensor
    """(B,) in nats; the gradient is that of the reward and of the cross-entropy, the value is no likelihood."""
    tokens: Tensor
    """(B,) of the written captions: what losses are divided by, so that learning rates mean what they meant before."""
    greedy: Tensor
    """(B,) rewards of the greedy captions, on the CPU."""
    sampled: Tensor
    """(B, samples) rewards, on the CPU."""


def self_critical(captioner: "Captioner", batch: Batch, rewards: Rewards, seed: tuple[object, ...]) -> SelfCritical:
    """Sample, reward and weigh captions of a training batch.

    Args:
        captioner: in training mode.
        batch: B cells with captions and annotations.
        rewards: settings.
        seed: with the cell's id it decides what is sampled.

    Raises:
        ConfigError: the batch has no annotations, or weights are spread over ranks.
    """
    annotations = captioner.annotations(batch, "rewards")
    if captioner.device_mesh is not None:
        raise ConfigError(
            "model.init_args.rewards: captions are sampled with whole weights; set trainer.strategy to ddp"
        )
    count, longest, cells = rewards.samples, captioner.decoding.max_new_tokens, len(batch["cell_ids"])

    with captioner.encoded_once(batch):
        captioner.eval()  # what is sampled from does not drop out
        with captioner.greedily():
            greedy = captioner.texts(captioner.generate_tokens(batch))
        with captioner.repeated(batch, count) as images:
            drawn = captioner.generate_tokens(_of(images), chances(batch["cell_ids"], count, longest, seed))
        captioner.train()
        pad = captioner.tokenizer.pad_token_id
        answers = _side_by_side(
            [[token.token for token in row] for row in drawn], captioner.answer_ids(batch["captions"]), pad
        )
        with captioner.repeated(batch, count + 1) as images:
            logits = captioner.answer_logits(_of(images), answers.flatten(0, 1))
    logits = logits.view(cells, count + 1, *logits.shape[1:])
    written, tokens = answer_losses(logits[:, -1], answers[:, -1], pad, captioner.label_smoothing)
    sampled_nll = answer_losses(logits[:, :-1].flatten(0, 1), answers[:, :-1].flatten(0, 1), pad)[0].view(cells, count)

    base = torch.tensor([rewards.reward(text, row) for text, row in zip(greedy, annotations, strict=True)])
    many = [row for row in annotations for _ in range(count)]
    found = torch.tensor([rewards.reward(text, row) for text, row in zip(captioner.texts(drawn), many, strict=True)])
    sampled = found.view(cells, count)
    advantage = (sampled - base[:, None]).to(sampled_nll)
    losses = rewards.cross_entropy * written + rewards.weight * (advantage * sampled_nll).mean(1)
    return SelfCritical(losses, tokens, base, sampled)


def chances(cell_ids: list[str], count: int, longest: int, seed: tuple[object, ...]) -> Tensor:
    """Numbers (B * count, longest), 0 to below 1, by which `count` captions of each cell are sampled."""
    rows = [np.random.default_rng(derived_seed("sample", *seed, cell)).random((count, longest)) for cell in cell_ids]
    return torch.from_numpy(np.concatenate(rows))


def _of(images: Tensor) -> Batch:
    return {"images": images, "captions": [], "cell_ids": []}


def _side_by_side(drawn: list[list[int]], written: Tensor, pad: int) -> Tensor:
    """Answers (B, K + 1, A) of each cell: those drawn (B * K rows), then the written one (B, A'), padded."""
    width = max(written.shape[1], *map(len, drawn))
    rows = torch.tensor([row + [pad] * (width - len(row)) for row in drawn], device=written.device)
    last = functional.pad(written, (0, width - written.shape[1]), value=pad)
    return torch.cat([rows.view(len(written), -1, width), last[:, None]], 1)
