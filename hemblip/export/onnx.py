"""BLIP as two ONNX files: the vision encoder, run once an image, and the decoder, run once a word."""

import importlib.util
import logging
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hemblip.errors import ConfigError
from hemblip.models.blip import BlipCaptioner

VISION, WORDS = "vision.onnx", "words.onnx"

TOLERANCE = 1e-3
"""Largest difference of logits to PyTorch that is taken for rounding."""

CODE = """\
import numpy as np
import onnxruntime

vision = onnxruntime.InferenceSession("{folder}/vision.onnx")
words = onnxruntime.InferenceSession("{folder}/words.onnx")
patches = vision.run(None, {{"pixel_values": pixels.numpy()}})[0]
tokens = [{start}]
while tokens[-1] != {end} and len(tokens) <= {longest}:
    logits = words.run(None, {{"input_ids": np.array([tokens]), "patches": patches}})[0]
    tokens.append(int(logits[0].argmax()))
caption = processor.decode(tokens, skip_special_tokens=True).strip()
print(caption)"""


class Vision(nn.Module):
    """Normalised pixels (B, 3, H, W) -> patches (B, P, D)."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.vision_model: Any = model.vision_model

    def forward(self, pixel_values: Tensor) -> Tensor:
        """Encode."""
        patches: Tensor = self.vision_model(pixel_values=pixel_values).last_hidden_state
        return patches


class Words(nn.Module):
    """Token ids (B, T) and patches (B, P, D) -> logits (B, words) of the next token."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.text_decoder: Any = model.text_decoder

    def forward(self, input_ids: Tensor, patches: Tensor) -> Tensor:
        """Decode without a cache: captions are short, and two files with two inputs each are easy to use."""
        logits: Tensor = self.text_decoder(
            input_ids=input_ids,
            attention_mask=torch.ones_like(input_ids),
            encoder_hidden_states=patches,
            use_cache=False,
        ).logits
        return logits[:, -1]


def check_packages() -> None:
    """Look for what writing takes.

    Raises:
        ConfigError: a package is not installed.
    """
    for package in ("onnx", "onnxscript", "onnxruntime"):
        if importlib.util.find_spec(package) is None:
            raise ConfigError(f"--onnx true needs {package}; install it with `pip install 'hemblip[onnx]'`")


@torch.no_grad()
def write_onnx(captioner: BlipCaptioner, folder: Path) -> None:
    """Write both files and compare what they compute with PyTorch.

    Args:
        captioner: without adapters.
        folder: exists.

    Raises:
        ConfigError: the files compute something else.
    """
    draw = torch.Generator().manual_seed(0)
    side, text = captioner.image_size, captioner.model.config.text_config
    pixels = torch.randn((2, 3, side, side), generator=draw)
    ids = torch.randint(0, text.vocab_size, (2, 5), generator=draw)
    vision, words = Vision(captioner.model).eval(), Words(captioner.model).eval()
    batch = torch.export.Dim("batch")
    # One position less than there are: torch specialises on the bound itself.
    length = torch.export.Dim("length", max=text.max_position_embeddings - 1)
    patches = vision(pixels)
    shapes: dict[str, Any] = {"input_ids": {0: batch, 1: length}, "patches": {0: batch}}
    _write(vision, {"pixel_values": pixels}, "patches", {"pixel_values": {0: batch}}, folder / VISION)
    _write(words, {"input_ids": ids, "patches": patches}, "logits", shapes, folder / WORDS)
    _compare(folder, pixels[:1], ids[:1, :3], words(ids[:1, :3], patches[:1]))


def _write(network: nn.Module, inputs: dict[str, Tensor], output: str, shapes: dict[str, Any], path: Path) -> None:
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)  # it misses torchvision, which nothing here uses
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                network,
                tuple(inputs.values()),
                path,
                input_names=list(inputs),
                output_names=[output],
                dynamic_shapes=shapes,
                external_data=False,
                dynamo=True,
                verbose=False,
            )
    finally:
        exporter.setLevel(level)


def _compare(folder: Path, pixels: Tensor, ids: Tensor, expected: Tensor) -> None:
    import onnxruntime

    vision, words = (onnxruntime.InferenceSession(folder / name) for name in (VISION, WORDS))
    patches = vision.run(None, {"pixel_values": pixels.numpy()})[0]
    logits = torch.from_numpy(words.run(None, {"input_ids": ids.numpy(), "patches": patches})[0])
    difference = float((logits - expected).abs().max())
    if difference > TOLERANCE:
        raise ConfigError(f"--onnx true: the files differ from PyTorch by {difference:.2g}; leave it out, report it")


def onnx_code(captioner: BlipCaptioner, folder: str) -> str:
    """Give Python lines that go on from the card's `processor` and `pixels` to a greedy caption."""
    settings = captioner.generation_config()
    return CODE.format(
        folder=folder,
        start=settings.bos_token_id,
        end=settings.eos_token_id,
        longest=settings.max_new_tokens,
    )
