"""Which clauses speak of cells and diseases in general, or of other things in the field: text-book statements."""

from collections.abc import Sequence
from itertools import pairwise

from hemblip.morphology.plural_subjects import has_bare_plural_subject, is_plural_cell
from hemblip.morphology.tokens import Item, word_set

_COUNTS = word_set("range|percentage|percent|count|counts|%|proportion|increase|decrease|elevation|elevated")
_SPECIMENS = word_set("cases|samples|specimens|smears|is|cells|was|s")
_PEOPLE = word_set(
    "donors|individuals|adults|people|children|patients|subjects|humans|persons|controls|volunteers|hematologists"
    "|pathologists|clinicians|doctors|physicians|experts"
)
_HALLMARKS = word_set(
    "pathognomonic|hallmark|hallmarks|characteristic|typical|diagnostic|feature|features|sign|signs|marker|common"
)
_GENERIC_ADVERBS = word_set(
    "typically|usually|generally|normally|commonly|often|classically|frequently|characteristically|would|tend|tends"
    "|sometimes|always|definition|textbook|textbooks|treatment|therapy|prognosis|incidence"
)
_SETTING_AGAINST = word_set("while|whereas|whilst|where")
_DEFINED = word_set(
    "characterized|defined|divided|subdivided|classified|grouped|diagnosed|driven|caused|treated|marked|followed|identified|recognized"
)
_EXAMPLE = word_set("typical|normal|classic|classical|textbook")
_IN_GENERAL = frozenset(
    (("in", "general"), ("in", "most"), ("in", "many"), ("a", "rule"), ("known", "that"), ("diagnosed", "when"))
)
_KINDS_OF = word_set("type|types|kind|kinds|class|subtype|form|cancer|disease|malignancy|disorder|condition|most")
_POINTING = word_set("this|these|here|image|shown|depicted|current|it|its")
_VERBS = word_set("is|are|was|were|has|have|,|with")
_LIKELY = word_set("consistent|compatible|likely|probably|suggestive|in|characteristic|typical")
_INCLUDE = word_set("include|includes|are|comprise|comprises")
_INDICATE = word_set("indicates|suggests|implies|reflects|signifies|denotes|means")
_STATES = word_set("immaturity|maturity|maturation|malignancy|activation|infection|proliferation|inflammation")
_SELDOM = word_set("seldom|rarely|frequently")
_HAPPENING = word_set("occur|appear|develop|arise|happen")
_IF = word_set("if|had|were|should")
_WHENEVER = word_set("when|whenever|where")
_UNREAL = word_set("would|might|could|should")
_REQUIRING = word_set("requires|depends|relies|rests|necessitates|needs")
_MODALS = word_set("may|can|might|could")
_FINDABLE = word_set("seen|found|observed|associated|encountered|elevated|increased|present|caused")
_OF_THE_CELL = word_set("the|this|its|a|an|it|these|both|all|each|some|most|focus|in")
_WOULD = word_set("would")
_FITTING = word_set("consistent|compatible|keeping|line")
_COMMON = word_set("occur|appear|common|involved|responsible|known|mainly|mostly|primarily")
_INDEFINITE = word_set("a|an")


def is_general(tokens: Sequence[str], found: Sequence[Item]) -> bool:
    """A statement about cells or diseases in general, not about the one in the image."""
    subject = next((item for item in found if item.kind in ("thing", "disease", "self")), None)
    if subject is None:
        return False
    if _shows_others(tokens, found):
        return True
    if _is_seen_elsewhere(tokens) or _is_condition(tokens) or _names_many_diseases(found):
        return True
    if _is_textbook_they(tokens):
        return True
    if points(tokens):
        return False
    named = subject.kind == "disease" or subject.type is not None
    if named and tokens[0] in _SETTING_AGAINST:
        return True
    defined = (
        (named or subject.name == "cell")
        and found[0].kind in ("thing", "disease", "det", "word")
        and _is_definition(tokens, found)
    )
    generic = (
        not (_GENERIC_ADVERBS - _hedges(tokens)).isdisjoint(tokens)
        or _concerns_people(tokens)
        or not _IN_GENERAL.isdisjoint(pairwise(tokens))
        or _names_hallmark(found)
        or (("diagnosis", "of") in pairwise(tokens[:5]) and not _REQUIRING.isdisjoint(tokens))
    )
    generic = generic or _counts_cells(tokens, found) or _begins_with_disease(found)
    generic = generic or _names_example(tokens, found) or _lists_features(tokens, found) or _indicates_state(tokens)
    generic = generic or _is_part_of_any(found)
    return generic or defined or _is_disease_at_work(found) or has_bare_plural_subject(found)


def _is_textbook_they(tokens: Sequence[str]) -> bool:
    """As in "they may contain vacuoles", "these cells are common in infections"."""
    if tokens[0] != "they" and tuple(tokens[:2]) not in (("these", "cells"), ("such", "cells")):
        return False
    return not _MODALS.isdisjoint(tokens[1:5]) or not (_GENERIC_ADVERBS | _SELDOM | _COMMON).isdisjoint(tokens)


def points(tokens: Sequence[str]) -> bool:
    """Whether something is pointed at: "this", "the image", "the present cell"."""
    pairs = set(pairwise(tokens))
    points = not _POINTING.isdisjoint(tokens) or ("the", "present") in pairs
    return points and ("known", "that") not in pairs


def _concerns_people(tokens: Sequence[str]) -> bool:
    """As in "in healthy donors", "among adults", "patients with ..."."""
    return tokens[0] in _PEOPLE or any(
        token in ("in", "among") and not _PEOPLE.isdisjoint(tokens[place + 1 : place + 3])
        for place, token in enumerate(tokens)
    )


def _counts_cells(tokens: Sequence[str], found: Sequence[Item]) -> bool:
    """As in "the normal range for lymphocytes is 20-40%", "vacuoles in monocytes are associated with sepsis"."""
    counts = not _COUNTS.isdisjoint(tokens) or ("associated", "with") in pairwise(tokens)
    counts = counts or not _SELDOM.isdisjoint(tokens)
    return counts and any(is_plural_cell(item) for item in found)


def _begins_with_disease(found: Sequence[Item]) -> bool:
    """As in "in acute leukemia, blasts have ..."."""
    kinds = [item.kind for item in found[:3]]
    plural = any(item.plural and item.name == "cell" for item in found[3:])
    verb = any(item.kind in ("have", "copula", "one") for item in found)
    if kinds[:2] != ["prep", "disease"]:
        return False
    listed = kinds[2:] == ["comma"] and len(found) > 3 and (found[3].plural or found[3].kind == "value")
    listed = listed and any(is_plural_cell(item) for item in found[3:6])
    return kinds[2:] == ["one"] or listed or (kinds[2:] == ["comma"] and plural and verb)


def _is_seen_elsewhere(tokens: Sequence[str]) -> bool:
    """As in "these features can be seen in lymphoma or reactive lymphocytes"."""
    for place, token in enumerate(tokens):
        if token not in _MODALS:
            continue
        verb = place + 2 if tokens[place + 1 : place + 2] == ("be",) else place + 1
        seen = tokens[verb : verb + 3]
        happens = seen[:1] and seen[0] in (_FINDABLE if verb > place + 1 else _HAPPENING)
        if happens and seen[1:2] == ("in",) and seen[-1] not in _OF_THE_CELL:
            return True
    return False


def _is_condition(tokens: Sequence[str]) -> bool:
    """As in "had this been a basophil, the granules would be coarse", "when granules are coarse, ... should ..."."""
    supposed = tokens[0] in _IF or (tokens[0] in _WHENEVER and not points(tokens))
    return supposed and not _UNREAL.isdisjoint(tokens)


def _names_many_diseases(found: Sequence[Item]) -> bool:
    """As in "leukemias such as ALL, AML, CLL and CML are diagnosed by ...": nothing is singled out."""
    return len({item.name for item in found if item.kind == "disease" and item.name}) > 2


def _hedges(tokens: Sequence[str]) -> frozenset[str]:
    """The "would" of "the picture would be consistent with ..." weakens a statement on the cell."""
    if "would" not in tokens:
        return frozenset()
    place = tokens.index("would")
    fits = tokens[place + 1 : place + 2] == ("be",) and not _FITTING.isdisjoint(tokens)
    compared = place > 1 and tokens[place - 2] in ("as", "than")  # "not red as they would be in an eosinophil"
    return _WOULD if fits or compared else frozenset()


def _shows_others(tokens: Sequence[str], found: Sequence[Item]) -> bool:
    """As in "the smear also contains several basophils", "the background shows neutrophils"."""
    also = "also" in tokens[:5] and any(item.name == "other" for item in found[:3])
    also = also or "background" in tokens[:2]
    return also and any(is_plural_cell(item) for item in found)


def _lists_features(tokens: Sequence[str], found: Sequence[Item]) -> bool:
    """As in "typical features of CLL include small lymphocytes"."""
    for place, item in enumerate(found[:6]):
        if item.name == "of" and (found[place + 1].kind == "disease" or found[place + 1].plural):
            return any(following.name in _INCLUDE for following in found[place + 2 : place + 4])
    return False


def _indicates_state(tokens: Sequence[str]) -> bool:
    """As in "an increased N/C ratio indicates immaturity"."""
    return tokens[0] in _INDEFINITE and any(
        verb in _INDICATE and not _STATES.isdisjoint(tokens[place + 1 : place + 4]) for place, verb in enumerate(tokens)
    )


def _names_example(tokens: Sequence[str], found: Sequence[Item]) -> bool:
    """As in "a typical basophil contains coarse purple granules"."""
    verb = any(item.kind in ("have", "copula") and item.name not in (":", "=", "as") for item in found[2:5])
    return tokens[0] in _INDEFINITE and tokens[1] in _EXAMPLE and verb and any(item.type for item in found[:4])


def _names_hallmark(found: Sequence[Item]) -> bool:
    """As in "Auer rods are pathognomonic of AML": no determiner, and a disease or type is said to be known by it."""
    copula = next((place for place, item in enumerate(found) if item.kind == "copula" and item.name != ":"), None)
    if not copula or found[0].type is not None or any(_is_definite(item) for item in found[:copula]):
        return False
    hallmark = any(not _HALLMARKS.isdisjoint(item.name.split()) for item in found[copula + 1 : copula + 4])
    return hallmark and any(item.kind == "disease" or item.plural for item in found[copula + 1 :])


def _is_definite(item: Item) -> bool:
    return item.kind in ("self", "disease") or (item.kind == "det" and item.name not in _INDEFINITE)


def _is_disease_at_work(found: Sequence[Item]) -> bool:
    """As in "chronic lymphocytic leukemia (CLL) affects ...": a disease is the subject of a verb."""
    if found[0].kind != "disease":
        return False
    rest = (item for item in found if item.kind not in ("disease", "comma") and not item.name.endswith("ly"))
    verb = next(rest, Item("word", "."))
    if verb.kind == "have":
        return True
    return verb.kind == "word" and verb.name.endswith("s") and verb.name not in _PEOPLE | _SPECIMENS


def _is_definition(tokens: Sequence[str], found: Sequence[Item]) -> bool:
    """Whether it goes on as in "... is a type of", "is a cancer", "is the most common", "is characterized by"."""
    verb = next((place for place, word in enumerate(tokens) if word in _VERBS), None)
    if verb is None or tokens[verb] not in ("is", "are"):
        return False
    predicate = tokens[verb + 1 : verb + 6]
    if predicate[:1] == ("most",) and not _LIKELY.isdisjoint(predicate[1:2]):  # "is most consistent with"
        return False
    if not _INDEFINITE.isdisjoint(predicate[:1]):  # "a blast is an immature cell", "APL is an emergency"
        return found[0].kind == "disease" or (tokens[0] in _INDEFINITE and verb <= 3)
    defined_by = predicate[1:2] in (("by",), ("as",), ("into",), ("with",)) and predicate[0] in _DEFINED
    return defined_by or not _KINDS_OF.isdisjoint(predicate)


def _is_part_of_any(found: Sequence[Item]) -> bool:
    """As in "the nucleus of a mature neutrophil is divided": no particular cell's."""
    for place, item in enumerate(found[:5]):
        if item.name == "of the" and place and is_plural_cell(found[place + 1]):
            return True
        if item.name in ("of a", "of") and place and found[place - 1].kind == "thing":
            rest = [word for word in found[place + 1 : place + 6] if word.kind not in ("value", "word", "normal")]
            any_one = item.name == "of a" or (rest[:1] and rest.pop(0).name in _INDEFINITE)
            typed = rest[:1] and rest[0].type is not None
            return bool(any_one and typed and rest[1:2] and rest[1].kind in ("copula", "have") and rest[1].name != ":")
    return False
