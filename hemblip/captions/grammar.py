"""The offline captions: a small grammar that says the same cell in many ways."""

import random
from collections.abc import Callable

from hemblip.captions.guard import states_exactly
from hemblip.captions.sentences import (
    concluded,
    cytoplasmic,
    nuclear,
    placed,
    predicated,
    presented,
    report_lines,
    surrounded,
    with_phrase,
)
from hemblip.captions.spelling import british
from hemblip.captions.wording import Wording
from hemblip.errors import ConfigError
from hemblip.morphology import Attributes, complete
from hemblip.morphology.describe import article, sentence

ATTEMPTS = 60
"""Draws for one caption before the cell counts as exhausted; only cells that state next to nothing are."""


def captions(attributes: Attributes, k: int, seed: int = 0, cell_id: str = "") -> list[str]:
    """Write `k` different captions of one cell, each stating exactly its attributes.

    Caption i depends on the attributes, seed, cell id and i alone, so fewer captions are the first of more.

    Args:
        attributes: any subset of the 15 schema keys; `None` means not stated.
        k: how many, at least 1.
        seed: of all choices.
        cell_id: gives cells with equal attributes different captions.

    Returns:
        `k` captions of one to six sentences; fewer if the cell states so little that there are not so many.

    Raises:
        ConfigError: `k` is below 1.
        DataError: a key or value is not in the schema.
    """
    if k < 1:
        raise ConfigError(f"k is {k}; a cell needs at least 1 caption")
    cell = complete(attributes)
    written: list[str] = []
    for index in range(k):
        for attempt in range(ATTEMPTS):
            text = write(cell, random.Random(f"{seed}/{cell_id}/{index}/{attempt}"))
            if text not in written and states_exactly(text, cell):
                written.append(text)
                break
        else:
            break
    return written


def write(cell: dict[str, str | None], draw: random.Random) -> str:
    """Draw one caption; it may fail the guard where wordings clash."""
    wording = Wording(cell, draw)
    text = draw.choice(PLANS)(wording)
    return british(text) if draw.random() < 0.5 else text


def _paragraph(clauses: list[str]) -> str:
    return " ".join(map(sentence, clauses))


def _join(wording: Wording, clauses: list[str]) -> list[str]:
    """Merge some neighbouring clauses into one sentence."""
    merged: list[str] = []
    for clause in clauses:
        if merged and "; " not in merged[-1] and " and the " not in merged[-1] and wording.chance(0.4):
            merged[-1] += ("; " if "," in clause else wording.pick("; ", ", and ")) + clause
        else:
            merged.append(clause)
    return merged


def _its(wording: Wording) -> str:
    return wording.pick("the", "its")


def _by_part(wording: Wording) -> str:
    """The cell, then its nucleus, then its cytoplasm."""
    start = [presented(wording)] if wording.chance(0.5) else predicated(wording)
    if wording.chance(0.2) and (within := surrounded(wording)):
        return _paragraph(start + within)
    its = _its(wording)
    return _paragraph(start + _join(wording, nuclear(wording, its)) + _join(wording, cytoplasmic(wording, its)))


def _findings_first(wording: Wording) -> str:
    """The findings, then what they amount to."""
    found = surrounded(wording) if wording.chance(0.3) else []
    found = found or nuclear(wording, "the") + cytoplasmic(wording, "the")
    return _paragraph([*_join(wording, found), concluded(wording) if found else presented(wording)])


def _listed(wording: Wording) -> str:
    """One sentence with a list: "a large neutrophil from a healthy donor, with a bilobed nucleus, ...", or two."""
    cell = article(wording.named()) + wording.origin()
    nucleus, cytoplasm = wording.nuclear_phrases(), with_phrase(wording)
    link = wording.pick(", with", ", showing") if wording.cell["diagnosis"] else wording.pick(" with", " showing")
    if not nucleus and not cytoplasm:
        return _paragraph([presented(wording)])
    if nucleus and cytoplasm and (len(nucleus) + len(cytoplasm) > 5 or wording.chance(0.5)):
        second = wording.pick("it has", "there is", "it shows")
        return _paragraph([f"{cell}{link} {wording.enumerate(nucleus)}", f"{second} {wording.enumerate(cytoplasm)}"])
    return _paragraph([f"{cell}{link} {wording.enumerate(nucleus + cytoplasm)}"])


def _origin_first(wording: Wording) -> str:
    """The smear and its patient, then the cell."""
    nucleus = wording.nuclear_phrases()
    clauses = [placed(wording)]
    if nucleus:
        clauses.append(f"it {wording.pick('has', 'shows', 'displays')} {wording.enumerate(nucleus)}")
    return _paragraph(clauses + _join(wording, cytoplasmic(wording, _its(wording))))


def _report(wording: Wording) -> str:
    """A laboratory report."""
    lines = report_lines(wording)
    return sentence("; ".join(lines)) if wording.chance(0.5) else _paragraph(lines)


PLANS: tuple[Callable[[Wording], str], ...] = (_by_part, _by_part, _findings_first, _listed, _origin_first, _report)
"""What a caption says first; the most usual way counts twice."""
