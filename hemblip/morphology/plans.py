"""What a caption says first: whole captions of one cell, each by another plan."""

from collections.abc import Callable

from hemblip.morphology.sentences import (
    concluded,
    cytoplasmic,
    nuclear,
    placed,
    predicated,
    presented,
    report_lines,
    surrounded,
)
from hemblip.morphology.wording import Wording, article, paragraph, sentence


def _join(wording: Wording, clauses: list[str]) -> list[str]:
    """Merge some neighbouring clauses into one sentence."""
    merged: list[str] = []
    for clause in clauses:
        if merged and "; " not in merged[-1] and " and the " not in merged[-1] and wording.chance(0.4):
            merged[-1] += ("; " if "," in clause else wording.pick("; ", ", and ")) + clause
        else:
            merged.append(clause)
    return merged


def _by_part(wording: Wording) -> str:
    """The cell, then its nucleus, then its cytoplasm."""
    start = [presented(wording)] if wording.chance(0.5) else predicated(wording)
    if wording.chance(0.2) and (within := surrounded(wording)):
        return paragraph(start + within)
    its = wording.pick("the", "its")
    return paragraph(start + _join(wording, nuclear(wording, its)) + _join(wording, cytoplasmic(wording, its)))


def _findings_first(wording: Wording) -> str:
    """The findings, then what they amount to."""
    found = surrounded(wording) if wording.chance(0.3) else []
    found = found or nuclear(wording, "the") + cytoplasmic(wording, "the")
    return paragraph([*_join(wording, found), concluded(wording) if found else presented(wording)])


def _listed(wording: Wording) -> str:
    """One sentence with a list: "a large neutrophil from a healthy donor, with a bilobed nucleus, ...", or two."""
    cell = article(wording.named()) + wording.origin()
    nucleus, cytoplasm = wording.nuclear_phrases(), wording.cytoplasmic_phrases()
    link = (
        wording.pick(", with", ", showing")
        if wording.cell["diagnosis"]
        else wording.pick(" with", " showing", " characterized by")
    )
    if not nucleus and not cytoplasm:
        return paragraph([presented(wording)])
    if nucleus and cytoplasm and (len(nucleus) + len(cytoplasm) > 5 or wording.chance(0.5)):
        second = wording.pick("it has", "there is", "it shows")
        return paragraph([f"{cell}{link} {wording.enumerate(nucleus)}", f"{second} {wording.enumerate(cytoplasm)}"])
    return paragraph([f"{cell}{link} {wording.enumerate(nucleus + cytoplasm)}"])


def _origin_first(wording: Wording) -> str:
    """The smear and its patient, then the cell."""
    nucleus = wording.nuclear_phrases()
    clauses = [placed(wording)]
    if nucleus:
        clauses.append(f"it {wording.pick('has', 'shows', 'displays')} {wording.enumerate(nucleus)}")
    return paragraph(clauses + _join(wording, cytoplasmic(wording, wording.pick("the", "its"))))


def _report(wording: Wording) -> str:
    """A laboratory report."""
    lines = report_lines(wording)
    return sentence("; ".join(lines)) if wording.chance(0.5) else paragraph(lines)


PLANS: tuple[Callable[[Wording], str], ...] = (_by_part, _by_part, _findings_first, _listed, _origin_first, _report)
"""The plans to draw from; the most usual one counts twice."""
