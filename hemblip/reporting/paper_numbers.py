"""The figures of Tables 1 to 3 as van Logtestijn and Manescu published them, shown beside ours and marked as theirs.

They were measured on other cells, on references re-extracted from paraphrases, and count only what a caption states.
The figures themselves are in `paper_numbers.yaml`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

CITATION = (
    "van Logtestijn and Manescu, HemBLIP: a vision-language model for interpretable leukemia cell morphology analysis"
)

CAVEAT = (
    "Published by the paper on its own split of its own cells, without intervals: shown for orientation, not as a "
    "like-for-like comparison."
)

CAVEAT_ACCURACY = "Their accuracies count only cells whose caption states the attribute; how many is not given."

ENCODER = "BioBERT (dmis-lab/biobert-base-cased-v1.1), layer 12"
"""Of the paper's BERTScore."""

_FIGURES = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))

_SPLITS, _SCORES = ("test", "external"), ("bleu_raw", "rouge_l", "bertscore_raw")

TEXT: Mapping[str, Mapping[str, Mapping[str, float]]] = {
    model: {split: dict(zip(_SCORES, values, strict=True)) for split, values in zip(_SPLITS, places, strict=True)}
    for model, places in _FIGURES["table1"].items()
}
"""Table 1: model -> split -> score."""

MODELS = tuple(TEXT)

FEATURES: Mapping[str, str] = {key: row["name"] for key, row in _FIGURES["table2"].items()}
"""Rows of Table 2: schema key -> the paper's name, in its order."""

ATTRIBUTES: Mapping[str, Mapping[str, Mapping[str, float]]] = {
    model: {
        split: {key: row["percent"][2 * column + place] / 100 for key, row in _FIGURES["table2"].items()}
        for place, split in enumerate(_SPLITS)
    }
    for column, model in enumerate(MODELS)
}
"""Table 2: model -> split -> key -> accuracy over the captions that state the attribute, 0 to 1."""

PROBES: Mapping[str, Mapping[str, Sequence[float]]] = _FIGURES["table3"]
"""Table 3: task -> backbone -> internal accuracy and weighted F1, external accuracy and weighted F1; cosine head."""
