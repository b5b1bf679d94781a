"""What a language model is asked, and how its answer is read."""

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

from hemblip.morphology import Attributes

INSTRUCTIONS = (
    "You are a haematologist who describes single white blood cells seen under the microscope. Reword each of the "
    "given captions in fluent clinical English, one to four sentences each. Vary the order, the voice and the words, "
    "but keep every fact: cell type, diagnosis, size, shape, nucleus, chromatin, nucleoli, nuclear-cytoplasmic ratio, "
    "cytoplasm, vacuoles, granules. Add nothing, leave nothing out, interpret nothing, compare with no other cell. "
    "Where `problem` is given, it says what was wrong with an earlier rewording. "
    "Answer with a JSON array of strings only: one rewording for each caption, in the order given."
)

_OUTSIDE = re.compile(
    r"\b(auer|d(ö|oe?)hle|inclusions?|platelets?|erythrocytes?|red (blood )?cells?|mitos[ie]s|mitotic|pseudopods?|"
    r"immunophenotyp\w*|flow cytometry|cd\d+|myeloperoxidase|prognosis|treatment|chemotherapy|male|female|year-old)\b",
    re.IGNORECASE,
)
"""Findings that no attribute stands for, so that reading attributes would not notice them."""


class Task(NamedTuple):
    """A caption to reword.

    Attributes:
        draft: a caption of the grammar.
        attributes: of the cell.
        problem: what was wrong with the rewording before; empty at first.
    """

    draft: str
    attributes: Attributes
    problem: str = ""


def messages(tasks: Sequence[Task]) -> list[dict[str, str]]:
    """The chat that asks for one rewording of each task."""
    asked = [{"caption": task.draft, **({"problem": task.problem} if task.problem else {})} for task in tasks]
    return [
        {"role": "system", "content": INSTRUCTIONS},
        {"role": "user", "content": json.dumps(asked, indent=1, ensure_ascii=False)},
    ]


def read_answer(text: str, count: int) -> list[str] | None:
    """The rewordings of an answer, which may stand in a code fence or after a preface.

    Returns:
        `count` texts; None if the answer holds anything else.
    """
    first, last = text.find("["), text.rfind("]")
    try:
        found = json.loads(text[first : last + 1]) if first >= 0 else None
    except ValueError:
        return None
    if not isinstance(found, list) or len(found) != count or not all(isinstance(entry, str) for entry in found):
        return None
    return [" ".join("".join(sign if sign.isprintable() else " " for sign in entry).split()) for entry in found]


def additions(text: str, draft: str) -> list[str]:
    """What a rewording says beyond the schema that its draft does not: numbers, other findings, endless text."""
    found = [match[0].lower() for match in _OUTSIDE.finditer(text)]
    found += sorted(set(re.findall(r"\d+", text)) - set(re.findall(r"\d+", draft)))
    wrong = [f"it adds '{word}'" for word in found]
    return wrong + (["it is far longer than the caption"] if len(text) > 3 * len(draft) + 100 else [])
