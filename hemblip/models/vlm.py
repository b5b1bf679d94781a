"""Any image-text chat model of transformers as a captioner: Qwen-VL, SmolVLM, InternVL, PaliGemma, Gemma 3."""

import inspect
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Literal

import torch
from torch import Tensor, nn
from transformers import (
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    AutoConfig,
    AutoImageProcessor,
    AutoTokenizer,
    GenerationConfig,
)

from hemblip.data.dataset import Batch
from hemblip.errors import ConfigError, check_range
from hemblip.models.access import check_found, check_memory, reaching, weight_bytes, where
from hemblip.models.adapters import add_adapters
from hemblip.models.answering import answer_ids
from hemblip.models.captioner import Pooling
from hemblip.models.chat import ChatCaptioner
from hemblip.models.decoding import GREEDY, Decoding
from hemblip.models.gemma_prompt import QUESTION
from hemblip.models.gemma_weights import MEDGEMMA, MEDGEMMA_REVISION
from hemblip.models.vlm_prompt import BLOCKS, end_of_turn, prompt_ids

TOWERS = ("vision_tower", "visual", "vision_model")
"""What transformers calls the vision encoder of such models."""

KNOWN = ", ".join(BLOCKS)

SMALLER = "use a machine with more, or a smaller model"

WHOLE_IMAGE = {"do_image_splitting", "do_pan_and_scan", "crop_to_patches"}
"""Settings of image processors that would cut an image into tiles: a cell is one."""

REVISIONS: Mapping[str, str] = MappingProxyType(
    {
        MEDGEMMA: MEDGEMMA_REVISION,
        "google/medgemma-1.5-4b-it": "91850547d9f0b2fdd21aa7c5f4f3d1a8a52c243b",
        "Qwen/Qwen3-VL-4B-Instruct": "ebb281ec70b05090aa6165b016eac8ec08e71b17",
        "HuggingFaceTB/SmolVLM2-2.2B-Instruct": "482adb537c021c86670beed01cd58990d01e72e4",
    }
)
"""Commits on the hub that results refer to."""


class VlmCaptioner(ChatCaptioner):
    """An image-text model by name, asked to describe one cell.

    Images go through the model's own image processor; the loss is that of the answer alone.

    Args:
        pretrained: hub id or folder of a model that `AutoModelForImageTextToText` loads.
        revision: commit on the hub; None for the one that results refer to, see `REVISIONS`.
        adaptation: `base` = as published, only tested; `lora` = adapters on the language model's attention; `full` =
            everything but the vision encoder trains.
        lora_rank: width of the adapters.
        lora_alpha: their scale, divided by the rank.
        lora_dropout: share of their inputs dropped in training, in [0, 1).
        train_vision: the vision encoder trains too: adapters on its attention under `lora`, all of it under `full`.
        system_prompt: who the model is; may be empty.
        question: what it is asked about the image.
        image_size: side in pixels at which cells are given to the image processor; it resizes as the model needs.
        gradient_checkpointing: recompute activations in the backward pass, for less memory and more time.
        decoding: how captions are generated.
        **optimisation: `learning_rate`, `weight_decay`, `warmup`, `schedule` of `Captioner`.

    Raises:
        ConfigError: the model is of no kind whose prompts are known, cannot be asked so, or lacks weights.
        ModelAccessError: no network, token, licence or memory.
    """

    takes_features = False

    def __init__(
        self,
        pretrained: str,
        revision: str | None = None,
        adaptation: Literal["base", "lora", "full"] = "lora",
        lora_rank: int = 8,
        lora_alpha: int = 16,
        lora_dropout: float = 0.05,
        train_vision: bool = False,
        system_prompt: str = "",
        question: str = QUESTION,
        image_size: int = 384,
        gradient_checkpointing: bool = False,
        decoding: Decoding = GREEDY,
        **optimisation: Any,
    ) -> None:
        super().__init__(decoding=decoding, **optimisation)
        check_range("model.init_args.image_size", image_size, at_least=1)
        revision = revision or REVISIONS.get(pretrained)
        self.pretrained, self.revision, self.adaptation = pretrained, revision, adaptation
        self.image_size, self.system_prompt, self.question = image_size, system_prompt, question
        with reaching(pretrained, revision):
            found = where(pretrained, revision)
            config = AutoConfig.from_pretrained(pretrained, **found)
            self.kind: str = config.model_type
            if self.kind not in BLOCKS:
                raise ConfigError(f"pretrained '{pretrained}' is of kind '{self.kind}'; take one of {KNOWN}")
            network = MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING[type(config)]
            dtype = torch.bfloat16 if torch.cuda.is_available() else torch.float32
            check_memory(pretrained, weight_bytes(network, config, dtype), SMALLER)
            self.tokenizer = AutoTokenizer.from_pretrained(pretrained, **found)
            # The Pillow one: images are the same with and without torchvision.
            self.image_processor = AutoImageProcessor.from_pretrained(pretrained, **found, backend="pil")
            for name in WHOLE_IMAGE & vars(self.image_processor).keys():
                setattr(self.image_processor, name, False)
            self.model, report = network.from_pretrained(pretrained, **found, dtype=dtype, output_loading_info=True)
        check_found(pretrained, report)
        config = self.model.config
        self.image_token: int = getattr(config, "image_token_id", None) or config.image_token_index
        self.end = end_of_turn(self.tokenizer)
        if self.tokenizer.pad_token_id in (None, self.end):  # it is left out of losses, and never written
            raise ConfigError(
                f"pretrained '{pretrained}' has no padding token beside the one that ends an answer; name another "
                "`pad_token` in its tokenizer_config.json"
            )
        self._accepted = set(inspect.signature(self.model.forward).parameters)
        with torch.no_grad():
            blank = torch.zeros(1, 3, image_size, image_size, dtype=torch.uint8)
            self._image_tokens = self.encode(blank).shape[1]
        self.register_buffer("prompt", self.prompt_of(question), persistent=False)
        self._adapt(adaptation, lora_rank, lora_alpha, lora_dropout, train_vision)
        if gradient_checkpointing:
            self.model.gradient_checkpointing_enable({"use_reentrant": False})
        self.train()

    def _adapt(self, adaptation: str, rank: int, alpha: int, dropout: float, vision: bool) -> None:
        """Choose what trains."""
        self.model.requires_grad_(adaptation == "full")
        tower = tower_of(self.model)
        self.frozen = () if vision else (f"model.{tower}",)
        if adaptation == "full" and not vision:
            self.model.get_submodule(tower).requires_grad_(False)
        if adaptation != "lora":
            return
        names = [name for name in attention_layers(self.model) if vision or not name.startswith(f"{tower}.")]
        add_adapters(self.model, "|".join(map(re.escape, names)), rank, alpha, dropout, [])
        for parameter in self.model.parameters():
            if parameter.requires_grad:
                # Steps of 5e-5 would be lost in the 8 bits of a bfloat16 weight.
                parameter.data = parameter.data.float()

    def answer_ids(self, captions: list[str]) -> Tensor:
        """Write captions and the end of the turn as token ids (B, A); see `Captioner`."""
        return answer_ids(self.tokenizer, captions, self.end).to(self.device)

    def answer_logits(self, batch: Batch, answers: Tensor) -> Tensor:
        """Give the logits (B, A, words) that predict `answers` (B, A); see `Captioner`."""
        prompts, asked = self.prompts(batch)  # (B, P)
        ids, pad = torch.cat([prompts, answers], 1), self.tokenizer.pad_token_id
        kept: dict[str, Any] = {}
        # Position p predicts token p + 1: from the prompt's last token to the last but one of the answer.
        positions = torch.arange(prompts.shape[1] - 1, ids.shape[1] - 1, device=ids.device)
        if "logits_to_keep" in self._accepted:
            kept["logits_to_keep"] = positions
        logits: Tensor = self.model(
            input_ids=ids,
            **self.inputs(batch, ids, prompts.shape[1]),
            attention_mask=torch.cat([asked, (answers != pad).long()], 1),
            use_cache=False,
            **kept,
        ).logits
        return logits if kept else logits[:, positions]

    def inputs(self, batch: Batch, ids: Tensor, width: int) -> dict[str, Any]:
        """Give the image, and where it is in token ids (B, T); see `ChatCaptioner`."""
        inputs = self._pixels(batch["images"])
        if "mm_token_type_ids" in self._accepted:
            inputs["mm_token_type_ids"] = (ids == self.image_token).long()
        if "token_type_ids" in self._accepted:
            # Gemma 3: where the image is; PaliGemma: what is answered, the rest being read both ways.
            places = ids == self.image_token
            if self.kind == "paligemma":
                places = torch.arange(ids.shape[1], device=ids.device).expand_as(ids) >= width
            inputs["token_type_ids"] = places.long()
        return inputs

    def _pixels(self, images: Tensor) -> dict[str, Any]:
        """Prepare images (B, 3, H, W) uint8 as the model's own processor does."""
        pictures = list(images.permute(0, 2, 3, 1).cpu().numpy())
        if self.kind in ("idefics3", "smolvlm"):
            pictures = [[picture] for picture in pictures]  # several images a text are possible
        made = self.image_processor(images=pictures, return_tensors="pt")
        return {
            name: value.to(self.device, self.model.dtype if value.is_floating_point() else None)
            for name, value in made.items()
            if name in self._accepted
        }

    def prompt_of(self, question: str) -> Tensor:
        """Write the prompt that asks a question (P,); see `ChatCaptioner`."""
        token, count = self.image_token, self._image_tokens
        return prompt_ids(self.tokenizer, self.kind, self.system_prompt, question, token, count)

    def generation_config(self) -> GenerationConfig:
        """Give `decoding` as transformers names it."""
        return GenerationConfig(
            **self.decoding.settings(),
            bos_token_id=self.tokenizer.bos_token_id,
            eos_token_id=sorted({self.end, self.tokenizer.eos_token_id}),
            suppress_tokens=[self.image_token, self.tokenizer.pad_token_id],  # an answer holds no image and no gap
            pad_token_id=self.tokenizer.pad_token_id,
        )

    def encode(self, images: Tensor) -> Tensor:
        """Encode images (B, 3, H, W) to what stands in place of the image tokens: (B, P, D); see `Captioner`."""
        pixels = self._pixels(images)
        wanted = inspect.signature(self.model.get_image_features).parameters
        found = self.model.get_image_features(
            **{name: pixels[name] for name in pixels if name in wanted}, return_dict=True
        )
        features = getattr(found, "pooler_output", found)
        if isinstance(features, list | tuple):
            features = torch.cat([part.reshape(-1, part.shape[-1]) for part in features])
        return features.reshape(len(images), -1, features.shape[-1])  # type: ignore[no-any-return]

    @torch.no_grad()
    def embed(self, batch: Batch, pooling: Pooling = "mean") -> Tensor:
        """Average what stands in place of the image tokens (B, D), or take the first; see `Captioner`."""
        patches = self.encode(batch["images"]).float()
        return patches.mean(1) if pooling == "mean" else patches[:, 0]

    @contextmanager
    def encoded_once(self, batch: Batch) -> Iterator[None]:
        """Do nothing: the model encodes images within its own pass."""
        yield

    @contextmanager
    def repeated(self, batch: Batch, times: int) -> Iterator[Tensor]:
        """Give each image several times: the model encodes images within its own pass."""
        yield batch["images"].repeat_interleave(times, 0)


def tower_of(model: nn.Module) -> str:
    """Name the vision encoder.

    Raises:
        ConfigError: there is none of a known name.
    """
    found = [name for name, _ in model.named_modules() if name.rpartition(".")[2] in TOWERS]
    if not found:
        raise ConfigError(f"{type(model).__name__} has no vision encoder called {' or '.join(TOWERS)}")
    return str(min(found, key=len))


def attention_layers(model: nn.Module) -> list[str]:
    """Name the linear layers of all attention modules, by what they are in, not by what they are called."""
    within = [name for name, module in model.named_modules() if type(module).__name__.endswith("Attention")]
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and any(name.startswith(f"{outer}.") for outer in within)
    ]
