"""Sentences and clauses about one part of the cell, in several voices."""

from collections.abc import Sequence

from hemblip.morphology.lexicon import RATIOS
from hemblip.morphology.wording import Wording, article

OPENINGS: tuple[str, ...] = (
    "this is {cell}",
    "this image shows {cell}",
    "the image shows {cell}",
    "shown here is {cell}",
    "the cell is {cell}",
    "{cell}",
    "{cell} is seen",
    "{cell} is shown",
)

CONCLUSIONS: tuple[str, ...] = (
    "these features identify {cell}",
    "the appearances are those of {cell}",
    "the findings are those of {cell}",
    "the cell is {cell}",
    "impression: {cell}",
    "overall, this is {cell}",
)


def presented(wording: Wording) -> str:
    """The cell, its size, shape, type and origin: "shown here is a large, round neutrophil from a healthy donor"."""
    return wording.pick(*OPENINGS).format(cell=article(wording.named()) + wording.origin())


def placed(wording: Wording) -> str:
    """The same with the origin first: "in a patient with AML, a large myeloblast is seen"."""
    patient = wording.patient()
    place = wording.pick("in a smear from {}", "in a film from {}", "in a stained smear from {}").format(patient)
    cell = article(wording.named())
    return f"{place if patient else 'in this smear'}, {wording.pick('{} is seen', 'there is {}').format(cell)}"


def concluded(wording: Wording) -> str:
    """The cell named after its findings."""
    return wording.pick(*CONCLUSIONS).format(cell=article(wording.named()) + wording.origin())


def predicated(wording: Wording) -> list[str]:
    """The cell with its size and shape after a verb: "this neutrophil is large and round"."""
    looks, noun, source = wording.looks(), wording.noun(), wording.source()
    if not looks:
        return [f"this is {article(noun)}{wording.origin()}"]
    verb = wording.pick("is", "is", "appears")
    if not source or wording.chance(0.5):
        return [f"this {noun}{wording.origin()} {verb} {looks}"]
    return [f"this {noun} {verb} {looks}", source]


def nuclear(wording: Wording, its: str) -> list[str]:
    """Clauses about the nucleus; `its` is "the" or "its"."""
    cell, within = wording.cell, wording.within()
    clauses = []
    if cell["nucleus_shape"] is not None:
        clauses.append(_nucleus(wording, its, within))
    elif within and wording.chance(0.5):
        clauses.append(f"{its} nucleus {wording.pick('shows', 'contains', 'has')} {' and '.join(within)}")
    else:
        clauses += _within_apart(wording)
    return clauses + _ratio(wording)


def _ratio(wording: Wording) -> list[str]:
    if wording.cell["nuclear_cytoplasmic_ratio"] is None:
        return []
    return [f"the {wording.pick(*RATIOS)} is {wording.adjective('nuclear_cytoplasmic_ratio')}"]


def _nucleus(wording: Wording, its: str, within: Sequence[str]) -> str:
    adjective, predicate = wording.adjective("nucleus_shape"), wording.predicate("nucleus_shape")
    content = " and ".join(within)
    if not content:
        return wording.pick(f"{its} nucleus is {predicate}", f"{its} nucleus appears {adjective}")
    apart = wording.enumerate([f"{its} nucleus is {predicate}", *_within_apart(wording)])
    if wording.cell["nucleus_shape"] in ("regular", "irregular") and wording.chance(0.2):
        contour = wording.pick("outline", "contour")
        apart = f"{its} nuclear {contour} is {wording.cell['nucleus_shape']}, with {content}"
    return wording.pick(
        f"{its} nucleus, which is {predicate}, {wording.pick('contains', 'shows')} {content}",
        f"{its} nucleus is {predicate}, with {content}",
        f"{its} nucleus is {predicate} and {wording.pick('contains', 'shows', 'has')} {content}",
        f"{its} {adjective} nucleus {wording.pick('contains', 'shows', 'has', 'displays')} {content}",
        apart,
    )


def _within_apart(wording: Wording) -> list[str]:
    verbs = {"chromatin": "the chromatin is", "nucleoli": "the nucleoli are"}
    return [f"{verbs[key]} {wording.adjective(key)}" for key in wording.stated("chromatin", "nucleoli")]


def cytoplasmic(wording: Wording, its: str) -> list[str]:
    """Clauses about the cytoplasm and what it contains."""
    phrase, predicates = wording.cytoplasm(), wording.cytoplasm_predicates()
    present, absent = wording.contents()
    if not predicates:
        return _contents_apart(wording, present, absent) if present or absent else []
    holding = _holding(wording, present, absent)
    if holding and len(predicates) < 3 and " of " not in phrase and wording.chance(0.4):
        return [f"{its} {phrase} {holding}"]
    copular = f"{its} cytoplasm is {wording.enumerate(predicates)}"
    if not holding:
        return [wording.pick(copular, f"there is {phrase}")]
    if wording.chance(0.5):
        return [f"{copular} and {holding}" if len(predicates) == 1 else f"{copular}; it {holding}"]
    return [copular, *_contents_apart(wording, present, absent)]


def _holding(wording: Wording, present: Sequence[str], absent: Sequence[str]) -> str:
    """The verb phrase for what the cytoplasm contains: "contains vacuoles but no granules"; may be empty."""
    verb = wording.pick("contains", "contains", "shows")
    things, nothing = wording.enumerate(present), " or ".join(absent)
    if present and absent:
        return f"{verb} {things} {wording.pick('but no', 'and no')} {nothing}"
    if present:
        return f"{verb} {things}"
    if not absent:
        return ""
    return wording.pick(f"contains no {nothing}", f"is free of {' and '.join(absent)}", f"lacks {' and '.join(absent)}")


def _contents_apart(wording: Wording, present: Sequence[str], absent: Sequence[str]) -> list[str]:
    """Passive clauses: "small pink granules are seen", "vacuoles are absent"."""
    seen = wording.pick("present", "seen", "visible")
    there = f"{wording.enumerate(present)} are {seen}"
    if present and absent and wording.chance(0.4):
        return [f"{there}, but no {' or '.join(absent)}"]
    clauses = [there] if present else []
    if len(absent) == 2:
        first, second = absent
        clauses.append(
            wording.pick(
                f"neither {first} nor {second} are {seen}",
                f"no {first} or {second} are {seen}",
                f"{first} and {second} are absent",
            )
        )
    elif absent:
        clauses.append(wording.pick(f"{absent[0]} are absent", f"no {absent[0]} are {seen}"))
    return clauses


def report_lines(wording: Wording) -> list[str]:
    """Telegraphic lines of a laboratory report."""
    cell, looks = wording.cell, [wording.adjective(key) for key in wording.stated("cell_size", "cell_shape")]
    lines = [wording.noun() + wording.origin()]
    if looks:
        lines.append(f"cell: {wording.pick(', ', ' and ').join(looks)}")
    nucleus = [wording.predicate("nucleus_shape")] if cell["nucleus_shape"] else []
    nucleus += [f"{key} {wording.adjective(key)}" for key in wording.stated("chromatin", "nucleoli")]
    if nucleus:
        lines.append(("nucleus: " if cell["nucleus_shape"] else "") + ", ".join(nucleus))
    if cell["nuclear_cytoplasmic_ratio"]:
        lines.append(f"{wording.pick(*RATIOS)}: {wording.adjective('nuclear_cytoplasmic_ratio')}")
    if words := wording.cytoplasm_predicates():
        lines.append(f"cytoplasm: {', '.join(words)}")
    present, absent = wording.contents()
    lines += [f"{thing} present" if thing == "vacuoles" else thing for thing in present]
    return lines + ([f"no {' or '.join(absent)}"] if absent else [])


def surrounded(wording: Wording) -> list[str]:
    """The nucleus within its cytoplasm, in one clause; empty if either is not stated."""
    cytoplasm = wording.cytoplasmic_phrases()
    if wording.cell["nucleus_shape"] is None or not cytoplasm or "cytoplasm" not in cytoplasm[0]:
        return []
    within = wording.within()
    nucleus = article(f"{wording.adjective('nucleus_shape')} nucleus")
    nucleus += f" with {' and '.join(within)}" if within else ""
    verb = wording.pick("is surrounded by", "lies in", "is set in")
    return [f"{nucleus} {verb} {wording.enumerate(cytoplasm)}", *_ratio(wording)]
