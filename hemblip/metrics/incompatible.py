"""Statements that cannot both be true of one cell, found in one caption.

A rule names two statements that the definition of one of them excludes; where it is defined stands beside it:

- `STAIN`: a basophil is the cell whose granules take the basic dye, purple to black; red and pink ones take eosin
  (Bain, Blood Cells, 6th edition, 2022).
- `ICSH`: a nucleus is segmented if thin filaments join its lobes, which follows the metamyelocyte's indentation (Palmer
  et al., Int J Lab Hematol 37:287, 2015); lymphocytes, monocytes and blasts are mononuclear. 3 of 7,792 cells of WBCAtt
  are annotated against it, and none against the other rules.
- `WHO`: blasts and abnormal promyelocytes in the blood are a disease (WHO classification, 5th edition, 2022).

What is only rare is no contradiction: eosinophils with few, coarse or pink granules, or with the purple ones of
inversion 16; neutrophils and basophils that have lost their granules; the lobed nuclei of abnormal promyelocytes and
atypical lymphocytes.
"""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

STAIN = "Bain 2022"
ICSH = "ICSH 2015"
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

_NEVER_SEGMENTED = (
    *("lymphocyte", "monocyte", "lymphoblast", "myeloblast", "monoblast", "promonocyte"),
    *("myelocyte", "metamyelocyte"),
)

RULES: tuple[Rule, ...] = (
    Rule("cell_type", ("basophil",), "granule_colour", ("pink", "red"), STAIN),
    Rule("cell_type", _NEVER_SEGMENTED, "nucleus_shape", _SEGMENTED, ICSH),
    Rule("diagnosis", ("healthy",), "cell_type", _BLASTS, WHO),
    Rule("granules", ("absent",), "granule_colour", ("pink", "red", "purple"), "by the words"),
)


def excluded_values(key: str, annotation: Mapping[str, object]) -> set[str]:
    """Give the values of `key` that a cell's other annotations exclude: of a lobed nucleus, "metamyelocyte"."""
    found: set[str] = set()
    for rule in RULES:
        if rule.key == key and annotation.get(rule.other) in rule.excluded:
            found.update(rule.values)
        if rule.other == key and annotation.get(rule.key) in rule.values:
            found.update(rule.excluded)
    return found


def excluding(key: str) -> list[str]:
    """Name the attributes whose annotation can exclude values of `key`."""
    return [rule.other if rule.key == key else rule.key for rule in RULES if key in (rule.key, rule.other)]


def contradictions(attributes: Mapping[str, str | None]) -> list[Rule]:
    """Find the rules that the statements of one caption break."""
    return [
        rule
        for rule in RULES
        if attributes.get(rule.key) in rule.values and attributes.get(rule.other) in rule.excluded
    ]


def broken(table: pd.DataFrame, rule: Rule) -> NDArray[np.bool_]:
    """Tell which prediction rows (N,) break a rule."""
    hits = table[rule.key].isin(rule.values) & table[rule.other].isin(rule.excluded)
    return np.asarray(hits, dtype=np.bool_)


def broken_pairs(table: pd.DataFrame, rule: Rule) -> Counter[tuple[str, str]]:
    """Count the pairs of values of a rule's attributes in the prediction rows that break it."""
    rows = broken(table, rule)
    return Counter(zip(table[rule.key][rows], table[rule.other][rows], strict=True))


def incompatible_statements(table: pd.DataFrame) -> dict[str, object]:
    """Count captions that contradict themselves.

    Args:
        table: prediction rows of one model.

    Returns:
        `share` of captions that break a rule (None without rows), and `count` of captions by rule, for those broken:
        "cell_type basophil + granule_colour red".
    """
    count = {
        f"{rule.key} {one} + {rule.other} {other}": times
        for rule in RULES
        for (one, other), times in broken_pairs(table, rule).items()
    }
    share = float(np.any([broken(table, rule) for rule in RULES], axis=0).mean()) if len(table) else None
    return {"share": share, "count": dict(sorted(count.items()))}
