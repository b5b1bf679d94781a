"""Which sentences speak of the cell described: text-book statements, prompts and differentials do not."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from hemblip.morphology.asides import aside_places
from hemblip.morphology.general import is_general, points
from hemblip.morphology.tokens import items, word_set

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
_ANNOUNCING = word_set(":|are|include|includes")
_LISTS = word_set("differential|differentials|candidates|considerations|possibilities")
_ASKED = word_set("is|are|type|kind|cell|does|do|can")
_LABELS = word_set(
    "answer|response|caption|description|output|model|assistant|findings|result|report|summary"
    "|explanation|rationale|reasoning|comment"
)
_SPEAKERS = word_set("model|assistant")
_OPPOSING = word_set("while|whereas|whilst|although|though|but|however")
_LEADING = _OPPOSING | word_set("unlike|where")
_SINGLE = word_set("diagnosis|cell|type|subtype|identity|interpretation|classification|disease")
_JOINING = word_set(".|!|;")
_ARTICLES = word_set("a|an|the|this|it|its")


@lru_cache(maxsize=4096)
def heads_list(tokens: tuple[str, ...]) -> bool:
    """Whether the sentence announces an unranked list, whose entries may be sentences of their own."""
    return _is_differential(tokens[_after_label(tokens) :])


@lru_cache(maxsize=4096)
def names_list(tokens: tuple[str, ...]) -> bool:
    """Whether the sentence is nothing but an enumeration of many types or diseases: the choices of a prompt."""
    if not only_names(tokens):
        return False
    found = items(tokens)
    types = {item.type for item in found if item.type}
    diseases = {item.name for item in found if item.kind == "disease"}
    words = [item for item in found if item.kind == "word" and item.name not in _JOINING]
    return max(len(types), len(diseases)) > 2 and len(words) < 2  # the last name may be cut short


@lru_cache(maxsize=4096)
def only_names(tokens: tuple[str, ...]) -> bool:
    """Whether the sentence is an entry of a list of diseases or cell types."""
    return {item.kind for item in items(tokens)} <= {"disease", "thing", "comma", "word", "all", "and", "or"}


def about_the_cell(tokens: tuple[str, ...]) -> list[int]:
    """The places of the tokens that speak of the cell described."""
    start = _after_label(tokens)
    if _is_prompt(tokens[start:]):
        start = _after_instruction(tokens, start)
    if _is_differential(tokens[start:]) or (start and names_list(tokens[start:])):
        return []
    kept: list[int] = []
    general = False
    silent = _choices(tokens) | aside_places(tokens)
    for first, last in _clauses(tokens, start):
        clause = tuple(tokens[place] for place in range(first, last) if place not in silent)
        if not clause:
            continue
        goes_on = general and clause[0] == "and" and not points(clause)
        general = goes_on or is_general(clause, items(clause))
        kept += () if general else (place for place in range(first, last) if place not in silent)
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


def _choices(tokens: tuple[str, ...]) -> frozenset[int]:
    """The places of options that a property could take: "nuclear shape (round, indented, segmented)"."""
    if "(" not in tokens or ")" not in tokens:
        return frozenset()
    found: set[int] = set()
    for first, token in enumerate(tokens):
        if token == "(" and ")" in tokens[first:]:
            last = tokens.index(")", first)
            entries = [item for item in items(tokens[first + 1 : last]) if item.kind not in ("comma", "or")]
            keys = [key for item in entries for key in item.values]
            shared = {key for key in keys if keys.count(key) > 1}
            others = [item for item in entries if item.values and shared.isdisjoint(item.values)]
            listed = bool(shared) and len(entries) > 2 and not others
            listed = listed or {"present", "absent"} <= set(tokens[first:last])
            found |= set(range(first, last + 1)) if listed else set()
    return frozenset(found)


def _is_differential(tokens: Sequence[str]) -> bool:
    """An unranked list of possible diagnoses or types."""
    end = next((place for place, token in enumerate(tokens) if token in _ANNOUNCING), 0)
    header = tokens[:end]
    if not _LISTS.isdisjoint(tokens[:8]) or "differential" in tokens:
        return True
    if _LIST_HEADERS.isdisjoint(header):
        return False
    return header[-1] not in _SINGLE


def _clauses(tokens: tuple[str, ...], start: int) -> list[tuple[int, int]]:
    """Split where one clause is set against another: "while a neutrophil would ..., this cell ..."."""
    starts = [start]
    for place, token in enumerate(tokens[start + 1 :], start=start + 1):
        after_comma = tokens[place - 1] == "," and (token == "and" or tokens[starts[-1]] in _LEADING)
        parts = (
            token in _OPPOSING or token == "where" or after_comma or (tokens[place - 1] == ":" and token in _ARTICLES)
        )
        starts_field = tokens[place + 1 : place + 2] == (":",) and ":" in tokens[starts[-1] : place]
        if parts or starts_field:
            starts.append(place)
    return list(pairwise([*starts, len(tokens)]))
