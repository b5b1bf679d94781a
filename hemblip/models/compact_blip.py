"""BLIP at small size: the same classes with random weights, a convolutional stem and a tokenizer built offline."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from transformers import BertTokenizer, BlipConfig

from hemblip.errors import ConfigError, check_range
from hemblip.models.compact_gemma import corpus
from hemblip.models.conv_stem import ConvStemBlip

MOST = {
    "image_size": 4_096,
    "stem_stride": 64,
    "stem_blocks": 32,
    "hidden_size": 8_192,
    "vision_layers": 200,
    "decoder_layers": 200,
    "heads": 256,
}
"""Larger sizes are surely no compact model's."""

STAGES = 8
"""Most of a stem: more would halve any picture away."""

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "[ENC]")


@dataclass(frozen=True)
class CompactBlip:
    """Size of the compact model.

    Args:
        image_size: side of the square input in pixels, a multiple of `patch_size`.
        stem: channels of the stem's stages; those after the first halve the resolution.
        stem_stride: of the first stage; with 4 in place of 2 a step takes a quarter less time.
        stem_blocks: residual blocks of each stage after the first.
        hidden_size: width of vision encoder and decoder.
        vision_layers: transformer layers of the vision encoder.
        decoder_layers: transformer layers of the text decoder.
        heads: attention heads of both.
        dropout: share of activations dropped in the decoder while training, in [0, 1).
    """

    image_size: int = 96
    stem: Sequence[int] = (32, 48, 96, 160)
    stem_stride: int = 2
    stem_blocks: int = 1
    hidden_size: int = 160
    vision_layers: int = 2
    decoder_layers: int = 2
    heads: int = 4
    dropout: float = 0.1

    def __post_init__(self) -> None:
        for name, most in MOST.items():
            check_range(f"compact.{name}", getattr(self, name), at_least=1, at_most=most)
        check_range("compact.dropout", self.dropout, at_least=0, below=1)
        if not 1 <= len(self.stem) <= STAGES or not all(1 <= channels <= MOST["hidden_size"] for channels in self.stem):
            raise ConfigError(
                f"compact.stem is {self.stem}; give the channels, 1 to {MOST['hidden_size']}, of 1 to {STAGES} stages"
            )
        if self.hidden_size % self.heads:
            raise ConfigError(f"compact.hidden_size {self.hidden_size} is not a multiple of compact.heads {self.heads}")
        if self.image_size % self.patch_size:
            raise ConfigError(f"compact image_size {self.image_size} is not a multiple of {self.patch_size}")

    @property
    def patch_size(self) -> int:
        """Pixels from one output position of the stem to the next."""
        return int(self.stem_stride * 2 ** (len(self.stem) - 1))


@cache
def compact_vocabulary(texts: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Special tokens, the words of our captions and of `texts`, and all characters, so that no text is unreadable."""
    words = sorted({word for text in (*corpus(), *texts) for word in re.findall(r"\w+|[^\w\s]", text.lower())})
    characters = [chr(code) for code in range(33, 127)]
    pieces = [*characters, *(f"##{character}" for character in characters)]
    return tuple(dict.fromkeys([*SPECIAL_TOKENS, *words, *pieces]))


def compact_tokenizer(texts: tuple[str, ...] = ()) -> BertTokenizer:
    """Build BLIP's kind of tokenizer (uncased WordPiece with [DEC] and [ENC]) without a download."""
    tokenizer = BertTokenizer(vocab={word: index for index, word in enumerate(compact_vocabulary(texts))})
    tokenizer.add_special_tokens({"bos_token": "[DEC]", "additional_special_tokens": ["[ENC]"]})
    return tokenizer


def compact_revision(texts: tuple[str, ...] = ()) -> str:
    """Name the vocabulary's content, so that weights are never read with another one."""
    return hashlib.sha256("\n".join(compact_vocabulary(texts)).encode()).hexdigest()[:12]


def compact_blip(tokenizer: BertTokenizer, size: CompactBlip, fixed: bool, kind: Any = ConvStemBlip) -> Any:
    """Build the small captioner with random weights.

    Args:
        tokenizer: from `compact_tokenizer`.
        size: of the model.
        fixed: the same weights every time, for what a checkpoint leaves out; otherwise from the global random state.
        kind: class of the model.
    """
    config = BlipConfig(
        vision_config={
            "hidden_size": size.hidden_size,
            "intermediate_size": 3 * size.hidden_size,
            "num_hidden_layers": size.vision_layers,
            "num_attention_heads": size.heads,
            "image_size": size.image_size,
            "patch_size": size.patch_size,
            "stem": list(size.stem),
            "stem_stride": size.stem_stride,
            "stem_blocks": size.stem_blocks,
            "initializer_range": 0.02,  # the library's default of 1e-10 never leaves zero at this size
        },
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": size.hidden_size,
            "encoder_hidden_size": size.hidden_size,
            "intermediate_size": 3 * size.hidden_size,
            "num_hidden_layers": size.decoder_layers,
            "num_attention_heads": size.heads,
            "max_position_embeddings": 256,
            "hidden_dropout_prob": size.dropout,
            "attention_probs_dropout_prob": 0.0,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.sep_token_id,
            "sep_token_id": tokenizer.sep_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
        projection_dim=size.hidden_size,
        image_text_hidden_size=size.hidden_size,
    )
    with torch.random.fork_rng(devices=[], enabled=fixed):
        if fixed:
            torch.manual_seed(0)
        return kind(config).to(memory_format=torch.channels_last)
