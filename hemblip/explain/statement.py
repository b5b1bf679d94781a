"""The statements of a caption, and how probable each is given the image and the caption before it.

A statement is the words that state one attribute, as `hemblip.morphology.locate` finds them; its score is the sum of
its tokens' log-probabilities, each given all tokens before it. The whole caption is scored as one more statement.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from hemblip.data.dataset import Batch
from hemblip.errors import ConfigError, DataError
from hemblip.metrics.confidence import token_scores
from hemblip.models.blip import BlipCaptioner
from hemblip.models.captioner import Captioner
from hemblip.models.medgemma import MedGemmaCaptioner
from hemblip.morphology.locate import locate_statements

CAPTION = "caption"
"""Key of the whole caption."""


@dataclass(frozen=True)
class Statement:
    """One thing that a caption says.

    Attributes:
        key: the attribute, or `caption` for all of it.
        value: of the attribute; empty for the whole caption.
        text: the words that say it.
        tokens: their places among the caption's tokens.
    """

    key: str
    value: str
    text: str
    tokens: tuple[int, ...]


class CaptionReader:
    """A captioner made to read a caption: how probable is each of its tokens, as a function of the image.

    Args:
        captioner: BLIP or MedGEMMA, in evaluation mode.
        caption: of one cell.

    Raises:
        ConfigError: the captioner is of another kind.
        DataError: the caption is empty.
    """

    def __init__(self, captioner: Captioner, caption: str) -> None:
        if not isinstance(captioner, BlipCaptioner | MedGemmaCaptioner):
            raise ConfigError(f"{type(captioner).__name__} cannot be explained; BLIP and MedGEMMA can")
        if not caption.strip():
            raise DataError("the caption is empty: it states nothing to explain")
        self.captioner, self.caption = captioner, caption.strip()
        if isinstance(captioner, BlipCaptioner):
            self.blip_ids = captioner.token_ids([self.caption])  # with [DEC]
            self.ids = self.blip_ids[:, 1:]  # (1, T)
        else:
            self.ids = captioner.answer_ids([self.caption])
        self.statements = self._statements()

    def _statements(self) -> list[Statement]:
        tokens = self.ids[0].tolist()
        places = token_scores(self.caption, [self.captioner.piece(token) for token in tokens], [0.0] * len(tokens))
        found = []
        for part in locate_statements(self.caption):
            inside = tuple(
                index
                for index, token in enumerate(places)
                if token.start < part.end and token.end > max(part.start, token.start)
            )
            if inside:
                found.append(Statement(part.key, part.value, self.caption[part.start : part.end], inside))
        return [*found, Statement(CAPTION, "", self.caption, tuple(range(len(tokens))))]

    def statement(self, key: str) -> Statement:
        """Find the statement of an attribute, or the whole caption.

        Raises:
            DataError: the caption does not make it.
        """
        made = {statement.key: statement for statement in self.statements}
        if key not in made:
            raise DataError(f"no statement of {key} in the caption '{self.caption}'; it states {', '.join(made)}")
        return made[key]

    def log_probabilities(self, images: Tensor) -> Tensor:
        """Log-probabilities (B, T) of the caption's tokens for images (B, 3, S, S), 0 to 255, differentiably."""
        return self.token_log_probabilities(self.logits(images))

    def token_log_probabilities(self, logits: Tensor) -> Tensor:
        """Log-probabilities (B, T) of the caption's tokens from logits (B, T, words)."""
        targets = self.ids.expand(len(logits), -1)
        return -functional.cross_entropy(logits.float().transpose(1, 2), targets, reduction="none")

    def logits(self, images: Tensor) -> Tensor:
        """Logits (B, T, words) that predict the caption's tokens."""
        captioner = self.captioner
        if isinstance(captioner, BlipCaptioner):
            patches, seen = captioner.context(as_batch(images))
            return captioner.caption_logits(patches, self.blip_ids.expand(len(images), -1), seen)
        return captioner.answer_logits(as_batch(images), self.ids.expand(len(images), -1))

    def scores(self, images: Tensor, statements: Sequence[Statement]) -> Tensor:
        """Log-probabilities (B, N) of statements, in nats, for images (B, 3, S, S)."""
        return sums(self.log_probabilities(images), statements)


def sums(tokens: Tensor, statements: Sequence[Statement]) -> Tensor:
    """Sum log-probabilities (B, T) of tokens over those of each statement: (B, N)."""
    return torch.stack([tokens[:, list(statement.tokens)].sum(1) for statement in statements], 1)


def as_batch(images: Tensor) -> Batch:
    """Images (B, 3, S, S) as a captioner takes them."""
    return {"images": images, "captions": [], "cell_ids": []}


def as_input(pixels: Tensor, captioner: Captioner) -> Tensor:
    """Bring an image (3, H, W) to the captioner's input (3, S, S), float, 0 to 255, on its device."""
    size = (captioner.image_size, captioner.image_size)
    image = pixels.to(captioner.device).float()[None]
    if image.shape[-2:] != size:
        image = functional.interpolate(image, size, mode="bilinear", antialias=True).round().clamp(0, 255)
    return image[0]
