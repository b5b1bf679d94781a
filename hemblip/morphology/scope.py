"""Which sentences speak of the cell described: text-book statements, prompts and differentials do not."""

from collections.abc import Sequence
from itertools import pairwise

from hemblip.morphology.tokens import Item, items, word_set

_IMPERATIVES = word_set(
    "describe|identify|give|provide|state|classify|choose|answer|list|explain|mention|remember|recall|generate|write"
    "|produce|create|analyze|examine|look|determine|report|select|tell|please|question|prompt"
    "|options|user|task|instruction|instructions|you|your|name|caption|example|format"
)
_INSTRUCTIONS = word_set(
    "describe|identify|state|classify|explain|caption|name|tell|summarize|characterize|generate|write|produce|create"
    "|give|provide|analyze|report"
)
_LIST_HEADERS = word_set("possible|possibilities|options|candidates|choices|alternatives|following|classes|categories")
_COUNTS = word_set("range|percentage|percent|count|counts|%|proportion")
_ANNOUNCING = word_set(":|are|include|includes")
_LISTS = word_set("differential|differentials|candidates|considerations|possibilities")
_SPECIMENS = word_set("cases|samples|specimens|smears|is|cells|was|s")
_ASKED = word_set("is|are|type|kind|cell|does|do|can")
_PEOPLE = word_set("donors|individuals|adults|people|children|patients|subjects|humans|persons|controls|volunteers")
_HALLMARKS = word_set(
    "pathognomonic|hallmark|hallmarks|characteristic|typical|diagnostic|feature|features|sign|signs|marker|common"
)
_LABELS = word_set("answer|response|caption|description|output|model|assistant|findings|result|report|summary")
_SPEAKERS = word_set("model|assistant")
_GENERIC_ADVERBS = word_set(
    "typically|usually|generally|normally|commonly|often|classically|frequently|characteristically|would|tend|tends"
    "|sometimes|always|definition|textbook|textbooks|treatment|therapy|prognosis|incidence"
)
_OPPOSING = word_set("while|whereas|whilst|although|though|but|however")
_LEADING = _OPPOSING | word_set("unlike|where")
_SETTING_AGAINST = word_set("while|whereas|whilst|where")
_INDEFINITE = word_set("a|an")
_DEFINED = word_set("characterized|defined|driven|caused|treated|marked|followed|identified|recognized")
_EXAMPLE = word_set("typical|normal|classic|classical|textbook")
_ARTICLES = word_set("a|an|the|this|it|its")
_IN_GENERAL = frozenset(
    (("in", "general"), ("in", "most"), ("in", "many"), ("a", "rule"), ("known", "that"), ("diagnosed", "when"))
)
_KINDS_OF = word_set("type|types|kind|kinds|class|subtype|form|cancer|disease|malignancy|disorder|condition|most")
_NO_SUBJECT_AFTER = word_set("with|contrast|near|have")
_DETERMINERS = word_set("det|self")
_POINTING = word_set("this|these|here|image|shown|depicted|current|it|its")


def heads_list(tokens: tuple[str, ...]) -> bool:
    """Whether the sentence announces an unranked list, whose entries may be sentences of their own."""
    return _is_differential(tokens[_after_label(tokens) :])


def only_names(tokens: tuple[str, ...]) -> bool:
    """Whether the sentence is an entry of a list of diseases or cell types."""
    return {item.kind for item in items(tokens)} <= {"disease", "thing", "comma", "word", "all", "and", "or"}


def about_the_cell(tokens: tuple[str, ...]) -> list[int]:
    """The places of the tokens that speak of the cell described."""
    start = _after_label(tokens)
    if _is_prompt(tokens[start:]):
        start = _after_instruction(tokens, start)
    if _is_differential(tokens[start:]):
        return []
    kept: list[int] = []
    general = False
    for first, last in _clauses(tokens, start):
        clause = tokens[first:last]
        goes_on = general and clause[0] == "and" and not _points(clause)
        general = goes_on or _is_general(clause, items(clause))
        kept += () if general else range(first, last)
    return kept


def _after_label(tokens: tuple[str, ...]) -> int:
    """The first token after the speaker's label of a dialogue: "answer : ..."."""
    start = 0
    while len(tokens) > start + 1 and tokens[start] in _LABELS:
        if tokens[start + 1] != ":" and tokens[start] not in _SPEAKERS:
            break
        start += 2 if tokens[start + 1] == ":" else 1
    return start


def _is_prompt(tokens: Sequence[str]) -> bool:
    """A question or an instruction, as echoed by instruction-tuned models."""
    if not tokens:
        return False
    asks = tokens[-1] == "?" or (tokens[0] == "what" and not _ASKED.isdisjoint(tokens[1:2]))
    asks = asks or (tokens[0] == "given" and not _INSTRUCTIONS.isdisjoint(tokens))
    return asks or tokens[0] in _IMPERATIVES or "choose between" in " ".join(tokens[:12])


def _after_instruction(tokens: Sequence[str], start: int) -> int:
    """The first token of an answer that follows its instruction: "describe this cell: ..."."""
    if tokens[start] not in _INSTRUCTIONS or ":" not in tokens[start:] or tokens[-1] == "?" or "or" in tokens:
        return len(tokens)
    return tokens.index(":", start) + 1


def _is_differential(tokens: Sequence[str]) -> bool:
    """An unranked list of possible diagnoses or types."""
    end = next((place for place, token in enumerate(tokens) if token in _ANNOUNCING), 0)
    header = tokens[:end]
    named = not _LISTS.isdisjoint(tokens[:8])
    return named or not _LIST_HEADERS.isdisjoint(header)


def _clauses(tokens: tuple[str, ...], start: int) -> list[tuple[int, int]]:
    """Split where one clause is set against another: "while a neutrophil would ..., this cell ..."."""
    starts = [start]
    for place, token in enumerate(tokens[start + 1 :], start=start + 1):
        after_comma = tokens[place - 1] == "," and (token == "and" or tokens[starts[-1]] in _LEADING)
        if token in _OPPOSING or after_comma or (tokens[place - 1] == ":" and token in _ARTICLES):
            starts.append(place)
    return list(pairwise([*starts, len(tokens)]))


def _is_general(tokens: Sequence[str], found: Sequence[Item]) -> bool:
    """A statement about cells or diseases in general, not about the one in the image."""
    subject = next((item for item in found if item.kind in ("thing", "disease", "self")), None)
    if subject is None or _points(tokens):
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
        not _GENERIC_ADVERBS.isdisjoint(tokens)
        or _concerns_people(tokens)
        or not _IN_GENERAL.isdisjoint(pairwise(tokens))
        or _names_hallmark(found)
    )
    generic = generic or _counts_cells(tokens, found) or _begins_with_disease(found)
    generic = generic or _names_example(tokens, found)
    return generic or defined or _is_disease_at_work(found) or _has_bare_plural_subject(found)


def _points(tokens: Sequence[str]) -> bool:
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
    """As in "the normal range for lymphocytes is 20-40%"."""
    return not _COUNTS.isdisjoint(tokens) and any(_is_plural_cell(item) for item in found)


def _begins_with_disease(found: Sequence[Item]) -> bool:
    """As in "in acute leukemia, blasts have ..."."""
    kinds = [item.kind for item in found[:3]]
    plural = any(item.plural and item.name == "cell" for item in found[3:])
    verb = any(item.kind in ("have", "copula", "one") for item in found)
    return kinds == ["prep", "disease", "comma"] and plural and verb


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
    verb = next(item for item in (*found, Item("word", ".")) if item.kind not in ("disease", "comma"))
    if verb.kind == "have":
        return True
    return verb.kind == "word" and verb.name.endswith("s") and verb.name not in _PEOPLE | _SPECIMENS


def _is_definition(tokens: Sequence[str], found: Sequence[Item]) -> bool:
    """Whether it goes on as in "... is a type of", "is a cancer", "is the most common", "is characterized by"."""
    verb = next((place for place, word in enumerate(tokens) if word in ("is", "are", "has", "have", ",", "with")), None)
    if verb is None or tokens[verb] not in ("is", "are"):
        return False
    predicate = tokens[verb + 1 : verb + 6]
    if not _INDEFINITE.isdisjoint(predicate[:1]):  # "a blast is an immature cell", "APL is an emergency"
        return found[0].kind == "disease" or (tokens[0] in _INDEFINITE and verb <= 3)
    defined_by = tuple(predicate[1:2]) == ("by",) and predicate[0] in _DEFINED
    return defined_by or not _KINDS_OF.isdisjoint(predicate)


def _has_bare_plural_subject(found: Sequence[Item]) -> bool:
    """As in "lymphocytes have ...": a plural type without determiner that is the subject of a verb."""
    for place, item in enumerate(found):
        if not _is_plural_cell(item):
            continue
        start = next((before for before in reversed(found[:place]) if before.kind not in ("value", "normal")), None)
        begins = start is None or start.kind == "comma"
        if begins and place + 1 < len(found) and _is_plain_verb(found[place + 1]):
            return True
        if begins and place + 2 < len(found) and found[place + 1].kind == "comma" and _is_plural_cell(found[place + 2]):
            return True
        if begins and any(mark.kind == "comma" and verb.kind == "have" for mark, verb in pairwise(found[place + 1 :])):
            return True
        since = max((comma for comma in range(place) if found[comma].kind == "comma"), default=-1)
        before = [word.kind for word in found[since + 1 : place] if word.kind not in ("value", "word", "normal")]
        if _NO_SUBJECT_AFTER.isdisjoint(before[-1:]) and _DETERMINERS.isdisjoint(before):
            after = next((word for word in found[place + 1 : place + 4] if word.kind != "word"), None)
            if after is not None and after.kind in ("copula", "have") and after.name not in (":", "=", "as"):
                return True
    return False


def _is_plural_cell(item: Item) -> bool:
    return item.plural and item.type is not None


def _is_plain_verb(item: Item) -> bool:
    return item.kind == "word" and item.name.isalpha() and not item.name.endswith(("ed", "ing", "ly"))
