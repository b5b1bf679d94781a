"""The words that captions choose from, in American spelling; `spelling.british` turns them.

All wordings of a value mean the same to a haematologist, and `extract_attributes` reads each of them back.
"""

from collections.abc import Mapping

Words = Mapping[str, Mapping[str, tuple[str, ...]]]

ADJECTIVES: Words = {
    "cell_size": {
        "small": ("small",),
        "medium": ("medium-sized", "intermediate-sized"),
        "large": ("large",),
    },
    "cell_shape": {
        "round": ("round", "rounded"),
        "irregular": ("irregular", "irregularly shaped"),
    },
    "nucleus_shape": {
        "segmented-bilobed": ("bilobed", "bilobed", "segmented, bilobed", "two-lobed"),
        "segmented-multilobed": ("multilobed", "multilobed", "segmented, multilobed", "multilobulated"),
        "unsegmented-band": ("band-shaped", "band-shaped", "unsegmented, band-shaped"),
        "unsegmented-indented": ("indented", "indented", "unsegmented, indented", "notched", "kidney-shaped"),
        "unsegmented-round": ("round", "round, unsegmented", "rounded"),
        "irregular": ("irregular", "irregularly shaped", "irregularly contoured"),
        "regular": ("regular", "regularly shaped", "regularly contoured"),
    },
    "nuclear_cytoplasmic_ratio": {
        "low": ("low",),
        "high": ("high", "high", "elevated", "increased"),
    },
    "chromatin": {
        "open": ("open", "fine", "finely dispersed", "dispersed"),
        "coarse": ("coarse", "clumped", "coarsely clumped"),
        "loose": ("loose", "loosely arranged", "loosely packed"),
        "dense": ("dense", "condensed", "densely packed", "compact"),
    },
    "nucleoli": {
        "inconspicuous": ("inconspicuous", "indistinct", "barely visible", "hardly discernible"),
        "prominent": ("prominent", "conspicuous", "distinct", "clearly visible"),
    },
    "cytoplasm_amount": {
        "scanty": ("scanty", "scant", "sparse"),
        "moderate": ("moderately abundant",),
        "abundant": ("abundant", "ample", "plentiful"),
    },
    "cytoplasm_texture": {
        "clear": ("clear", "translucent"),
        "frosted": ("frosted", "ground-glass"),
    },
    "cytoplasm_colour": {
        "light blue": ("light blue", "pale blue"),
        "blue": ("blue",),
        "purple blue": ("purple-blue", "purplish-blue", "bluish-purple"),
    },
    "cytoplasm_basophilia": {
        "slight": ("slightly basophilic", "mildly basophilic", "weakly basophilic", "faintly basophilic"),
        "moderate": ("moderately basophilic",),
    },
    "granules": {
        "small": ("small", "fine"),
        "round": ("round", "rounded", "spherical"),
        "coarse": ("coarse",),
    },
    "granule_colour": {
        "pink": ("pink", "pink", "pinkish"),
        "red": ("red", "red", "reddish"),
        "purple": ("purple", "purple", "violet"),
    },
}
"""Key -> value -> adjectives that stand before a noun as well as after "is"."""

PREDICATES: Words = {
    "nucleus_shape": {
        "segmented-bilobed": ("bilobed", "two-lobed", "segmented into two lobes", "divided into two lobes"),
        "segmented-multilobed": ("multilobed", "segmented into several lobes", "divided into multiple lobes"),
        "unsegmented-band": ("band-shaped", "unsegmented and band-shaped"),
        "unsegmented-indented": ("indented", "notched", "kidney-shaped", "unsegmented but indented"),
        "unsegmented-round": ("round", "unsegmented and round", "round and unsegmented"),
        "irregular": ("irregular", "irregular in outline", "irregular in contour", "irregular in shape"),
        "regular": ("regular", "regular in outline", "regular in contour", "regular in shape"),
    },
    "cytoplasm_amount": {
        "scanty": ("scanty", "scant", "scanty in amount"),
        "moderate": ("moderate in amount", "moderately abundant"),
        "abundant": ("abundant", "plentiful", "ample"),
    },
    "cytoplasm_texture": {
        "clear": ("clear", "translucent"),
        "frosted": ("frosted", "frosted in texture"),
    },
    "cytoplasm_colour": {
        "light blue": ("light blue", "pale blue", "light blue in color"),
        "blue": ("blue", "blue in color"),
        "purple blue": ("purple-blue", "bluish-purple", "purple-blue in color"),
    },
}
"""Key -> value -> what stands after "is", where that differs."""

NUCLEI: Mapping[str, tuple[str, ...]] = {
    "segmented-bilobed": ("a nucleus segmented into two lobes", "a nucleus divided into two lobes"),
    "segmented-multilobed": ("a nucleus segmented into several lobes", "a nucleus divided into several lobes"),
    "unsegmented-band": ("an unsegmented, band-like nucleus",),
    "unsegmented-indented": ("an unsegmented but indented nucleus",),
    "unsegmented-round": ("an unsegmented nucleus of round shape", "a round nucleus without segmentation"),
    "irregular": ("a nucleus of irregular outline", "a nucleus of irregular contour"),
    "regular": ("a nucleus of regular outline", "a nucleus of regular contour"),
}
"""Nucleus shape -> noun phrases."""

AMOUNTS: Mapping[str, tuple[str, ...]] = {
    "scanty": ("a thin rim of", "a narrow rim of", "a scant amount of", "a small amount of"),
    "moderate": ("a moderate amount of", "a moderate quantity of"),
    "abundant": ("an ample amount of", "a large amount of"),
}
"""Cytoplasm amount -> what stands before "cytoplasm"."""

BASOPHILIA: Mapping[str, tuple[str, ...]] = {
    "slight": ("slight basophilia", "mild basophilia"),
    "moderate": ("moderate basophilia",),
}

RATIOS: tuple[str, ...] = (
    "nuclear-cytoplasmic ratio",
    "nuclear-to-cytoplasmic ratio",
    "nucleus-to-cytoplasm ratio",
    "nucleocytoplasmic ratio",
    "N:C ratio",
    "N/C ratio",
)

CELL_TYPES: Mapping[str, tuple[str, ...]] = {
    "neutrophil": ("neutrophil", "neutrophil", "neutrophilic granulocyte"),
    "eosinophil": ("eosinophil", "eosinophil", "eosinophilic granulocyte"),
    "basophil": ("basophil", "basophil", "basophilic granulocyte"),
    "abnormal promyelocyte": ("abnormal promyelocyte", "atypical promyelocyte"),
    "atypical lymphocyte": ("atypical lymphocyte", "abnormal lymphocyte"),
}
"""Cell type -> names; types that are not here have only their own."""

ANY_CELL: tuple[str, ...] = ("white blood cell", "leukocyte", "white cell")

HEALTHY_PEOPLE: tuple[str, ...] = ("a healthy donor", "a healthy individual", "a healthy subject", "a healthy person")

DISEASES: Mapping[str, tuple[str, ...]] = {
    "ALL": ("acute lymphoblastic leukemia", "acute lymphoblastic leukemia (ALL)", "acute lymphocytic leukemia", "ALL"),
    "AML": ("acute myeloid leukemia", "acute myeloid leukemia (AML)", "acute myelogenous leukemia", "AML"),
    "APML": ("acute promyelocytic leukemia", "acute promyelocytic leukemia (APL)", "APL", "APML"),
    "CLL": ("chronic lymphocytic leukemia", "chronic lymphocytic leukemia (CLL)", "CLL"),
    "CML": ("chronic myeloid leukemia", "chronic myeloid leukemia (CML)", "chronic myelogenous leukemia", "CML"),
}
