"""The vocabulary: 15 attributes of a white blood cell and their values.

Values follow WBCAtt (Tsutsui et al., NeurIPS 2023) for healthy cells and LeukemiaAttri (Rehman et al., MICCAI 2024) for
leukemic ones; the 13 cell types and the diagnoses are the HemBLIP paper's.
"""

from collections.abc import Mapping
from types import MappingProxyType

from hemblip.errors import DataError

Attributes = Mapping[str, str | None]

SCHEMA: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "cell_type": (
            "neutrophil",
            "eosinophil",
            "basophil",
            "lymphocyte",
            "monocyte",
            "myeloblast",
            "lymphoblast",
            "monoblast",
            "promonocyte",
            "myelocyte",
            "metamyelocyte",
            "abnormal promyelocyte",
            "atypical lymphocyte",
        ),
        "diagnosis": ("healthy", "ALL", "AML", "APML", "CLL", "CML"),
        "cell_size": ("small", "medium", "large"),
        "cell_shape": ("round", "irregular"),
        "nucleus_shape": (
            "segmented-bilobed",
            "segmented-multilobed",
            "unsegmented-band",
            "unsegmented-indented",
            "unsegmented-round",
            "irregular",
            "regular",
        ),
        "nuclear_cytoplasmic_ratio": ("low", "high"),
        "chromatin": ("open", "coarse", "loose", "dense"),
        "nucleoli": ("inconspicuous", "prominent"),
        "cytoplasm_amount": ("scanty", "moderate", "abundant"),
        "cytoplasm_texture": ("clear", "frosted"),
        "cytoplasm_colour": ("light blue", "blue", "purple blue"),
        "cytoplasm_basophilia": ("slight", "moderate"),
        "cytoplasm_vacuoles": ("absent", "present"),
        "granules": ("absent", "small", "round", "coarse"),
        "granule_colour": ("pink", "red", "purple"),
    }
)
"""Each attribute key with its allowed values; `None` always means "not stated"."""

KEYS: tuple[str, ...] = tuple(SCHEMA)

HEALTHY = "healthy"

NEGATIVE_VALUES: Mapping[str, str] = MappingProxyType(
    {"cytoplasm_vacuoles": "absent", "granules": "absent", "nucleoli": "inconspicuous"}
)
"""The value of a key that says that the thing is not there."""


def words(key: str) -> str:
    """Name an attribute for readers, as every table, figure and page does."""
    return key.replace("_", " ").capitalize().replace("Nuclear cytoplasmic", "Nuclear-cytoplasmic")


def complete(attributes: Attributes, origin: str = "attributes") -> dict[str, str | None]:
    """Check `attributes` against the schema and fill the keys that are missing with `None`.

    Args:
        attributes: any subset of the 15 keys.
        origin: where the values come from, named in the error.

    Returns:
        All 15 keys in schema order.

    Raises:
        DataError: a key or value is not in the schema, or absent granules have a colour.
    """
    for key, value in attributes.items():
        if key not in SCHEMA:
            raise DataError(f"{origin}: unknown attribute '{key}'; the schema has {', '.join(KEYS)}")
        if value is not None and value not in SCHEMA[key]:
            raise DataError(f"{origin}: unknown {key} '{value}'; allowed are {', '.join(SCHEMA[key])}")
    if attributes.get("granules") == "absent" and attributes.get("granule_colour") is not None:
        raise DataError(f"{origin}: granules are absent but granule_colour is '{attributes['granule_colour']}'")
    return {key: attributes.get(key) for key in KEYS}
