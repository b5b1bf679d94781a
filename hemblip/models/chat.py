"""What captioners share whose language model answers a chat: the captions are what it writes after the prompt."""

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig

from hemblip.data.dataset import Batch
from hemblip.models.answering import by_cell, every_beam, generate_answers
from hemblip.models.captioner import Captioner
from hemblip.models.decoding import Generated


class ChatCaptioner(Captioner):
    """A captioner over transformers' `generate`."""

    model: Any
    """Of transformers, which generates."""

    image_token: int
    """Stands in the prompt for a part of the image, and in no answer."""

    @abstractmethod
    def generation_config(self) -> GenerationConfig:
        """Give `decoding` as transformers names it."""

    @abstractmethod
    def prompts(self, batch: Batch) -> tuple[Tensor, dict[str, Any]]:
        """Write the prompt of each cell: token ids (B, P), and what else the model is given."""

    def generate_tokens(self, batch: Batch, chances: Tensor | None = None) -> list[list[Generated]]:
        """Generate each cell's caption; see `Captioner`."""
        return self._generate(batch, self.generation_config(), chances)

    def generate_beams(self, batch: Batch) -> list[list[list[Generated]]]:
        """Generate each cell's captions, the best first; see `Captioner`."""
        return by_cell(self._generate(batch, every_beam(self.generation_config())), self.decoding.num_beams)

    @torch.no_grad()
    def _generate(
        self, batch: Batch, settings: GenerationConfig, chances: Tensor | None = None
    ) -> list[list[Generated]]:
        prompts, inputs = self.prompts(batch)
        never = (self.image_token, self.tokenizer.pad_token_id)
        return generate_answers(self.model, prompts, inputs, settings, chances, never)
