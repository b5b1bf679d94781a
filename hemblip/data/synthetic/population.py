"""Who has which cells: patients, diagnoses, cell types and their attributes, with plausible correlations.

Healthy cells state what WBCAtt annotates, leukemic ones what LeukemiaAttri annotates; what a cell looks like beyond
that is drawn all the same. Frequencies are rounded from the two datasets and from textbook morphology, but vacuoles and
irregular outlines are more frequent than in blood: a training of minutes does not learn what one cell in ten has.
"""

from dataclasses import dataclass

import numpy as np

from hemblip.morphology import HEALTHY, KEYS

Weights = dict[str, float]

CELLS_PER_PATIENT = 10

DIAGNOSES: tuple[str, ...] = (HEALTHY, "ALL", HEALTHY, "AML", HEALTHY, "APML", HEALTHY, "CLL", HEALTHY, "CML")
"""In turn over patients: half are healthy."""

TYPES: dict[str, Weights] = {
    HEALTHY: {"neutrophil": 0.3, "eosinophil": 0.2, "basophil": 0.15, "lymphocyte": 0.2, "monocyte": 0.15},
    "ALL": {"lymphoblast": 0.9, "lymphocyte": 0.1},
    "AML": {"myeloblast": 0.55, "monoblast": 0.22, "promonocyte": 0.15, "monocyte": 0.08},
    "APML": {"abnormal promyelocyte": 0.92, "myeloblast": 0.08},
    "CLL": {"lymphocyte": 0.55, "atypical lymphocyte": 0.45},
    "CML": {
        "neutrophil": 0.28,
        "myelocyte": 0.25,
        "metamyelocyte": 0.25,
        "basophil": 0.09,
        "eosinophil": 0.08,
        "myeloblast": 0.05,
    },
}

HEALTHY_ATTRIBUTES: dict[str, dict[str, Weights]] = {
    "neutrophil": {
        "cell_size": {"small": 0.5, "large": 0.5},
        "cell_shape": {"round": 0.6, "irregular": 0.4},
        "nucleus_shape": {"segmented-multilobed": 0.5, "segmented-bilobed": 0.2, "unsegmented-band": 0.3},
        "nuclear_cytoplasmic_ratio": {"low": 1},
        "chromatin": {"dense": 1},
        "cytoplasm_texture": {"clear": 1},
        "cytoplasm_colour": {"light blue": 1},
        "cytoplasm_vacuoles": {"absent": 0.7, "present": 0.3},
        "granules": {"small": 1},
        "granule_colour": {"pink": 1},
    },
    "eosinophil": {
        "cell_size": {"small": 0.3, "large": 0.7},
        "cell_shape": {"round": 0.6, "irregular": 0.4},
        "nucleus_shape": {"segmented-bilobed": 0.75, "segmented-multilobed": 0.15, "unsegmented-band": 0.1},
        "nuclear_cytoplasmic_ratio": {"low": 1},
        "chromatin": {"dense": 1},
        "cytoplasm_texture": {"clear": 1},
        "cytoplasm_colour": {"light blue": 0.8, "purple blue": 0.2},
        "cytoplasm_vacuoles": {"absent": 0.75, "present": 0.25},
        "granules": {"round": 1},
        "granule_colour": {"red": 1},
    },
    "basophil": {
        "cell_size": {"small": 0.6, "large": 0.4},
        "cell_shape": {"round": 0.6, "irregular": 0.4},
        "nucleus_shape": {"segmented-bilobed": 0.5, "unsegmented-indented": 0.25, "irregular": 0.25},
        "nuclear_cytoplasmic_ratio": {"low": 1},
        "chromatin": {"dense": 1},
        "cytoplasm_texture": {"clear": 1},
        "cytoplasm_colour": {"light blue": 0.5, "purple blue": 0.5},
        "cytoplasm_vacuoles": {"absent": 0.75, "present": 0.25},
        "granules": {"coarse": 1},
        "granule_colour": {"purple": 1},
    },
    "lymphocyte": {
        "cell_size": {"small": 0.8, "large": 0.2},
        "cell_shape": {"round": 0.6, "irregular": 0.4},
        "nucleus_shape": {"unsegmented-round": 0.75, "unsegmented-indented": 0.25},
        "nuclear_cytoplasmic_ratio": {"high": 0.8, "low": 0.2},
        "chromatin": {"dense": 1},
        "cytoplasm_texture": {"clear": 1},
        "cytoplasm_colour": {"light blue": 0.5, "blue": 0.5},
        "cytoplasm_vacuoles": {"absent": 0.8, "present": 0.2},
        "granules": {"absent": 1},
    },
    "monocyte": {
        "cell_size": {"large": 1},
        "cell_shape": {"round": 0.5, "irregular": 0.5},
        "nucleus_shape": {"unsegmented-indented": 0.5, "irregular": 0.3, "unsegmented-band": 0.2},
        "nuclear_cytoplasmic_ratio": {"low": 0.7, "high": 0.3},
        "chromatin": {"loose": 1},
        "cytoplasm_texture": {"frosted": 0.85, "clear": 0.15},
        "cytoplasm_colour": {"purple blue": 0.6, "light blue": 0.2, "blue": 0.2},
        "cytoplasm_vacuoles": {"absent": 0.5, "present": 0.5},
        "granules": {"absent": 1},
    },
}

_BLAST = {"open": 0.85, "coarse": 0.15}
_MATURE = {"open": 0.05, "coarse": 0.95}


def _leukemic(
    size: Weights,
    irregular: float,
    chromatin: Weights,
    prominent: float,
    scanty: float,
    moderate: float,
    vacuoles: float,
) -> dict[str, Weights]:
    return {
        "cell_size": size,
        "nucleus_shape": {"irregular": irregular, "regular": 1 - irregular},
        "chromatin": chromatin,
        "nucleoli": {"prominent": prominent, "inconspicuous": 1 - prominent},
        "cytoplasm_amount": {"scanty": scanty, "abundant": 1 - scanty},
        "cytoplasm_basophilia": {"moderate": moderate, "slight": 1 - moderate},
        "cytoplasm_vacuoles": {"present": vacuoles, "absent": 1 - vacuoles},
    }


_SMALL, _MEDIUM, _LARGE = (
    {"small": 0.85, "medium": 0.15},
    {"medium": 0.8, "large": 0.2},
    {"large": 0.85, "medium": 0.15},
)

LEUKEMIC_ATTRIBUTES: dict[str, dict[str, Weights]] = {
    "lymphoblast": _leukemic({"small": 0.5, "medium": 0.5}, 0.25, _BLAST, 0.6, 1.0, 0.7, 0.3),
    "myeloblast": _leukemic(_MEDIUM, 0.3, _BLAST, 0.85, 0.75, 0.7, 0.25),
    "monoblast": _leukemic(_LARGE, 0.5, _BLAST, 0.85, 0.2, 0.75, 0.5),
    "promonocyte": _leukemic(_LARGE, 1.0, _BLAST, 0.3, 0.05, 0.3, 0.5),
    "abnormal promyelocyte": _leukemic(_LARGE, 0.6, _BLAST, 0.3, 0.1, 0.5, 0.2),
    "atypical lymphocyte": _leukemic(_MEDIUM, 0.6, _MATURE, 0.1, 0.2, 0.6, 0.25),
    "lymphocyte": _leukemic(_SMALL, 0.1, _MATURE, 0.0, 1.0, 0.2, 0.15),
    "monocyte": _leukemic(_LARGE, 1.0, _MATURE, 0.0, 0.0, 0.2, 0.5),
    "neutrophil": _leukemic(_MEDIUM, 1.0, _MATURE, 0.0, 0.0, 0.0, 0.25),
    "eosinophil": _leukemic(_MEDIUM, 1.0, _MATURE, 0.0, 0.0, 0.0, 0.2),
    "basophil": _leukemic(_SMALL, 1.0, _MATURE, 0.0, 0.0, 0.2, 0.2),
    "myelocyte": _leukemic(_MEDIUM, 0.05, _MATURE, 0.1, 0.15, 0.2, 0.2),
    "metamyelocyte": _leukemic(_MEDIUM, 1.0, _MATURE, 0.0, 0.0, 0.1, 0.2),
}


@dataclass(frozen=True)
class Patient:
    """One group: cells share its diagnosis and stain."""

    number: int
    diagnosis: str


def patients(cells: int) -> list[Patient]:
    """Enough patients for `cells` cells, half of them healthy, and at least 4 of each leukemia to split.

    As many of each diagnosis as of the others in `DIAGNOSES`: the last slide is shared by all of them too.
    """
    count = len(DIAGNOSES) * max(4, round(cells / CELLS_PER_PATIENT / len(DIAGNOSES)))
    return [Patient(number, DIAGNOSES[number % len(DIAGNOSES)]) for number in range(count)]


def draw_attributes(diagnosis: str, rng: np.random.Generator) -> dict[str, str | None]:
    """Draw a cell of a patient.

    Returns:
        All schema keys; None for what the dataset of such cells does not annotate.
    """
    cell_type = _draw(TYPES[diagnosis], rng)
    table = HEALTHY_ATTRIBUTES if diagnosis == HEALTHY else LEUKEMIC_ATTRIBUTES
    drawn = {key: _draw(weights, rng) for key, weights in table[cell_type].items()}
    stated: dict[str, str] = {"cell_type": cell_type, "diagnosis": diagnosis, **drawn}
    return {key: stated.get(key) for key in KEYS}


def _draw(weights: Weights, rng: np.random.Generator) -> str:
    return str(rng.choice(list(weights), p=np.asarray(list(weights.values())) / sum(weights.values())))
