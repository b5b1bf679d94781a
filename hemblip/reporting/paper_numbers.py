"""The figures of Tables 1 to 3 as van Logtestijn and Manescu published them, shown beside ours and marked as theirs.

They were measured on other cells, on references re-extracted from paraphrases, and count only what a caption states.
"""

from collections.abc import Mapping
from types import MappingProxyType

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

MODELS = ("HemBLIP Full", "HemBLIP LoRA", "MedGEMMA Base", "MedGEMMA LoRA")

TEXT: Mapping[str, Mapping[str, Mapping[str, float]]] = MappingProxyType(
    {
        "HemBLIP Full": {
            "test": {"bleu_raw": 0.24, "rouge_l": 0.42, "bertscore_raw": 0.83},
            "external": {"bleu_raw": 0.02, "rouge_l": 0.22, "bertscore_raw": 0.77},
        },
        "HemBLIP LoRA": {
            "test": {"bleu_raw": 0.27, "rouge_l": 0.49, "bertscore_raw": 0.86},
            "external": {"bleu_raw": 0.02, "rouge_l": 0.25, "bertscore_raw": 0.78},
        },
        "MedGEMMA Base": {
            "test": {"bleu_raw": 0.02, "rouge_l": 0.13, "bertscore_raw": 0.74},
            "external": {"bleu_raw": 0.02, "rouge_l": 0.18, "bertscore_raw": 0.74},
        },
        "MedGEMMA LoRA": {
            "test": {"bleu_raw": 0.31, "rouge_l": 0.52, "bertscore_raw": 0.87},
            "external": {"bleu_raw": 0.02, "rouge_l": 0.23, "bertscore_raw": 0.77},
        },
    }
)
"""Table 1: model -> split -> score."""

_TABLE2 = {
    "cell_type": (73.26, 38.60, 72.40, 29.58, 14.70, 7.93, 57.73, 22.45),
    "chromatin": (52.72, 32.41, 55.47, 31.12, 51.93, 42.59, 59.30, 31.36),
    "cytoplasm_amount": (70.35, 50.23, 69.87, 43.91, 26.67, 0.00, 57.37, 35.99),
    "diagnosis": (79.14, 43.45, 82.27, 53.85, 16.96, 21.74, 54.09, 41.03),
    "nucleus_shape": (77.38, 7.91, 72.90, 14.25, 56.62, 65.68, 64.22, 12.06),
    "cell_shape": (77.44, 11.46, 77.68, 15.78, 61.79, 14.99, 75.80, 17.79),
    "cell_size": (91.80, 47.78, 85.37, 41.07, 32.33, 19.90, 81.15, 31.23),
}

FEATURES: Mapping[str, str] = MappingProxyType(
    {
        "cell_type": "Cell type",
        "chromatin": "Nuclear chromatin texture",
        "cytoplasm_amount": "Cytoplasm amount",
        "diagnosis": "Diagnosis",
        "nucleus_shape": "Nuclear shape",
        "cell_shape": "Overall shape",
        "cell_size": "Cell size",
    }
)
"""Rows of Table 2: schema key -> the paper's name, in its order."""

ATTRIBUTES: Mapping[str, Mapping[str, Mapping[str, float]]] = MappingProxyType(
    {
        model: {
            split: {key: values[2 * column + place] / 100 for key, values in _TABLE2.items()}
            for place, split in enumerate(("test", "external"))
        }
        for column, model in enumerate(MODELS)
    }
)
"""Table 2: model -> split -> key -> accuracy over the captions that state the attribute, 0 to 1."""

PROBES: Mapping[str, Mapping[str, tuple[float, float, float, float]]] = MappingProxyType(
    {
        "subtype": {
            "HemBLIP Full": (0.848, 0.834, 0.517, 0.474),
            "BLIP Base": (0.807, 0.804, 0.501, 0.516),
            "MedGEMMA": (0.708, 0.713, 0.456, 0.474),
        },
        "cell_type": {
            "HemBLIP Full": (0.595, 0.644, 0.330, 0.363),
            "BLIP Base": (0.520, 0.570, 0.151, 0.183),
            "MedGEMMA": (0.344, 0.353, 0.117, 0.132),
        },
    }
)
"""Table 3: task -> backbone -> internal accuracy and weighted F1, external accuracy and weighted F1; cosine head."""
