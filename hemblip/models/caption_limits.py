"""Captions that a model cannot learn or write as they are: told before training, not met in the scores."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import lightning as L
from lightning.pytorch.utilities import rank_zero_only

MOSTLY = 0.5
"""Share of a caption's tokens from which on it counts as unknown to the tokenizer."""


def caption_notes(captions: Sequence[str], tokenizer: Any, positions: int | None, generated: int) -> list[str]:
    """Say how many captions are longer than the model takes or writes, or in words that it does not know.

    Args:
        captions: of all cells; each counts once.
        tokenizer: of the captioner.
        positions: most tokens of a caption that the model takes, with its two marks; None for no limit.
        generated: most tokens that are generated, with the end mark.

    Returns:
        A line for each kind that there is.
    """
    texts = list(dict.fromkeys(captions))
    if not texts:
        return []
    ids = tokenizer(texts, add_special_tokens=False).input_ids
    lengths, unknown = [len(tokens) for tokens in ids], tokenizer.unk_token_id
    strange = [
        text for text, tokens in zip(texts, ids, strict=True) if tokens and tokens.count(unknown) > MOSTLY * len(tokens)
    ]
    notes = []
    if positions is not None and (cut := sum(length + 2 > positions for length in lengths)):
        notes.append(
            f"{cut} of {len(texts)} captions are longer than the {positions - 2} tokens that the model takes, the "
            f"longest has {max(lengths)}; they are cut there: shorten them"
        )
    if long := sum(length + 1 > generated for length in lengths):
        notes.append(
            f"{long} of {len(texts)} captions are longer than what is generated, the longest has {max(lengths) + 1} "
            f"tokens and model.init_args.decoding.max_new_tokens is {generated}; set it higher or shorten them"
        )
    if strange:
        notes.append(
            f"{len(strange)} of {len(texts)} captions are mostly tokens that the model does not know, first: "
            f"{strange[0][:80]!r}; write them in English"
        )
    return notes


class CaptionLimits(L.Callback):
    """Print the notes on a run's captions before training."""

    @rank_zero_only
    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Look at the captions of all cells."""
        if (cells := getattr(trainer.datamodule, "manifest", None)) is None:  # type: ignore[attr-defined]
            return
        captioner: Any = pl_module
        limits = (captioner.caption_positions, captioner.decoding.max_new_tokens)
        for note in caption_notes(list(chain(*cells["captions"])), captioner.tokenizer, *limits):
            print(f"note: {note}")
