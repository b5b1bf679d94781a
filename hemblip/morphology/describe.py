"""Attributes -> caption: one cell in fluent clinical English, in one of several sentence styles.

A style decides order, voice and punctuation; the wording of each attribute is shared, so that every style states
exactly the given attributes.
"""

from collections.abc import Callable, Sequence

from hemblip.errors import ConfigError
from hemblip.morphology.lexicon import WRITE
from hemblip.morphology.schema import HEALTHY, Attributes, complete

Cell = dict[str, str | None]


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
    return _WRITERS[style](complete(attributes))


def enumerate_phrases(phrases: Sequence[str], last: str = "and") -> str:
    """Join phrases as in "a, b and c"."""
    if len(phrases) < 2:
        return "".join(phrases)
    return f"{', '.join(phrases[:-1])} {last} {phrases[-1]}"


def article(phrase: str) -> str:
    """Put "a" or "an" before `phrase`."""
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def sentence(text: str) -> str:
    """Capitalise the first letter and end with a full stop."""
    return f"{text[0].upper()}{text[1:]}."


def _given(cell: Cell, *keys: str) -> list[str]:
    return [value for key in keys if (value := cell[key]) is not None]


def _noun(cell: Cell) -> str:
    return cell["cell_type"] or "white blood cell"


def _named(cell: Cell) -> str:
    """Size, shape and type: "large, round neutrophil"."""
    return " ".join(filter(None, [", ".join(_size_and_shape(cell)), _noun(cell)]))


def _size_and_shape(cell: Cell) -> list[str]:
    size = ["medium-sized" if value == "medium" else value for value in _given(cell, "cell_size")]
    return size + _given(cell, "cell_shape")


def _origin(cell: Cell) -> str:
    diagnosis = cell["diagnosis"]
    if diagnosis is None:
        return ""
    return "a healthy donor" if diagnosis == HEALTHY else f"a patient with {WRITE['diagnosis'][diagnosis][0]}"


def _nuclear(cell: Cell) -> list[str]:
    """Noun phrases of the nucleus."""
    phrases = [article(f"{shape} nucleus") for shape in _given(cell, "nucleus_shape")]
    phrases += [f"{value} chromatin" for value in _given(cell, "chromatin")]
    phrases += [f"{value} nucleoli" for value in _given(cell, "nucleoli")]
    return phrases + [f"a {value} nuclear-cytoplasmic ratio" for value in _given(cell, "nuclear_cytoplasmic_ratio")]


def _cytoplasm(cell: Cell) -> str:
    """Noun phrase of the cytoplasm: "scanty, clear, light blue, slightly basophilic cytoplasm"."""
    words = _given(cell, "cytoplasm_amount", "cytoplasm_texture", "cytoplasm_colour")
    words += [f"{value}ly basophilic" for value in _given(cell, "cytoplasm_basophilia")]
    return f"{', '.join(words)} cytoplasm" if words else ""


def _contents(cell: Cell) -> list[str]:
    """Vacuoles and granules as noun phrases, what is there before what is not."""
    present: list[str] = []
    absent: list[str] = []
    if vacuoles := cell["cytoplasm_vacuoles"]:
        (present if vacuoles == "present" else absent).append("vacuoles")
    if cell["granules"] == "absent":
        absent.append("granules")
    elif words := _given(cell, "granules", "granule_colour"):
        present.append(f"{' '.join(words)} granules")
    return present + ([f"no {' or '.join(absent)}"] if absent else [])


def _one_sentence(cell: Cell) -> str:
    """A large, round neutrophil from a healthy donor with a ... nucleus, ... cytoplasm and small pink granules."""
    origin = f" from {_origin(cell)}" if cell["diagnosis"] else ""
    parts = [*_nuclear(cell), *filter(None, [_cytoplasm(cell)]), *_contents(cell)]
    return sentence(article(_named(cell)) + origin + (f" with {enumerate_phrases(parts)}" if parts else ""))


def _by_compartment(cell: Cell) -> str:
    """One sentence each for the cell, the nucleus, the cytoplasm."""
    words = _size_and_shape(cell)
    first = f"this {_noun(cell)} is {enumerate_phrases(words)}" if words else f"this is {article(_noun(cell))}"
    if cell["diagnosis"]:
        first += f" and comes from {_origin(cell)}" if words else f" from {_origin(cell)}"
    sentences = [first]
    within = [f"{value} chromatin" for value in _given(cell, "chromatin")]
    within += [f"{value} nucleoli" for value in _given(cell, "nucleoli")]
    if shape := cell["nucleus_shape"]:
        sentences.append(f"Its nucleus is {shape}" + (f" with {enumerate_phrases(within)}" if within else ""))
    elif within:
        sentences.append(f"The nucleus shows {enumerate_phrases(within)}")
    if ratio := cell["nuclear_cytoplasmic_ratio"]:
        sentences.append(f"The nuclear-cytoplasmic ratio is {ratio}")
    words = _given(cell, "cytoplasm_amount", "cytoplasm_texture", "cytoplasm_colour")
    words += [f"{value}ly basophilic" for value in _given(cell, "cytoplasm_basophilia")]
    contents = _contents(cell)
    if words:
        end = f" and contains {enumerate_phrases(contents)}" if contents else ""
        sentences.append(f"The cytoplasm is {enumerate_phrases(words)}{end}")
    elif contents:
        sentences.append(f"The cytoplasm contains {enumerate_phrases(contents)}")
    return " ".join(map(sentence, sentences))


def _report(cell: Cell) -> str:
    """Terse laboratory report: noun first, value after it."""
    lines = [", ".join(filter(None, [_noun(cell), _origin(cell) and f"from {_origin(cell)}"]))]
    lines += [f"size {value}" for value in _given(cell, "cell_size")]
    lines += [f"shape {value}" for value in _given(cell, "cell_shape")]
    lines += [f"nucleus {value}" for value in _given(cell, "nucleus_shape")]
    lines += [f"nuclear-cytoplasmic ratio {value}" for value in _given(cell, "nuclear_cytoplasmic_ratio")]
    lines += [f"chromatin {value}" for value in _given(cell, "chromatin")]
    lines += [f"nucleoli {value}" for value in _given(cell, "nucleoli")]
    if words := _given(cell, "cytoplasm_amount", "cytoplasm_texture", "cytoplasm_colour"):
        lines.append(f"cytoplasm {enumerate_phrases(words)}")
    lines += [f"basophilia {value}" for value in _given(cell, "cytoplasm_basophilia")]
    lines += [f"vacuoles {value}" for value in _given(cell, "cytoplasm_vacuoles")]
    if words := _given(cell, "granules", "granule_colour"):
        lines.append(f"granules {enumerate_phrases(words)}")
    return sentence("; ".join(lines))


def _nucleus_first(cell: Cell) -> str:
    """The nucleus leads, type and origin come last."""
    sentences = []
    if nuclear := _nuclear(cell):
        sentences.append(f"There is {enumerate_phrases(nuclear)}")
    parts = [*filter(None, [_cytoplasm(cell)]), *_contents(cell)]
    if parts:
        sentences.append(f"{'This is accompanied by' if nuclear else 'There is'} {enumerate_phrases(parts)}")
    origin = f", seen in {_origin(cell)}" if cell["diagnosis"] else ""
    named = article(_named(cell))
    opening = "these features identify" if sentences else "this is"
    return " ".join(map(sentence, [*sentences, f"{opening} {named}{origin}"]))


def _origin_first(cell: Cell) -> str:
    """The smear and its patient lead: "In the blood of a patient with AML, a large cell is seen."."""
    place = f"in the blood of {_origin(cell)}" if cell["diagnosis"] else "in this smear"
    sentences = [f"{place}, {article(_named(cell))} is seen"]
    if nuclear := _nuclear(cell):
        sentences.append(f"It has {enumerate_phrases(nuclear)}")
    contents = _contents(cell)
    if cytoplasm := _cytoplasm(cell):
        sentences.append(
            f"its {cytoplasm} " + (f"contains {enumerate_phrases(contents)}" if contents else "is visible")
        )
    elif contents:
        sentences.append(f"It contains {enumerate_phrases(contents)}")
    return " ".join(map(sentence, sentences))


def _impression(cell: Cell) -> str:
    """Findings with passive verbs, then an impression."""
    sentences = []
    if words := _size_and_shape(cell):
        sentences.append(f"the cell is {enumerate_phrases(words)}")
    if nuclear := _nuclear(cell):
        sentences.append(f"examination reveals {enumerate_phrases(nuclear)}")
    if cytoplasm := _cytoplasm(cell):
        sentences.append(f"{cytoplasm} surrounds the nucleus")
    vacuoles, granules = cell["cytoplasm_vacuoles"], cell["granules"]
    words = _given(cell, "granule_colour") if granules is None else _given(cell, "granules", "granule_colour")
    if vacuoles == granules == "absent":
        sentences.append("neither vacuoles nor granules are observed")
    else:
        if vacuoles is not None:
            sentences.append("vacuoles are observed" if vacuoles == "present" else "vacuoles are not observed")
        if granules == "absent":
            sentences.append("granules are not observed")
        elif words:
            sentences.append(f"the granules are {enumerate_phrases(words)}")
    origin = f" from {_origin(cell)}" if cell["diagnosis"] else ""
    return " ".join(map(sentence, [*sentences, f"impression: {_noun(cell)}{origin}"]))


_WRITERS: tuple[Callable[[Cell], str], ...] = (
    _one_sentence,
    _by_compartment,
    _report,
    _nucleus_first,
    _origin_first,
    _impression,
)

STYLES: int = len(_WRITERS)
"""Number of sentence styles of `describe`."""
