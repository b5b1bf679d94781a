"""Values that haematologists themselves mistake for each other, to tell plausible errors from others.

The paper sorts errors into biologically plausible ones, "e.g., coarse vs. open chromatin, small vs. medium cell size",
without giving the list. This table is ours; each pair has its source:

- `PAPER`: named as plausible in the HemBLIP paper.
- `STEP`: next to each other on an ordered scale of the schema.
- `WBCATT`: the second annotator of WBCAtt (Tsutsui et al., NeurIPS 2023) and the first differ by this pair in at least
  4 of 758 cells annotated twice; the pair's share of them is in the comment.
- `ICSH`: Palmer et al., Int J Lab Hematol 37:287 (2015), morphological grading of peripheral blood cells: bands and
  segmented forms are counted together for poor agreement between observers; neighbours in maturation.
- `FAB`: Bennett et al., Br J Haematol 33:451 (1976): blasts without granules need cytochemistry to tell lineages apart.
- `BAIN`: Bain, Blood Cells, 6th edition (2022): atypical (reactive) lymphocytes that look like monocytes or blasts.
- `MONO`: Goasguen et al., Haematologica 94:994 (2009): monoblast, promonocyte and monocyte, and their overlap.

Not in it, although the second annotator differs there too (small/large, 10 % of cells; round/irregular cells, 4 %;
absent/present vacuoles, 1 %): opposites of a scale, and presence, are different statements.
"""

from collections.abc import Mapping
from types import MappingProxyType

PAPER = "HemBLIP paper"
STEP = "adjacent steps of an ordered scale"
WBCATT = "WBCAtt re-annotation"
ICSH = "ICSH 2015"
FAB = "FAB 1976"
BAIN = "Bain 2022"
MONO = "Goasguen 2009"

Pair = frozenset[str]


def _pairs(*rows: tuple[str, str, str]) -> Mapping[Pair, str]:
    return MappingProxyType({frozenset((one, other)): source for one, other, source in rows})


NEIGHBOURS: Mapping[str, Mapping[Pair, str]] = MappingProxyType(
    {
        "cell_type": _pairs(
            ("myeloblast", "monoblast", FAB),
            ("myeloblast", "lymphoblast", FAB),
            ("monoblast", "promonocyte", MONO),
            ("promonocyte", "monocyte", MONO),
            ("myeloblast", "abnormal promyelocyte", FAB),
            ("myelocyte", "metamyelocyte", ICSH),
            ("metamyelocyte", "neutrophil", ICSH),  # the next stage is the band neutrophil
            ("lymphocyte", "atypical lymphocyte", BAIN),
            ("atypical lymphocyte", "monocyte", BAIN),
            ("atypical lymphocyte", "lymphoblast", BAIN),
        ),
        "diagnosis": _pairs(("AML", "APML", FAB)),  # APML is M3 of AML
        "cell_size": _pairs(("small", "medium", PAPER), ("medium", "large", STEP)),
        "nucleus_shape": _pairs(
            ("unsegmented-band", "unsegmented-indented", ICSH),
            ("unsegmented-band", "segmented-bilobed", ICSH),
            ("segmented-bilobed", "segmented-multilobed", WBCATT),  # 1.8 %
            ("irregular", "segmented-multilobed", WBCATT),  # 1.3 %
            ("irregular", "segmented-bilobed", WBCATT),  # 1.1 %
            ("irregular", "unsegmented-indented", WBCATT),  # 0.7 %
            ("irregular", "unsegmented-band", WBCATT),  # 0.7 %
            ("unsegmented-indented", "unsegmented-round", WBCATT),  # 0.5 %
            ("irregular", "unsegmented-round", WBCATT),  # 0.5 %
        ),
        "chromatin": _pairs(
            ("coarse", "open", PAPER),
            ("loose", "dense", WBCATT),  # 3.8 %
            ("open", "loose", STEP),  # the two sources' words for the same end of the scale
            ("coarse", "dense", STEP),
        ),
        "cytoplasm_amount": _pairs(("scanty", "moderate", STEP), ("moderate", "abundant", STEP)),
        "cytoplasm_texture": _pairs(("clear", "frosted", WBCATT)),  # 5.4 %
        "cytoplasm_colour": _pairs(
            ("blue", "purple blue", WBCATT),  # 3.0 %
            ("light blue", "purple blue", WBCATT),  # 0.9 %
            ("light blue", "blue", WBCATT),  # 0.8 %
        ),
        "cytoplasm_basophilia": _pairs(("slight", "moderate", STEP)),
        "granule_colour": _pairs(("pink", "purple", WBCATT)),  # 1.1 %
    }
)
"""Key -> unordered pair of values -> source; keys without neighbours are absent."""


def is_plausible(key: str, truth: str, stated: str) -> bool:
    """Tell whether `stated` is a neighbour of the different value `truth`."""
    return frozenset((truth, stated)) in NEIGHBOURS.get(key, {})
