"""Text -> items: normalised words, and the longest wording at each place."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from hemblip.morphology.lexicon import (
    ADJECTIVES,
    ALONE,
    ASPECT_NOUNS,
    DENIABLE,
    NOTHING,
    NOUNS,
    OUTSIDE,
    READ,
    ROLES,
    SAME,
    SLIPS,
)
from hemblip.morphology.schema import SCHEMA
from hemblip.morphology.slips import Slips


class Item(NamedTuple):
    """One word or wording with its role in the sentence.

    Attributes:
        kind: "thing", "aspect", "value", "direct", "disease", a key of `ROLES`, or "word".
        name: the thing, aspect, disease or the words themselves.
        values: for a value, the attribute values it can state: {key: value}.
        type: for a cell that is named by its type, that type, within the schema or not.
        plural: the thing is named in the plural.
        adjective: the thing is named by its adjective.
    """

    kind: str
    name: str
    values: Mapping[str, str] = {}
    type: str | None = None
    plural: bool = False
    adjective: bool = False


def word_set(words: str) -> frozenset[str]:
    """Read "a|b|c" as a set."""
    return frozenset(words.split("|"))


_NAME_BEGINS = ("pro", "meta", "lympho", "myelo", "mono", "neutro", "eosino", "baso")


def _begins_name(gap: re.Match[str]) -> bool:
    """Whether a hyphen splits the name of a cell: "pro-monocyte"."""
    return gap.string.endswith(_NAME_BEGINS, 0, gap.start())


_THERE_OR_NOT = "|".join(re.escape(noun) for thing in DENIABLE for noun in NOUNS[thing])
_COUNTED = (
    (
        re.compile(
            rf"\b(?:(?:number|count|no\.?) of )?({_THERE_OR_NOT})(?: ?[:=]| is| are)? ?\b0"
            r"(?![\w%]|[._]\d| ?[-–/+]| to\b)"
        ),
        r"\1 absent ",
    ),
    (re.compile(rf"(?<![\d._/–-])\b0 (?={_THERE_OR_NOT})"), "no "),
    (re.compile(rf"\b({_THERE_OR_NOT}) ?[:=]? ?0 ?(?:[-–]|to) ?\d+"), r"\1 n/a "),
)
"""What is counted as 0 is not there: "vacuoles 0"; of "0-2" nothing is known."""
_ANSWER = "no|none|nil|absent|negative|not seen|not present|yes|present|positive"

_SPELLING = (
    (re.compile(r"leuk?aemi|leukæmi"), "leukemi"),
    (re.compile(r"h(?:a|æ)emat"), "hemat"),
    (re.compile(r"colour"), "color"),
    (re.compile(r"g(?<!\wg)rey"), "gray"),
    (re.compile(r"centre\b"), "center"),
    (re.compile(r"\bfavour"), "favor"),
    (
        re.compile(r"\b(?!raised|advised|comprised|revised|raising|comprising)([a-z]{3,})is(ation|ed|ing|es)\b"),
        r"\1iz\2",
    ),
    (re.compile(r"leukemias"), "leukemia"),
    (re.compile(r"n ?['’] ?t\b"), " not"),
    (re.compile(r" ?['’] ?s\b"), ""),
    (re.compile(r"(?<!\w)['‘’]|['‘’](?!\w)"), " "),
    (re.compile(r"(?<=\bvs|\bcf) ?\."), ""),
    (re.compile(r"e\.g\b\.?"), "eg"),
    (re.compile(r"i\.e\b\.?"), "ie"),
    (re.compile(r"\.(?:(?<=\bca\.)|(?<=\bdr\.)|(?<=\betc\.)|(?<=\bfig\.)|(?<=\bapprox\.))"), ""),
    (re.compile(r"(?<=\d)\.(?=\d)"), "_"),
    (re.compile(r" ?- ?(?=mono|myelo|blast|cyt|phil)"), lambda gap: "" if _begins_name(gap) else gap[0]),
    (re.compile(r"['\"](?=\s+\w+\s?=)"), " ; "),
    (re.compile(rf"(?<=\w) [-/] ({_ANSWER})(?: [-/] |(?=\s*(?:$|[.,;\n])))"), r" : \1 , "),
    (re.compile(rf"(?<=[:=] )({_ANSWER}) [-/] "), r"\1 , "),
    (re.compile(r"\(\s*[-–]\s*\)|(?<=\s)[-–] ?ve\b"), " absent "),
    (re.compile(r"\+ ?/ ?[-–]|±"), " n/a "),
    (re.compile(r"(?m)(?<=[:=|])[ \t\"]*(?:0|false|[-–])[ \t\"]*(?=$|[|;,}]|\.(?!\d))"), " absent "),
    (re.compile(r"\(\s*[~<>≈]?\s*\d+(?:[._]\d+)?\s*%\s*\)"), " "),
    (re.compile(r"\b(?:t|inv|del)\s?\([\dqp;: ]+\)(?:\([\dqp;:. ]+\))?"), " "),
    (re.compile(r"w(?<!\ww)/o\b"), "without"),
    (re.compile(r"w(?<!\ww)/(?=\s|[a-z])"), "with "),
    (re.compile(r"(?:^|(?<=\s))[*•·▪●‣-](?=\s+\w+(?: \w+){0,3} ?:)"), "•"),
    (re.compile(r"(?:^|(?<=\s))\(?\d{1,2}\)(?=\s)"), "•"),
    (re.compile(r"(?<=\s)\(?[a-h]\)(?=\s)"), ","),
    (re.compile(r"[–—―]+|(?<=\s)--+(?=\s)"), lambda match: " , " if match[0] != "–" else "-"),
)

_MARKUP = (
    (re.compile(r"\[(?:cls|sep|pad|unk|mask|dec|enc)\]"), " "),
    (re.compile(r"\s+##(?=[a-z])"), ""),
    (re.compile(r"</?(?:br|p|li|ul|ol|div|tr|h\d)\s*/?>"), " ; "),
    (re.compile(r"<[^<>\n]{1,30}>"), " "),
    (re.compile(r"(?m)^[ \t]*#+[ \t]+(?=\w)"), "\n§ "),
    (re.compile(r"(?m)^[ \t]*\*\*([^*\n.:]{1,60})(?::\*\*|\*\* ?:)"), r"\n§ \1 :"),
    (re.compile(r"(?m)^[ \t]*\*\*([^*\n.:]{1,60})\*\*[ \t]*$"), r"\n§ \1"),
    (re.compile(r"(?m)^\s*\|(.*?)\|?\s*$"), lambda row: row[1].replace("|", " : ")),
    (re.compile(r"\|"), " ; "),
    (re.compile(r"[*`\"“”#_<>{}\[\]~^\\]+"), " "),
)
"""What tokenizers, Markdown and HTML put around words."""
_MARKS = re.compile(r"[*`\"“”#_<>{}\[\]~^\\|]")

_TOKEN = re.compile(r"[a-z]+|\d+|[^\w\s-]|\n")
_ANSWERING = word_set("not|absent|unsure|word|det|copula|value")
_ENDS = frozenset(".!?;•\n")
HEADING = "§"
"""Begins a sentence that is a heading, or begins with one."""


_ANSWERED_BY_SIGN = re.compile(r"(?m)((?:^|[,;•])[ \t]*[a-z]+)[ \t]+[-–—](?=[ \t]*(?:$|[,;]))")
"""As in "granules –, vacuoles –"; a dash after more than a word may go on."""

_CAPITAL_ALL = re.compile(r"\bALL\b(?!\s+(?:of|the|these|those|other|its|cells?|lobes)\b)")


def normalise(text: str) -> str:
    """Lower case, American spelling, plain punctuation; hyphens stay."""
    if not text.isupper():
        text = _CAPITAL_ALL.sub("ALL leukemia", text)
    text = unicodedata.normalize("NFKC", text).casefold().replace("\u00ad", "").replace("−", "-").replace("‐", "-")
    text = re.sub(r"(?m)^[ \t]*[–—](?=[ \t])", "•", text)  # marks an entry of a list
    text = re.sub(r"[ \t]–[ \t]", " , ", _ANSWERED_BY_SIGN.sub(r"\1 absent ", text))
    counted, marked = _COUNTED if "0" in text else (), _MARKUP if _MARKS.search(text) else ()
    for pattern, replacement in (*counted, *_SPELLING, *marked):
        text = pattern.sub(replacement, text)
    for parts, longer, shorter in SAME:
        if any(part in text for part in parts):
            text = longer.sub(shorter, text)
    return text


def _plural(noun: str) -> str:
    return noun if noun.endswith("s") or noun.endswith("i") else f"{noun}s"


def _entries() -> Iterator[tuple[str, Item]]:
    """Every wording with its item, the stronger reading first."""
    for wording in NOTHING:
        yield wording, Item("word", wording)
    for role, words in ROLES.items():
        for wording in words:
            yield wording, Item(role, wording)
    types = {**READ["cell_type"], "promyelocyte": OUTSIDE["promyelocyte"], "other": OUTSIDE["cells"]}
    for cell_type, names in types.items():
        for wording in names:
            yield wording, Item("thing", "cell", type=cell_type)
            yield _plural(wording), Item("thing", "cell", type=cell_type, plural=True)
    for diagnosis, names in {**READ["diagnosis"], "": OUTSIDE["diseases"]}.items():
        for wording in names:
            yield wording, Item("disease", diagnosis)
    for key, values in ALONE.items():
        for value, words in values.items():
            for wording in words:
                yield wording, Item("direct", wording, {key: value})
    for thing, nouns in NOUNS.items():
        for wording in nouns:
            yield wording, Item("thing", thing, plural=wording.endswith(("s", "i")) and thing in DENIABLE)
            if thing in ("cell", "other"):
                yield _plural(wording), Item("thing", thing, plural=True)
        for wording in ADJECTIVES.get(thing, ()):
            yield wording, Item("thing", thing, adjective=True)
    stated: dict[str, dict[str, str]] = {}
    for key, values in READ.items():
        for value, words in values.items() if key not in ("cell_type", "diagnosis") else ():
            for wording in words:
                stated.setdefault(wording, {}).setdefault(key, value)
    for wording, by_key in stated.items():
        yield wording, Item("value", wording, by_key)
    for aspect, nouns in ASPECT_NOUNS.items():
        for wording in nouns:
            yield wording, Item("aspect", aspect)


def _index() -> tuple[dict[tuple[str, ...], Item], dict[str, list[int]]]:
    """Wordings as tuples of tokens, and the lengths of those that begin with each token, longest first."""
    index: dict[tuple[str, ...], Item] = {}
    lengths: dict[str, set[int]] = {}
    for wording, item in _entries():
        words = tuple(_TOKEN.findall(wording))
        index.setdefault(words, item)
        lengths.setdefault(words[0], set()).add(len(words))
    return index, {word: sorted(found, reverse=True) for word, found in lengths.items()}


_WORDINGS, _LENGTHS = _index()


def _slips() -> Slips:
    names = [name for name in SCHEMA["cell_type"] if " " not in name]
    return Slips({word for words in _WORDINGS for word in words}, [*SLIPS, *names, *map(_plural, names)])


_SLIPS = _slips()


def sentences(text: str) -> list[tuple[str, ...]]:
    """Split normalised text into sentences of tokens; the end mark is kept as the last token.

    A semicolon or line break before mere modifiers ends nothing: "cytoplasm: abundant; frosted"; nor does one between
    what may be there and whether it is: a heading "Vacuoles", and "none seen" below it.
    """
    found: list[tuple[str, ...]] = []
    current: list[str] = []
    for token in map(_SLIPS.mend, (*_TOKEN.findall(text), "\n")):
        if token == HEADING:
            current = [HEADING]
        elif token not in _ENDS:
            current.append(token)
        elif token == "?" and _names_property(current):  # "nuclear shape? band."
            current.append(":")
        elif current:
            current.append("." if token in "\n•" else token)
            if found and found[-1][-1] in ";." and _continues(current):
                current = [*found.pop()[:-1], ",", *current]
            elif found and found[-1][-1] in ";." and _asks(found[-1]) and _answers(current):
                current = [*found.pop()[:-1], ":", *current]
            found.append(tuple(current))
            current = []
    return found


def _names_property(tokens: Sequence[str]) -> bool:
    kinds = {item.kind for item in items(tuple(tokens))}
    return not kinds.isdisjoint(("thing", "aspect")) and kinds <= {"thing", "aspect", "and", "comma"}


def _asks(tokens: Sequence[str]) -> bool:
    """Whether a sentence does nothing but name what may be there."""
    named = [item for item in items(tuple(tokens)) if item.name not in (".", ";", ":", HEADING)]
    return bool(named) and named[-1].name in DENIABLE and {item.kind for item in named} == {"thing"}


def _answers(tokens: Sequence[str]) -> bool:
    """Whether a sentence names nothing itself: "none seen", "no", "not observed", "many"."""
    said = items(tuple(tokens[:-1]))
    of_others = any(not set(DENIABLE.values()) >= set(item.values) for item in said)
    return len(said) <= 3 and not of_others and {item.kind for item in said} <= _ANSWERING


def _continues(tokens: Sequence[str]) -> bool:
    kinds = {item.kind for item in items(tuple(tokens[:-1]))}
    return not kinds.isdisjoint(("value", "direct")) and kinds <= {"value", "direct", "comma", "and", "not"}


def items(tokens: tuple[str, ...]) -> list[Item]:
    """Read `tokens` as items, the longest wording first."""
    return [item for item, _ in measured_items(tokens)]


@lru_cache(maxsize=16384)
def measured_items(tokens: tuple[str, ...]) -> tuple[tuple[Item, int], ...]:
    """Read `tokens` as items, each with the number of tokens that it takes."""
    found = []
    place = 0
    while place < len(tokens):
        for length in _LENGTHS.get(tokens[place], ()):
            item = _WORDINGS.get(tokens[place : place + length]) if place + length <= len(tokens) else None
            if item is not None:
                break
        else:
            item, length = Item("word", tokens[place]), 1
        found.append((item, length))
        place += length
    return tuple(found)
