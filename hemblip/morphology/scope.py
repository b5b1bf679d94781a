"""Which sentences speak of the cell described: text-book statements, prompts and differentials do not."""

from collections.abc import Sequence

from hemblip.morphology.tokens import Item, word_set

_IMPERATIVES = word_set(
    "describe|identify|give|provide|state|classify|choose|answer|list|explain|mention|select|tell|please|question|prompt"
    "|options|user|task|instruction|instructions|you|your|what|name|caption|example|format|given"
)
_LABELS = word_set("answer|response|caption|description|output|model|assistant|findings|result|report|summary")
_GENERIC_ADVERBS = word_set(
    "typically|usually|generally|normally|commonly|often|classically|frequently|characteristically|would|tend|tends"
    "|sometimes|always|rarely"
)
_KINDS_OF = word_set("type|types|kind|kinds|class|subtype|form|cancer|disease|malignancy|disorder|condition|most")
_POINTING = word_set("this|these|here|image|shown|depicted|current|present|it|its")


def without_label(tokens: tuple[str, ...]) -> tuple[str, ...]:
    """Drop the speaker's label of a dialogue: "answer : ..."."""
    while len(tokens) > 1 and tokens[0] in _LABELS and (tokens[1] == ":" or tokens[0] in ("model", "assistant")):
        tokens = tokens[2:] if tokens[1] == ":" else tokens[1:]
    return tokens


def is_prompt(tokens: Sequence[str]) -> bool:
    """A question or an instruction, as echoed by instruction-tuned models."""
    if not tokens:
        return False
    if tokens[-1] == "?":
        return True
    return tokens[0] in _IMPERATIVES or "choose between" in " ".join(tokens[:12])


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
    return named and found[0].kind in ("thing", "disease", "det", "word") and _is_definition(tokens)


def _is_definition(tokens: Sequence[str]) -> bool:
    """Whether it goes on as in "... is a type of", "is a cancer", "is the most common", "is characterized by"."""
    verb = next((place for place, word in enumerate(tokens) if word in ("is", "are", "has", "have", ",", "with")), None)
    if verb is None or tokens[verb] not in ("is", "are"):
        return False
    return not _KINDS_OF.isdisjoint(tokens[verb + 1 : verb + 6]) or tokens[verb + 1 : verb + 3] == (
        "characterized",
        "by",
    )


def _bare_plural_subject(found: Sequence[Item]) -> bool:
    """As in "lymphocytes have ...": a plural type without determiner that is the subject of a verb."""
    for place, item in enumerate(found):
        if item.kind == "thing" and item.plural and item.name == "cell":
            before = next(
                (word for word in reversed(found[:place]) if word.kind not in ("value", "word", "normal")), None
            )
            if before is not None and before.kind in ("det", "of", "prep", "with", "contrast", "near", "have"):
                continue
            after = next((word for word in found[place + 1 : place + 4] if word.kind != "word"), None)
            if after is not None and after.kind in ("copula", "have") and after.name not in (":", "=", "as"):
                return True
    return False
