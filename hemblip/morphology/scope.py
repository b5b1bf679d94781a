"""Which sentences speak of the cell described: text-book statements, prompts and differentials do not."""

from collections.abc import Sequence

from hemblip.morphology.tokens import Item

_IMPERATIVES = frozenset(
    "describe identify give provide state classify choose answer list explain mention select tell please question prompt"
    " options user task instruction instructions you your what which does do is are name caption example format".split()
)
_GENERIC_ADVERBS = frozenset(
    "typically usually generally normally commonly often classically frequently characteristically would tend tends"
    " sometimes always rarely".split()
)
_KINDS_OF = frozenset("type types kind kinds class subtype form cancer disease malignancy disorder condition most".split())
_POINTING = frozenset("this these here image shown depicted current present it its".split())


def is_prompt(tokens: Sequence[str]) -> bool:
    """A question or an instruction, as echoed by instruction-tuned models."""
    if not tokens:
        return False
    if tokens[-1] == "?":
        return True
    first = tokens[0]
    if first not in _IMPERATIVES:
        return "choose between" in " ".join(tokens[:12])
    return first not in ("is", "are", "does", "do", "which", "what", "mention", "form")


def is_differential(tokens: Sequence[str]) -> bool:
    """An unranked list of possible diagnoses or types."""
    return "differential" in tokens[:8]


def is_general(tokens: Sequence[str], found: Sequence[Item]) -> bool:
    """A statement about cells or diseases in general, not about the one in the image."""
    pointing = not _POINTING.isdisjoint(tokens)
    subject = next((item for item in found if item.kind in ("thing", "disease", "self")), None)
    if subject is None:
        return False
    if not pointing and _bare_plural_subject(found):
        return True
    if pointing:
        return False
    if not _GENERIC_ADVERBS.isdisjoint(tokens):
        return True
    named = subject.kind == "disease" or subject.type is not None
    return named and found[0].kind in ("thing", "disease", "det", "word") and _is_definition(found)


def _is_definition(found: Sequence[Item]) -> bool:
    """Subject + "is a type of", "is a cancer", "is the most common" ..."""
    for place, item in enumerate(found):
        if item.kind == "copula" and item.name in ("is", "are"):
            return any(word.kind == "word" and word.name in _KINDS_OF for word in found[place + 1 : place + 6]) or any(
                word.name == "characterized by" for word in found[place : place + 3]
            )
        if item.kind in ("have", "comma"):
            return False
    return False


def _bare_plural_subject(found: Sequence[Item]) -> bool:
    """ "Lymphocytes have ...": a plural type without determiner that is the subject of a verb."""
    for place, item in enumerate(found):
        if item.kind == "thing" and item.plural and item.name == "cell":
            before = found[max(0, place - 3) : place]
            if any(word.kind in ("det", "of", "prep", "with", "contrast", "near", "have") for word in before):
                continue
            after = next((word for word in found[place + 1 : place + 4] if word.kind != "word"), None)
            if after is not None and after.kind in ("copula", "have") and after.name not in (":", "=", "as"):
                return True
    return False
