"""Sections of an answer that are not about the cell: what stands under "clinical significance", lists of candidates."""

from itertools import pairwise

from hemblip.morphology.scope import heads_list, names_list, only_names
from hemblip.morphology.tokens import HEADING, items, word_set

_ASIDES = word_set(
    "significance|disclaimer|note|notes|background|limitations|limitation|recommendation|recommendations|caveats|caveat"
    "|considerations|relevance|education|references|epidemiology|treatment|prognosis|pathophysiology"
)
_ASIDE_PAIRS = frozenset(
    (
        ("next", "steps"),
        ("general", "information"),
        ("additional", "information"),
        ("clinical", "context"),
        ("clinical", "correlation"),
        ("further", "testing"),
        ("further", "tests"),
        ("general", "features"),
        ("clinical", "implications"),
        ("possible", "causes"),
        ("reference", "information"),
        ("for", "reference"),
        ("for", "comparison"),
    )
)
_LONGEST_LABEL = 5


class Sections:
    """Follows the headings of a text from sentence to sentence."""

    def __init__(self) -> None:
        self._aside = False
        self._listing = False

    def leaves_out(self, tokens: tuple[str, ...]) -> bool:
        """Whether a sentence belongs to a section or list that says nothing of the cell; call it in order."""
        label = _label(tokens)
        if label:
            if not _ASIDES.isdisjoint(label) or not _ASIDE_PAIRS.isdisjoint(pairwise(label)):
                self._aside = True
            elif tokens[0] == HEADING or _names_part(label):
                self._aside = False
        self._listing = heads_list(tokens) or names_list(tokens) or (self._listing and only_names(tokens))
        return self._aside or self._listing


def _label(tokens: tuple[str, ...]) -> tuple[str, ...]:
    """The words of a heading, or those before the colon that a sentence begins with."""
    start = 1 if tokens[0] == HEADING else 0
    if ":" in tokens[: start + _LONGEST_LABEL + 1]:
        return tokens[start : tokens.index(":")]
    return tokens[start:] if start and len(tokens) <= start + _LONGEST_LABEL + 1 else ()


def _names_part(label: tuple[str, ...]) -> bool:
    return any(item.kind == "aspect" or (item.kind == "thing" and item.type is None) for item in items(label))
