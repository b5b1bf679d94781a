"""The processor of an exported captioner: what turns images and text into the model's inputs, as in training."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from transformers import BlipImageProcessorPil, BlipProcessor, Gemma3ImageProcessorPil, Gemma3Processor
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES
from transformers.utils import PROCESSOR_NAME

from hemblip.models.blip import BlipCaptioner
from hemblip.models.medgemma import MedGemmaCaptioner
from hemblip.models.vlm import VlmCaptioner

TOKENS: Mapping[str, str] = MappingProxyType(
    {
        "gemma3": "image_seq_length",
        "internvl": "image_seq_length",
        "idefics3": "image_seq_len",
        "smolvlm": "image_seq_len",
    }
)
"""Kind of model -> what its processor calls the number of tokens of an image; the others count them."""


def write_processor(captioner: BlipCaptioner | MedGemmaCaptioner | VlmCaptioner, folder: Path) -> None:
    """Write tokenizer, image processor and what holds them together, for `AutoProcessor`."""
    if not isinstance(captioner, VlmCaptioner):
        processor(captioner).save_pretrained(folder)
        return
    # Not by its class: that of a model that takes videos too cannot be made without torchvision.
    captioner.tokenizer.save_pretrained(folder)
    captioner.image_processor.save_pretrained(folder)
    settings: dict[str, str | int] = {"processor_class": PROCESSOR_MAPPING_NAMES[captioner.kind]}
    if captioner.kind in TOKENS:
        settings[TOKENS[captioner.kind]] = int((captioner.prompt == captioner.image_token).sum())
    (folder / PROCESSOR_NAME).write_text(json.dumps(settings, indent=2) + "\n")


def processor(captioner: BlipCaptioner | MedGemmaCaptioner) -> BlipProcessor | Gemma3Processor:
    """Give what turns images and text into the model's inputs."""
    size = {"height": captioner.image_size, "width": captioner.image_size}
    if isinstance(captioner, BlipCaptioner):
        mean, deviation = captioner.normalisation
        images = BlipImageProcessorPil(size=size, image_mean=mean, image_std=deviation)
        return BlipProcessor(images, captioner.tokenizer)
    return Gemma3Processor(
        Gemma3ImageProcessorPil(size=size, do_pan_and_scan=False),
        captioner.tokenizer,
        chat_template=captioner.tokenizer.chat_template,
        image_seq_length=captioner.model.config.mm_tokens_per_image,
    )
