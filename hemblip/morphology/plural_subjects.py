"""Clauses that a plural type without determiner is the subject of: "lymphocytes have ..." speaks of no single cell."""

from collections.abc import Sequence
from itertools import pairwise

from hemblip.morphology.sentence import EDGE
from hemblip.morphology.tokens import Item, word_set

_NO_SUBJECT_AFTER = word_set("with|contrast|near|have")
_DETERMINERS = word_set("det|self")
_QUANTIFIERS = word_set("most|many|some|few|mature|immature|all")
_CONJUNCTIONS = word_set("although|though|as|since|because|once|if|when|that")
_MODALS = word_set("can|may|might|could")
_WITHIN = word_set("word|det|thing|normal|disease")


def has_bare_plural_subject(found: Sequence[Item]) -> bool:
    """As in "lymphocytes have ...": a plural type without determiner that is the subject of a verb."""
    for place, item in enumerate(found):
        if is_plural_cell(item) and (
            _owns_part(found, place)
            or (_begins_clause(found, place) and _leads_to_verb(found, place))
            or _is_plain_subject(found, place)
        ):
            return True
    return False


def is_plural_cell(item: Item) -> bool:
    """Whether cells of one type are named in the plural."""
    return item.plural and item.type is not None


def _owns_part(found: Sequence[Item], place: int) -> bool:
    """As in "the granules of eosinophils contain ..."."""
    part = place > 1 and found[place - 1].name in ("of", "in") and found[place - 2].kind == "thing"
    return part and (_after(found, place).kind == "have" or _after(found, place).name in _MODALS)


def _begins_clause(found: Sequence[Item], place: int) -> bool:
    """Whether nothing but modifiers stands before the noun: "small lymphocytes", "as most neutrophils"."""
    start = next((before for before in reversed(found[:place]) if before.kind not in ("value", "normal")), EDGE)
    return start.kind in ("edge", "comma") or (start is found[0] and start.name in _CONJUNCTIONS | _QUANTIFIERS)


def _leads_to_verb(found: Sequence[Item], place: int) -> bool:
    """Whether a verb or a label's colon follows, maybe after a list, an insertion or "in the blood"."""
    after = _after(found, place)
    if after.name == ":" or _is_plain_verb(after):
        return True
    if after.kind == "comma" and is_plural_cell(_after(found, place + 1)):
        return True
    if any(
        mark.kind == "comma" and verb.kind in ("have", "not", "copula", "that")
        for mark, verb in pairwise(found[place + 1 :])
    ):
        return True
    onward = (word for word in found[place + 2 :] if word.kind not in _WITHIN)
    return after.kind == "prep" and _is_verb(next(onward, EDGE))


def _is_plain_subject(found: Sequence[Item], place: int) -> bool:
    """Whether no determiner stands before the noun in its part of the sentence, and a verb follows."""
    since = max((comma for comma in range(place) if found[comma].kind == "comma"), default=-1)
    before = [word.kind for word in found[since + 1 : place] if word.kind not in ("value", "word", "normal")]
    if not (_NO_SUBJECT_AFTER.isdisjoint(before[-1:]) and _DETERMINERS.isdisjoint(before)):
        return False
    return _is_verb(next((word for word in found[place + 1 : place + 4] if word.kind != "word"), EDGE))


def _after(found: Sequence[Item], place: int) -> Item:
    return found[place + 1] if place + 1 < len(found) else EDGE


def _is_verb(item: Item) -> bool:
    return item.kind in ("copula", "have") and item.name not in (":", "=", "as")


def _is_plain_verb(item: Item) -> bool:
    return item.kind == "word" and item.name.isalpha() and not item.name.endswith(("ed", "ing", "ly"))
