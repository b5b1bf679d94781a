"""Gemma 3 with images, from the hub, a folder, or built small: weights, tokenizer, memory needed."""

import importlib.util
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import AutoTokenizer, BitsAndBytesConfig, Gemma3Config, Gemma3ForConditionalGeneration
from transformers import PreTrainedTokenizerBase as Tokenizer

from hemblip.errors import ConfigError
from hemblip.models.access import check_found, check_memory, local_device, reaching, weight_bytes, where
from hemblip.models.compact_gemma import compact_gemma, compact_revision, compact_tokenizer

MEDGEMMA = "google/medgemma-4b-it"

MEDGEMMA_REVISION = "290cda5eeccbee130f987c4ad74a59ae6f196408"
"""The commit on the hub that results refer to."""

COMPACT = "compact"

SMALLER = (
    "use a machine with more, or `quantize_4bit: true` on a GPU (pip install 'hemblip[quantize]'), or "
    "`pretrained: compact`"
)


def load(
    pretrained: str, revision: str | None, quantize_4bit: bool, whole_layers: int = 0
) -> tuple[Gemma3ForConditionalGeneration, Tokenizer, str | None]:
    """Load or build the model.

    Args:
        pretrained: hub id, folder, or `compact`.
        revision: commit on the hub; None for the one that results refer to.
        quantize_4bit: keep the frozen weights in 4 bits (bitsandbytes, needs a GPU).
        whole_layers: decoder layers, from the last, that are to train and so stay as they are.

    Returns:
        The model (bfloat16 where there is a GPU, float32 otherwise), its tokenizer, and the revision of its weights.

    Raises:
        ConfigError: the model is not a Gemma 3 with images, weights are missing or of another shape, or 4 bits are
            asked for without bitsandbytes or GPU.
        ModelAccessError: no network, token, licence or memory.
    """
    if pretrained == COMPACT:
        if quantize_4bit:
            raise ConfigError("quantize_4bit: true does not go with pretrained: compact; leave it out")
        tokenizer = compact_tokenizer()
        return compact_gemma(tokenizer), tokenizer, compact_revision(tokenizer)
    revision = revision or (MEDGEMMA_REVISION if pretrained == MEDGEMMA else None)
    if quantize_4bit:
        check_quantization()
    dtype = torch.bfloat16 if torch.cuda.is_available() else torch.float32
    with reaching(pretrained, revision):
        config = Gemma3Config.from_pretrained(pretrained, **where(pretrained, revision))
        tokenizer = AutoTokenizer.from_pretrained(pretrained, **where(pretrained, revision))
    if config.model_type != "gemma3" or not hasattr(tokenizer, "boi_token"):
        raise ConfigError(f"pretrained '{pretrained}' is not a Gemma 3 with images; use for example {MEDGEMMA}")
    quantization = quantized(config, whole_layers) if quantize_4bit else {}
    needed = weight_bytes(Gemma3ForConditionalGeneration, config, dtype)
    check_memory(pretrained, needed // (3 if quantize_4bit else 1), SMALLER)
    with reaching(pretrained, revision):
        model, report = Gemma3ForConditionalGeneration.from_pretrained(
            pretrained,
            **where(pretrained, revision),
            dtype=dtype,
            attn_implementation="sdpa",
            output_loading_info=True,
            **quantization,
        )
    check_found(pretrained, report)
    return model, tokenizer, revision


def check_quantization() -> None:
    """Look for what 4-bit weights take.

    Raises:
        ConfigError: there is no GPU, or bitsandbytes is not installed.
    """
    if not torch.cuda.is_available():
        raise ConfigError("quantize_4bit: true needs a GPU; none is visible, so set it to false")
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ConfigError("quantize_4bit: true needs bitsandbytes; install it with `pip install 'hemblip[quantize]'`")


def quantized(config: Gemma3Config, whole_layers: int) -> dict[str, Any]:
    """Give the arguments with which `from_pretrained` keeps most of the language model in 4 bits."""
    layers = config.text_config.num_hidden_layers
    trained = [f"model.language_model.layers.{layer}" for layer in range(layers - whole_layers, layers)]
    settings = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
        # The tower and the head are small beside the language model and lose most by rounding. Names from the start:
        # the library compares them so.
        llm_int8_skip_modules=["model.vision_tower", "model.multi_modal_projector", "lm_head", *trained],
    )
    device = local_device() if torch.cuda.is_available() else "cpu"
    return {"quantization_config": settings, "device_map": {"": device}}


def pixel_values(images: Tensor, size: int) -> Tensor:
    """Prepare images as `Gemma3ImageProcessor` does, on their device.

    Equal to the processor given the same pixels. Cells come at `data.init_args.image_size`: where that is less than
    `size`, a cell was resized once before, which the processor alone would not do.

    Args:
        images: uint8 (B, 3, H, W), RGB.
        size: side that the vision tower expects, in pixels (896 in MedGEMMA).

    Returns:
        float32 (B, 3, size, size) in [-1, 1]: bilinear, rounded to whole grey levels, mean and deviation 0.5.
    """
    pixels = images.float()
    if images.shape[-2:] != (size, size):
        pixels = functional.interpolate(pixels, (size, size), mode="bilinear", antialias=True).round().clamp(0, 255)
    return pixels / 127.5 - 1.0
