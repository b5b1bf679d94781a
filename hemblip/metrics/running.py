"""Scores as torchmetrics, for anybody's LightningModule; their states are sums, so that they are exact over ranks.

self.accuracy = AttributeAccuracy()
self.accuracy.update(captions, annotations)
self.log_dict(self.accuracy.compute())
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from hemblip.metrics.attributes import confusion_scores, contrasted
from hemblip.metrics.corpus_bleu import corpus_bleu_sums
from hemblip.metrics.text import SENTENCE_SCORES, sentence_columns
from hemblip.morphology import KEYS, SCHEMA, extract_attributes

Stated = str | Mapping[str, str | None]
"""A caption, or what was read from one."""


class AttributeAccuracy(Metric):
    """Share of annotated attributes that captions state right, silence being wrong (PROTOCOL of the paper's Table 2).

    `compute` gives `accuracy`, `coverage` and `macro_f1`, means over the attributes that are annotated with more than
    one value, and `accuracy_<key>` of each attribute that is annotated, as scalars, 0 to 1; they are those of
    `hemblip.metrics.score` to the last digit. What nothing is known of is left out.
    """

    full_state_update = False
    higher_is_better = True

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for key in KEYS:
            size = len(SCHEMA[key])
            zeros = torch.zeros((size, size + 1), dtype=torch.float64)  # annotated, stated value, silence last
            self.add_state(f"counts_{key}", zeros, dist_reduce_fx="sum")

    def update(self, captions: Sequence[Stated], annotations: Sequence[Mapping[str, str | None]]) -> None:
        """Add cells.

        Args:
            captions: texts, or mappings of attributes that were read from them.
            annotations: mappings of attribute keys to values; what is missing or None is not annotated.

        Raises:
            ValueError: the lists differ in length.
            KeyError: a value is not in the schema.
        """
        for caption, truth in zip(captions, annotations, strict=True):
            stated = extract_attributes(caption) if isinstance(caption, str) else caption
            for key in KEYS:
                if (value := truth.get(key)) is None:
                    continue
                said = stated.get(key)
                column = len(SCHEMA[key]) if said is None else _place(key, said)
                getattr(self, f"counts_{key}")[_place(key, value), column] += 1

    def compute(self) -> dict[str, Tensor]:
        """Give the scores; see the class."""
        found: dict[str, list[float]] = {"accuracy": [], "coverage": [], "macro_f1": []}
        each = {}
        for key in KEYS:
            counts = getattr(self, f"counts_{key}").cpu().numpy()
            if not counts.any():
                continue
            scores = confusion_scores(counts)
            each[f"accuracy_{key}"] = float(scores["accuracy"])
            if contrasted(counts):
                for name, values in found.items():
                    values.append(float(scores[name]))
        means = {name: sum(values) / len(values) for name, values in found.items() if values}
        return {name: torch.tensor(value, dtype=torch.float64) for name, value in {**means, **each}.items()}


class CaptionText(Metric):
    """BLEU and ROUGE-L of captions against one reference each.

    `compute` gives `bleu` and `bleu_raw` (mean sentence BLEU, 0 to 1), `rouge_l` (0 to 1) and `sacrebleu` (of the
    corpus, 0 to 100), those of `hemblip.metrics.text_scores`; nothing without captions.
    """

    full_state_update = False
    higher_is_better = True
    sums: Tensor
    ngrams: Tensor

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, size in (("sums", len(SENTENCE_SCORES) + 1), ("ngrams", 10)):
            self.add_state(name, torch.zeros(size, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, captions: Sequence[str], references: Sequence[str]) -> None:
        """Add captions and their references, as many texts."""
        if not captions:
            return
        sums = [float(values.sum()) for values in sentence_columns(references, captions).values()]
        self.sums += torch.tensor([*sums, len(captions)], dtype=torch.float64, device=self.sums.device)
        ngrams = corpus_bleu_sums(references, captions).total
        self.ngrams += torch.from_numpy(ngrams).to(self.ngrams.device)

    def compute(self) -> dict[str, Tensor]:
        """Give the scores; see the class."""
        *sums, count = self.sums.tolist()
        if not count:
            return {}
        corpus = corpus_bleu_sums(["a"], ["a"]).score(self.ngrams.cpu().numpy())[0]
        values = {name: value / count for name, value in zip(SENTENCE_SCORES, sums, strict=True)}
        values["sacrebleu"] = float(corpus)
        return {name: torch.tensor(value, dtype=torch.float64) for name, value in values.items()}


def _place(key: str, value: str) -> int:
    if value not in SCHEMA[key]:
        raise KeyError(f"unknown {key} '{value}'; the schema has {', '.join(SCHEMA[key])}")
    return SCHEMA[key].index(value)
