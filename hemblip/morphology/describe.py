"""Attributes -> caption: one cell in fluent clinical English, in one of several sentence styles.

A style decides order, voice and punctuation; the wording of each attribute is shared, so that every style states
exactly the given attributes.
"""

from collections.abc import Callable

from hemblip.errors import ConfigError
from hemblip.morphology.schema import Attributes, complete
from hemblip.morphology.wording import SchemaWording, article, paragraph, sentence


def describe(attributes: Attributes, style: int = 0) -> str:
    """Write one caption that states every given attribute and nothing else.

    Args:
        attributes: any subset of the 15 schema keys; `None` means not stated.
        style: sentence style, 0 to `STYLES` - 1.

    Returns:
        One to five sentences; `extract_attributes` reads the same attributes back from them.

    Raises:
        ConfigError: there is no such style.
        DataError: a key or value is not in the schema.
    """
    if style not in range(STYLES):
        raise ConfigError(f"style {style!r} does not exist; choose 0 to {STYLES - 1}")
    return _PLANS[style](SchemaWording(complete(attributes)))


def _contents(wording: SchemaWording) -> list[str]:
    """Vacuoles and granules as noun phrases, what is there before what is not."""
    present, absent = wording.contents()
    return present + ([f"no {' or '.join(absent)}"] if absent else [])


def _within_cell(wording: SchemaWording) -> list[str]:
    """The cytoplasm and what it contains as noun phrases."""
    return [*filter(None, [wording.cytoplasm()]), *_contents(wording)]


def _one_sentence(wording: SchemaWording) -> str:
    """A large, round neutrophil from a healthy donor with a ... nucleus, ... cytoplasm and small pink granules."""
    parts = wording.nuclear_phrases() + _within_cell(wording)
    cell = article(wording.named()) + wording.origin()
    return sentence(cell + (f" with {wording.enumerate(parts)}" if parts else ""))


def _by_compartment(wording: SchemaWording) -> str:
    """One sentence each for the cell, the nucleus, the cytoplasm."""
    cell, looks, noun = wording.cell, wording.looks(), wording.noun()
    comes = f" and comes{wording.origin()}" if cell["diagnosis"] else ""
    clauses = [f"this {noun} is {looks}{comes}" if looks else f"this is {article(noun)}{wording.origin()}"]
    within = wording.enumerate(wording.within())
    if cell["nucleus_shape"]:
        clauses.append(f"Its nucleus is {cell['nucleus_shape']}" + (f" with {within}" if within else ""))
    elif within:
        clauses.append(f"The nucleus shows {within}")
    if cell["nuclear_cytoplasmic_ratio"]:
        clauses.append(f"The nuclear-cytoplasmic ratio is {cell['nuclear_cytoplasmic_ratio']}")
    cytoplasm, contents = wording.enumerate(wording.cytoplasm_predicates()), wording.enumerate(_contents(wording))
    if found := [f"is {cytoplasm}"] * bool(cytoplasm) + [f"contains {contents}"] * bool(contents):
        clauses.append(f"The cytoplasm {' and '.join(found)}")
    return paragraph(clauses)


def _report(wording: SchemaWording) -> str:
    """Terse laboratory report: noun first, value after it."""
    nouns = {
        "size": ["cell_size"],
        "shape": ["cell_shape"],
        "nucleus": ["nucleus_shape"],
        "nuclear-cytoplasmic ratio": ["nuclear_cytoplasmic_ratio"],
        "chromatin": ["chromatin"],
        "nucleoli": ["nucleoli"],
        "cytoplasm": ["cytoplasm_amount", "cytoplasm_texture", "cytoplasm_colour"],
        "basophilia": ["cytoplasm_basophilia"],
        "vacuoles": ["cytoplasm_vacuoles"],
        "granules": ["granules", "granule_colour"],
    }
    values = {noun: [value for key in keys if (value := wording.cell[key])] for noun, keys in nouns.items()}
    lines = [f"{noun} {wording.enumerate(found)}" for noun, found in values.items() if found]
    origin = f",{wording.origin()}" if wording.cell["diagnosis"] else ""
    return sentence("; ".join([wording.noun() + origin, *lines]))


def _nucleus_first(wording: SchemaWording) -> str:
    """The nucleus leads, type and origin come last."""
    clauses = []
    if nuclear := wording.nuclear_phrases():
        clauses.append(f"There is {wording.enumerate(nuclear)}")
    if parts := _within_cell(wording):
        clauses.append(f"{'This is accompanied by' if nuclear else 'There is'} {wording.enumerate(parts)}")
    origin = f", seen in {wording.patient()}" if wording.cell["diagnosis"] else ""
    opening = "these features identify" if clauses else "this is"
    return paragraph([*clauses, f"{opening} {article(wording.named())}{origin}"])


def _origin_first(wording: SchemaWording) -> str:
    """The smear and its patient lead: "In the blood of a patient with AML, a large cell is seen."."""
    place = f"in the blood of {wording.patient()}" if wording.cell["diagnosis"] else "in this smear"
    clauses = [f"{place}, {article(wording.named())} is seen"]
    if nuclear := wording.nuclear_phrases():
        clauses.append(f"It has {wording.enumerate(nuclear)}")
    contents = wording.enumerate(_contents(wording))
    if cytoplasm := wording.cytoplasm():
        clauses.append(f"its {cytoplasm} " + (f"contains {contents}" if contents else "is visible"))
    elif contents:
        clauses.append(f"It contains {contents}")
    return paragraph(clauses)


def _impression(wording: SchemaWording) -> str:
    """Findings with passive verbs, then an impression."""
    clauses = []
    if looks := wording.looks():
        clauses.append(f"the cell is {looks}")
    if nuclear := wording.nuclear_phrases():
        clauses.append(f"examination reveals {wording.enumerate(nuclear)}")
    if cytoplasm := wording.cytoplasm():
        clauses.append(f"{cytoplasm} surrounds the nucleus")
    cell, (_, absent) = wording.cell, wording.contents()
    if len(absent) == 2:
        clauses.append(f"neither {' nor '.join(absent)} are observed")
    else:
        clauses += ["vacuoles are observed"] * (cell["cytoplasm_vacuoles"] == "present")
        clauses += [f"{thing} are not observed" for thing in absent]
        if "granules" not in absent and (kinds := [*filter(None, [cell["granules"], cell["granule_colour"]])]):
            clauses.append(f"the granules are {wording.enumerate(kinds)}")
    return paragraph([*clauses, f"impression: {wording.noun()}{wording.origin()}"])


_PLANS: tuple[Callable[[SchemaWording], str], ...] = (
    _one_sentence,
    _by_compartment,
    _report,
    _nucleus_first,
    _origin_first,
    _impression,
)

STYLES: int = len(_PLANS)
"""Number of sentence styles of `describe`."""
