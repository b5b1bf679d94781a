"""MedGEMMA (Sellergren et al., arXiv:2507.05201) as a captioner: untrained, or with LoRA on its language model.

A sequence is `padding | prompt with the image | answer | padding`, without the first padding where all cells are asked
the same: answers start at one position in the whole batch, and logits are computed for answers only. Gemma's
vocabulary has 262k words, so that this saves most of the memory (8 cells of 356 tokens: 3 GB against 0.5 GB).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import GenerationConfig
from transformers.modeling_outputs import BaseModelOutputWithPooling

from hemblip.data.dataset import Batch
from hemblip.models.adapters import add_adapters, last_layers
from hemblip.models.answering import answer_ids
from hemblip.models.captioner import Pooling
from hemblip.models.chat import ChatCaptioner
from hemblip.models.decoding import GREEDY, Decoding
from hemblip.models.gemma_prompt import END, QUESTION, SYSTEM_PROMPT, prompt_ids
from hemblip.models.gemma_weights import MEDGEMMA, load, pixel_values
from hemblip.models.sharding import shard

LANGUAGE_ATTENTION = r"model\.language_model\.layers\.\d+\.self_attn\.(q|k|v|o)_proj"
"""Anchored on the language model: bare names such as `q_proj` would match the vision tower too."""


class MedGemmaCaptioner(ChatCaptioner):
    """Gemma 3 with images, asked to describe one cell.

    Args:
        pretrained: hub id, folder, or `compact` (the same classes at small size, random weights, no download).
        revision: commit on the hub; None for the one that results refer to.
        adaptation: `base` = as published, only tested; `lora` = adapters on the language model's attention; `full` =
            everything trains (for `compact`).
        lora_rank: width of the adapters.
        lora_alpha: their scale, divided by the rank.
        lora_dropout: share of their inputs dropped in training, in [0, 1).
        train_last_layers: decoder layers, from the last, that train whole beside the adapters (paper, Fig. 1: 2).
        train_head: train the LM head beside the adapters (paper, Fig. 1); it is tied to the word embeddings.
        system_prompt: who the model is; may be empty.
        question: what it is asked about the image.
        quantize_4bit: keep frozen weights in 4 bits (bitsandbytes, a GPU).
        gradient_checkpointing: recompute activations in the backward pass, for less memory and more time.
        decoding: how captions are generated.
        **optimisation: `learning_rate`, `weight_decay`, `warmup`, `schedule` of `Captioner`.
    """

    def __init__(
        self,
        pretrained: str = MEDGEMMA,
        revision: str | None = None,
        adaptation: Literal["base", "lora", "full"] = "lora",
        lora_rank: int = 8,
        lora_alpha: int = 16,
        lora_dropout: float = 0.05,
        train_last_layers: int = 2,
        train_head: bool = True,
        system_prompt: str = SYSTEM_PROMPT,
        question: str = QUESTION,
        quantize_4bit: bool = False,
        gradient_checkpointing: bool = False,
        decoding: Decoding = GREEDY,
        **optimisation: Any,
    ) -> None:
        super().__init__(decoding=decoding, **optimisation)
        self.pretrained, self.adaptation = pretrained, adaptation
        self.system_prompt, self.question = system_prompt, question
        self.model, self.tokenizer, self.revision = load(
            pretrained, revision, quantize_4bit, train_last_layers if adaptation == "lora" else 0
        )
        self.image_size = self.model.config.vision_config.image_size
        self.image_token: int = self.tokenizer.image_token_id
        self.register_buffer("prompt", self.prompt_of(question), persistent=False)
        self._adapt(adaptation, lora_rank, lora_alpha, lora_dropout, train_last_layers, train_head)
        if gradient_checkpointing:
            # The second name is that of transformers before 5.2x, deprecated since.
            enable = getattr(self.model, "activation_checkpointing_enable", self.model.gradient_checkpointing_enable)
            enable({"use_reentrant": False})
            # Not needed without reentrance, and it would send gradients through the frozen vision tower.
            self.model.disable_input_require_grads()
        self.train()

    def _adapt(self, adaptation: str, rank: int, alpha: int, dropout: float, layers: int, head: bool) -> None:
        """Choose what trains; the vision tower only does under `full`."""
        self.model.requires_grad_(adaptation == "full")
        if adaptation != "lora":
            return
        self.frozen = ("model.model.vision_tower", "model.model.multi_modal_projector")
        language = self.model.model.language_model
        whole = last_layers(language.layers, layers) + ([self.model.lm_head] if head else [])
        add_adapters(self.model, LANGUAGE_ATTENTION, rank, alpha, dropout, whole)
        for parameter in self.model.parameters():
            if parameter.requires_grad:
                # Steps of 5e-5 would be lost in the 8 bits of a bfloat16 weight.
                parameter.data = parameter.data.float()

    def configure_model(self) -> None:
        """Spread the weights over the ranks, if the strategy asks for it."""
        parts = self.model.model
        layers = [*parts.vision_tower.encoder.layers, *parts.language_model.layers]
        # Generation encodes the image before it calls the model.
        shard(self.device_mesh, [*layers, parts.vision_tower, parts.multi_modal_projector, self.model])

    def answer_ids(self, captions: list[str]) -> Tensor:
        """Write captions and the end of the turn as token ids (B, A); see `Captioner`."""
        end = self.tokenizer.convert_tokens_to_ids(END)
        return answer_ids(self.tokenizer, captions, end).to(self.device)

    def answer_logits(self, batch: Batch, answers: Tensor) -> Tensor:
        """Give the logits (B, A, words) that predict `answers` (B, A), and no others."""
        logits: Tensor = self.read_answers(batch, answers).logits
        return logits

    def read_answers(self, batch: Batch, answers: Tensor, **options: Any) -> Any:
        """Read `answers` (B, A) after the prompt; the model's output, its logits those that predict answers."""
        prompts, asked = self.prompts(batch)  # (B, P)
        ids = torch.cat([prompts, answers], 1)
        # Position p predicts token p + 1: from the prompt's last token to the last but one of the answer.
        positions = torch.arange(prompts.shape[1] - 1, ids.shape[1] - 1, device=ids.device)
        return self.model(
            input_ids=ids,
            **self.inputs(batch, ids, prompts.shape[1]),
            attention_mask=torch.cat([asked, (answers != self.tokenizer.pad_token_id).long()], 1),
            logits_to_keep=positions,
            use_cache=False,
            **options,
        )

    def prompt_of(self, question: str) -> Tensor:
        """Write the prompt that asks a question (P,); see `ChatCaptioner`."""
        return prompt_ids(self.tokenizer, self.system_prompt, question, self.model.config.mm_tokens_per_image)

    def generation_config(self) -> GenerationConfig:
        """Give `decoding` as transformers names it."""
        end = self.tokenizer.convert_tokens_to_ids(END)
        return GenerationConfig(
            **self.decoding.settings(),
            bos_token_id=self.tokenizer.bos_token_id,
            eos_token_id=[end, self.tokenizer.eos_token_id],
            pad_token_id=self.tokenizer.pad_token_id,
        )

    @torch.no_grad()
    def embed(self, batch: Batch, pooling: Pooling = "mean") -> Tensor:
        """Average the vision tower's patches (B, D), or take the first; there is no class token."""
        pixels = pixel_values(batch["images"].to(self.device), self.image_size)
        patches: Tensor = self.model.model.vision_tower(pixel_values=pixels.to(self.model.dtype)).last_hidden_state
        return patches.float().mean(1) if pooling == "mean" else patches[:, 0].float()

    def encode(self, images: Tensor) -> Tensor:
        """Encode images (B, 3, H, W) to the image tokens' embeddings (B, P, D); see `Captioner`."""
        pixels = pixel_values(images.to(self.device), self.image_size).to(self.model.dtype)
        features: Tensor = self.model.get_image_features(pixels, return_dict=True).pooler_output
        return features

    @contextmanager
    def repeated(self, batch: Batch, times: int) -> Iterator[Tensor]:
        """Give what stands for each image several times; where the model encodes within its own pass, the image."""
        if self._encodes_within(batch):
            yield batch["images"].repeat_interleave(times, 0)
        else:
            with super().repeated(batch, times) as images:
                yield images

    def inputs(self, batch: Batch, ids: Tensor, width: int) -> dict[str, Any]:
        """Give the image, and where it is in token ids (B, T); see `ChatCaptioner`."""
        # Without these, image tokens silently attend backwards only (huggingface/transformers#38080).
        inputs: dict[str, Any] = {"token_type_ids": (ids == self.image_token).long()}
        if self._encodes_within(batch):
            pixels = pixel_values(batch["images"].to(ids.device), self.image_size)
            return inputs | {"pixel_values": pixels.to(self.model.dtype)}
        return inputs | {
            "mm_encoder_outputs": {"image": BaseModelOutputWithPooling(pooler_output=self.features(batch))}
        }

    def _encodes_within(self, batch: Batch) -> bool:
        """Whether the model encodes images in its own pass: weights spread over ranks must be used by it first."""
        known = self._kept is not None and "features" in batch
        shared = self._shared is not None and self._shared.images is batch["images"]
        return not known and not shared and (self.training or self.device_mesh is not None)
