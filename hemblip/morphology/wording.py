"""One cell in words: draws a wording for each attribute and builds the noun phrases that sentences are made of."""

import random
import re
from collections.abc import Sequence

from hemblip.morphology.lexicon import AFTER, AMOUNTS, ANY_CELL, PHRASES, RATIOS, WRITE
from hemblip.morphology.schema import HEALTHY


def article(phrase: str) -> str:
    """Put "a" or "an" before `phrase`."""
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def sentence(text: str) -> str:
    """Capitalise the first letter and end with a full stop."""
    return f"{text[0].upper()}{text[1:]}."


def paragraph(clauses: Sequence[str]) -> str:
    """Make a sentence of each clause."""
    return " ".join(map(sentence, clauses))


class Wording:
    """The wordings of one caption.

    Args:
        cell: all 15 schema keys.
        draw: decides every choice.
    """

    def __init__(self, cell: dict[str, str | None], draw: random.Random) -> None:
        self.cell, self._draw = cell, draw
        self.serial_comma = self.chance(0.4)

    def pick(self, *options: str) -> str:
        """Draw one of `options`."""
        return self._draw.choice(options)

    def chance(self, probability: float) -> bool:
        """Draw yes with `probability`."""
        return self._draw.random() < probability

    def shuffled(self, items: Sequence[str]) -> list[str]:
        """Draw an order."""
        return self._draw.sample(items, len(items))

    def stated(self, *keys: str) -> list[str]:
        """Those of `keys` that the cell states."""
        return [key for key in keys if self.cell[key] is not None]

    def adjective(self, key: str) -> str:
        """A wording that stands before a noun: "coarsely clumped"."""
        return self.pick(*WRITE[key][self._value(key)])

    def predicate(self, key: str) -> str:
        """A wording that stands after "is": "irregular in outline"."""
        return self.pick(*AFTER.get(key, WRITE[key])[self._value(key)])

    def _value(self, key: str) -> str:
        value = self.cell[key]
        assert value is not None, key
        return value

    def enumerate(self, phrases: Sequence[str], last: str = "and") -> str:
        """Join as in "a, b and c", with or without the serial comma; a list within the list makes it necessary."""
        if len(phrases) < 2:
            return "".join(phrases)
        nested = any(re.search(r",| and | containing ", phrase) for phrase in phrases[:-1])
        comma = "," if (len(phrases) > 2 and self.serial_comma) or nested else ""
        return f"{', '.join(phrases[:-1])}{comma} {last} {phrases[-1]}"

    # --- the cell

    def noun(self) -> str:
        """The cell's type: "neutrophilic granulocyte"."""
        cell_type = self.cell["cell_type"]
        return self.pick(*(ANY_CELL if cell_type is None else WRITE["cell_type"][cell_type]))

    def named(self) -> str:
        """Size, shape and type without an article: "large, round neutrophil", "neutrophil of large size"."""
        noun = self.noun()
        size = self.adjective("cell_size") if self.cell["cell_size"] else ""
        shape = self.adjective("cell_shape") if self.cell["cell_shape"] else ""
        outline = f"of {self.cell['cell_shape']} {self.pick('outline', 'shape', 'contour')}"
        if size and shape:
            return self.pick(f"{size}, {shape} {noun}", f"{size}, {shape} {noun}", f"{size} {noun} {outline}")
        return " ".join(filter(None, [size, shape, noun]))

    def looks(self) -> str:
        """Size and shape after "is": "large and round", "small in size"; empty if neither is stated."""
        keys = self.stated("cell_size", "cell_shape")
        if not keys:
            return ""
        outline = self.pick("outline", "shape", "contour")
        nouns = {"cell_size": "size", "cell_shape": outline}
        in_full = " and ".join(f"{self.cell[key]} in {nouns[key]}" for key in keys)
        return self.pick(" and ".join(self.adjective(key) for key in keys), in_full)

    def patient(self) -> str:
        """Whose cell it is: "a patient with acute myeloid leukemia"; empty if not stated."""
        diagnosis = self.cell["diagnosis"]
        if diagnosis is None:
            return ""
        if diagnosis == HEALTHY:
            return self.pick(*WRITE["diagnosis"][HEALTHY])
        disease = self.pick(*WRITE["diagnosis"][diagnosis])
        return self.pick("a patient with", "a patient with", "a case of", "a patient diagnosed with") + f" {disease}"

    def origin(self) -> str:
        """The same after a noun, with a space before it: " from a healthy donor"; empty if not stated."""
        patient = self.patient()
        return f" from {patient}" if patient else ""

    def source(self) -> str:
        """The same as a clause: "the diagnosis is acute myeloid leukemia"; empty if not stated."""
        diagnosis = self.cell["diagnosis"]
        if diagnosis is None:
            return ""
        if diagnosis == HEALTHY:
            return self.pick(f"it comes from {self.patient()}", "the donor is healthy")
        disease = self.pick(*WRITE["diagnosis"][diagnosis])
        return self.pick(f"it comes from {self.patient()}", f"the patient has {disease}", f"the diagnosis is {disease}")

    # --- the nucleus

    def nucleus(self) -> str:
        """The nucleus with its shape: "a nucleus divided into two lobes"."""
        plain = article(f"{self.adjective('nucleus_shape')} nucleus")
        return self.pick(plain, plain, *PHRASES["nucleus_shape"][self._value("nucleus_shape")])

    def within(self) -> list[str]:
        """What the nucleus contains: "dense chromatin", "inconspicuous nucleoli"."""
        nouns = {"chromatin": "chromatin", "nucleoli": "nucleoli"}
        return [f"{self.adjective(key)} {nouns[key]}" for key in self.stated("chromatin", "nucleoli")]

    def ratio(self) -> str:
        """The ratio as a noun phrase: "a high nuclear-to-cytoplasmic ratio"; empty if not stated."""
        if self.cell["nuclear_cytoplasmic_ratio"] is None:
            return ""
        return article(f"{self.adjective('nuclear_cytoplasmic_ratio')} {self.pick(*RATIOS)}")

    def nuclear_phrases(self) -> list[str]:
        """Noun phrases of the nucleus for a list: "a bilobed nucleus containing dense chromatin", "a low N:C ratio"."""
        within = self.within()
        if self.cell["nucleus_shape"] is None:
            phrases = within
        elif within and self.chance(0.5):
            phrases = [f"{article(self.adjective('nucleus_shape') + ' nucleus')} containing {' and '.join(within)}"]
        else:
            phrases = [self.nucleus(), *within]
        return phrases + list(filter(None, [self.ratio()]))

    # --- the cytoplasm

    def cytoplasm(self) -> str:
        """The cytoplasm as a noun phrase: "a thin rim of pale blue, slightly basophilic cytoplasm"; may be empty."""
        keys = self.stated("cytoplasm_amount", "cytoplasm_texture", "cytoplasm_colour", "cytoplasm_basophilia")
        if not keys:
            return ""
        opening, ending = "", ""
        if "cytoplasm_amount" in keys and self.chance(0.4):
            opening = f"{self.pick(*AMOUNTS[self._value('cytoplasm_amount')])} "
            keys.remove("cytoplasm_amount")
        if "cytoplasm_basophilia" in keys and self.chance(0.25):
            ending = f" with {self.pick(*PHRASES['cytoplasm_basophilia'][self._value('cytoplasm_basophilia')])}"
            keys.remove("cytoplasm_basophilia")
        words = ", ".join(self.adjective(key) for key in self._in_order(keys))
        return f"{opening}{words + ' ' if words else ''}cytoplasm{ending}"

    def cytoplasm_predicates(self) -> list[str]:
        """What stands after "the cytoplasm is"."""
        keys = self.stated("cytoplasm_amount", "cytoplasm_texture", "cytoplasm_colour", "cytoplasm_basophilia")
        return [self.predicate(key) for key in self._in_order(keys)]

    def _in_order(self, keys: Sequence[str]) -> list[str]:
        """The amount first, basophilia last, texture and colour in any order."""
        ends = ("cytoplasm_amount", "cytoplasm_basophilia")
        middle = self.shuffled([key for key in keys if key not in ends])
        return [key for key in ends[:1] if key in keys] + middle + [key for key in ends[1:] if key in keys]

    def contents(self) -> tuple[list[str], list[str]]:
        """Nouns of what the cytoplasm contains, and of what it does not."""
        present: list[str] = []
        absent: list[str] = []
        if vacuoles := self.cell["cytoplasm_vacuoles"]:
            (present if vacuoles == "present" else absent).append("vacuoles")
        if self.cell["granules"] == "absent":
            absent.append("granules")
        elif keys := self.stated("granules", "granule_colour"):
            present.append(" ".join([*(self.adjective(key) for key in keys), "granules"]))
        return self.shuffled(present), self.shuffled(absent)

    def cytoplasmic_phrases(self) -> list[str]:
        """Noun phrases of the cytoplasm and its contents for a list: "clear cytoplasm without granules"."""
        present, absent = self.contents()
        cytoplasm, things, nothing = self.cytoplasm(), self.enumerate(present), " or ".join(absent)
        if not cytoplasm or " with " in cytoplasm:
            return [*filter(None, [cytoplasm]), *present, *([f"no {nothing}"] if absent else [])]
        if absent and not present:
            return [f"{cytoplasm} {self.pick('without', 'free of')} {nothing}"]
        ending = f" {self.pick('but', 'and')} no {nothing}" if absent else ""
        return [f"{cytoplasm} {self.pick('with', 'containing')} {things}{ending}" if present else cytoplasm]


class SchemaWording(Wording):
    """The schema's own words, the first of every choice: nothing is drawn.

    Args:
        cell: all 15 schema keys.
    """

    def __init__(self, cell: dict[str, str | None]) -> None:
        super().__init__(cell, random.Random(0))

    def pick(self, *options: str) -> str:
        """Take the first of `options`."""
        return options[0]

    def chance(self, probability: float) -> bool:
        """Draw nothing."""
        return False

    def shuffled(self, items: Sequence[str]) -> list[str]:
        """Keep the order."""
        return list(items)

    def adjective(self, key: str) -> str:
        """The schema's value; the size and the basophilia as they stand in a sentence."""
        return super().adjective(key) if key in ("cell_size", "cytoplasm_basophilia") else self._value(key)

    def predicate(self, key: str) -> str:
        """The same after "is"."""
        return self.adjective(key)

    def enumerate(self, phrases: Sequence[str], last: str = "and") -> str:
        """Join as in "a, b and c", without the serial comma."""
        *first, end = phrases or [""]
        return f"{', '.join(first)} {last} {end}" if first else end
