"""What captioners share whose language model answers a chat: the captions are what it writes after the prompt."""

import itertools
from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig

from hemblip.data.dataset import Batch
from hemblip.errors import ConfigError
from hemblip.models.answering import by_cell, every_beam, generate_answers
from hemblip.models.captioner import Captioner
from hemblip.models.decoding import Generated

NOTHING_TO_TRAIN = (
    "adaptation: base has nothing to train; run `python -m hemblip test` with this config, or set "
    "model.init_args.adaptation to lora"
)

OVERFLOWS = ("gemma3", "paligemma")
"""Kinds whose activations leave the range of float16: their answers are empty."""


class ChatCaptioner(Captioner):
    """A captioner over transformers' `generate`."""

    answers_questions = True

    model: Any
    """Of transformers, which generates."""

    image_token: int
    """Stands in the prompt for a part of the image, and in no answer."""

    def setup(self, stage: str) -> None:
        """Refuse what cannot work, and compute in float32 what steps or the user ask for.

        Raises:
            ConfigError: `fit` with `adaptation: base`, or float16 for a model that leaves its range.
        """
        super().setup(stage)
        if stage == "fit" and self.adaptation == "base":
            raise ConfigError(NOTHING_TO_TRAIN)
        precision, kind = str(self.trainer.precision), self.model.config.model_type
        if "16" in precision and "bf" not in precision and kind in OVERFLOWS:
            raise ConfigError(
                f"trainer.precision {precision}: {kind} overflows in float16 and answers nothing; set bf16-mixed, or "
                "32-true"
            )
        # On a GPU weights are loaded in bfloat16: nothing casts between them and what trains, and steps of 5e-5 would
        # be lost in its 8 bits.
        if precision == "32-true" or (stage == "fit" and self.adaptation == "full"):
            for tensor in itertools.chain(self.model.parameters(), self.model.buffers()):
                if tensor.is_floating_point():  # 4-bit weights are not
                    tensor.data = tensor.data.float()

    @abstractmethod
    def generation_config(self) -> GenerationConfig:
        """Give `decoding` as transformers names it."""

    prompt: Tensor
    """That asks for a description: token ids (P,)."""

    @abstractmethod
    def prompt_of(self, question: str) -> Tensor:
        """Write the prompt that asks a question: token ids (P,)."""

    @abstractmethod
    def inputs(self, batch: Batch, ids: Tensor, width: int) -> dict[str, Any]:
        """Give what the model takes beside token ids (B, T), of which the first `width` are prompts, and their mask."""

    def prompts(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Write the prompt of each cell, by its question if it has one.

        Returns:
            Token ids (B, P), padded on the left, and which of them are no padding (B, P), 1 or 0.
        """
        questions = batch.get("questions")
        if questions is None or not any(questions):
            rows = self.prompt.expand(len(batch["images"]), -1)
            return rows, torch.ones_like(rows)
        written = {question: self.prompt_of(question) if question else self.prompt for question in set(questions)}
        width = max(map(len, written.values()))
        rows = self.prompt.new_full((len(questions), width), self.tokenizer.pad_token_id)
        asked = torch.zeros_like(rows)
        for place, question in enumerate(questions):
            ids = written[question]
            rows[place, width - len(ids) :], asked[place, width - len(ids) :] = ids.to(rows.device), 1
        return rows, asked

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
        prompts, asked = self.prompts(batch)
        inputs = self.inputs(batch, prompts, prompts.shape[1])
        never = (self.image_token, self.tokenizer.pad_token_id)
        return generate_answers(self.model, prompts, asked, inputs, settings, chances, never)
