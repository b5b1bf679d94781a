"""Statements that cannot both be true of one cell, found in one caption.

A rule names two statements; where it comes from stands beside it. `COUNTS`: the pair occurs in at most 3 of 7,799
cells of WBCAtt (Tsutsui et al., NeurIPS 2023). `WHO`: by definition of the disease (WHO classification, 5th edition,
2022).
The rules exclude little on purpose: an unusual cell is not a contradiction, and a neutrophil of a patient can lack its
granules.
"""

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

COUNTS = "WBCAtt counts"
WHO = "WHO 2022"


class Rule(NamedTuple):
    """`key` = one of `values` excludes `other` = one of `excluded`."""

    key: str
    values: tuple[str, ...]
    other: str
    excluded: tuple[str, ...]
    source: str


_BLASTS = ("myeloblast", "lymphoblast", "monoblast", "abnormal promyelocyte")
_SEGMENTED = ("segmented-bilobed", "segmented-multilobed")

RULES: tuple[Rule, ...] = (
    Rule("cell_type", ("basophil",), "granule_colour", ("pink", "red"), COUNTS),
    Rule("cell_type", ("eosinophil",), "granule_colour", ("pink", "purple"), COUNTS),
    Rule("cell_type", ("neutrophil",), "granule_colour", ("red",), COUNTS),
    Rule("cell_type", ("eosinophil", "basophil"), "granules", ("absent",), COUNTS),
    Rule("cell_type", ("eosinophil",), "granules", ("small", "coarse"), COUNTS),
    Rule("cell_type", ("lymphocyte", "monocyte"), "nucleus_shape", _SEGMENTED, COUNTS),
    Rule("cell_type", ("lymphoblast", "myeloblast", "monoblast", "promonocyte"), "nucleus_shape", _SEGMENTED, WHO),
    Rule("diagnosis", ("healthy",), "cell_type", _BLASTS, WHO),
    Rule("granules", ("absent",), "granule_colour", ("pink", "red", "purple"), "definition"),
)


def contradictions(attributes: Mapping[str, str | None]) -> list[Rule]:
    """Find the rules that the statements of one caption break."""
    return [
        rule
        for rule in RULES
        if attributes.get(rule.key) in rule.values and attributes.get(rule.other) in rule.excluded
    ]


def incompatible_statements(table: pd.DataFrame) -> dict[str, object]:
    """Count captions that contradict themselves.

    Args:
        table: prediction rows of one model.

    Returns:
        `share` of captions that break a rule (None without rows), and `count` of captions by rule, for those broken:
        "cell_type basophil + granule_colour red".
    """
    broken = pd.Series(False, index=table.index)
    count: dict[str, int] = {}
    for rule in RULES:
        hits = table[rule.key].isin(rule.values) & table[rule.other].isin(rule.excluded)
        broken |= hits
        for one, other in zip(table.loc[hits, rule.key], table.loc[hits, rule.other], strict=True):
            name = f"{rule.key} {one} + {rule.other} {other}"
            count[name] = count.get(name, 0) + 1
    return {"share": float(broken.mean()) if len(table) else None, "count": dict(sorted(count.items()))}
