"""Questions about cells and their answers, made of the annotation.

Three kinds: `open`, one for each annotated attribute; `yes or no`, as often with the one answer as with the other; and
`not annotated`, about what the annotation does not say.
"""

import random
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd

from hemblip.data.records import QUESTION
from hemblip.morphology import KEYS

OPEN, YES_OR_NO, NOT_ANNOTATED = "open", "yes or no", "not annotated"

WORDINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "cell_type": ("What type of cell is this?", "Which kind of white blood cell is it?", "Name the cell type."),
        "diagnosis": ("What is the diagnosis?", "Which disease does this cell come from, if any?"),
        "cell_size": ("What size is the cell?", "How large is this cell?"),
        "cell_shape": ("What shape has the cell?", "Describe the outline of the cell."),
        "nucleus_shape": ("What is the shape of the nucleus?", "How is the nucleus shaped?"),
        "nuclear_cytoplasmic_ratio": ("What is the nuclear-cytoplasmic ratio?", "How high is the N:C ratio?"),
        "chromatin": ("How is the chromatin?", "What does the chromatin look like?"),
        "nucleoli": ("How are the nucleoli?", "What do the nucleoli look like?"),
        "cytoplasm_amount": ("How much cytoplasm is there?", "What is the amount of cytoplasm?"),
        "cytoplasm_texture": ("What texture has the cytoplasm?", "Describe the texture of the cytoplasm."),
        "cytoplasm_colour": ("What colour is the cytoplasm?", "Which colour does the cytoplasm stain?"),
        "cytoplasm_basophilia": ("How strong is the basophilia?", "How basophilic is the cytoplasm?"),
        "cytoplasm_vacuoles": ("What about vacuoles?", "Describe the vacuoles."),
        "granules": ("What granules are there?", "Describe the granules."),
        "granule_colour": ("What colour are the granules?", "Which colour do the granules stain?"),
    }
)
"""Attribute -> ways to ask for it."""

CLOSED: Mapping[str, str] = MappingProxyType(
    {
        "cell_type": "Is the type of this cell {}?",
        "diagnosis": "Is the diagnosis {}?",
        "cell_size": "Is the size of the cell {}?",
        "cell_shape": "Is the shape of the cell {}?",
        "nucleus_shape": "Is the shape of the nucleus {}?",
        "nuclear_cytoplasmic_ratio": "Is the nuclear-cytoplasmic ratio {}?",
        "chromatin": "Is the chromatin {}?",
        "nucleoli": "Are nucleoli {}?",
        "cytoplasm_amount": "Is the amount of cytoplasm {}?",
        "cytoplasm_texture": "Is the texture of the cytoplasm {}?",
        "cytoplasm_colour": "Is the colour of the cytoplasm {}?",
        "cytoplasm_basophilia": "Is the basophilia of the cytoplasm {}?",
        "cytoplasm_vacuoles": "Are vacuoles {}?",
        "granules": "Are granules {}?",
        "granule_colour": "Is the colour of the granules {}?",
    }
)
"""Attribute -> a question that takes one of its values."""


@dataclass(frozen=True)
class Question:
    """One question about one cell.

    Attributes:
        cell_id: of the manifest.
        image: path of its image.
        question: in words.
        answer: a value of the attribute, "yes" or "no", or "not annotated".
        kind: `open`, `yes or no` or `not annotated`.
        attribute: that it is about.
        value: that a yes-or-no question names; None for the others.
    """

    cell_id: str
    image: str
    question: str
    answer: str
    kind: str
    attribute: str
    value: str | None = None


def make_questions(cells: pd.DataFrame, seed: int) -> list[Question]:
    """Make all questions of some cells of a manifest; the same seed makes the same ones.

    Yes-or-no questions of an attribute are answered half with yes, half with no (one apart if their number is odd);
    those of "no" name the values that other cells have, as often as they have them.
    """
    draw, made = random.Random(seed), []
    told = cells[list(KEYS)].astype(object)  # read from a file, what is missing may be NaN
    rows = cells.assign(**told.where(told.notna(), None)).sort_values("cell_id").to_dict("records")
    for key in KEYS:
        known = [row for row in rows if row[key] is not None]
        values = [row[key] for row in known]
        others = {value: [other for other in values if other != value] for value in set(values)}
        turns = [place % 2 == 0 for place in range(len(known))]
        draw.shuffle(turns)
        for row, yes in zip(known, turns, strict=True):
            about = (row["cell_id"], row["image"])
            made.append(Question(*about, draw.choice(WORDINGS[key]), row[key], OPEN, key))
            if not others[row[key]]:
                continue  # all cells have one value: nothing can be denied of any of them
            value = row[key] if yes else draw.choice(others[row[key]])
            made.append(Question(*about, CLOSED[key].format(value), "yes" if yes else "no", YES_OR_NO, key, value))
    for row in rows:
        if missing := [key for key in KEYS if row[key] is None]:
            key = draw.choice(missing)
            about = (row["cell_id"], row["image"])
            made.append(Question(*about, draw.choice(WORDINGS[key]), NOT_ANNOTATED, NOT_ANNOTATED, key))
    return sorted(made, key=lambda one: (one.cell_id, one.kind, one.attribute))


def question_rows(cells: pd.DataFrame, keys: Collection[str], seed: int) -> pd.DataFrame:
    """Make manifest rows of the questions about cells, each split on its own.

    Args:
        cells: manifest; attributes with a value of a cell are asked for, of one that it lacks as well.
        keys: attributes that are asked for.
        seed: see `make_questions`.

    Returns:
        A row a question: that of its cell with the id `<cell>?<number>`, the `question`, the answer as its one caption,
        and annotated with what an open question asks for, alone.
    """
    known = cells.set_index("cell_id", drop=False).to_dict("index")
    rows = []
    for _, part in cells.groupby("split", sort=True):
        numbers: Counter[str] = Counter()
        for one in make_questions(part, seed):
            if one.attribute not in keys:
                continue
            told = one.answer if one.kind == OPEN else None
            rows.append(
                {
                    **known[one.cell_id],
                    **dict.fromkeys(KEYS),
                    one.attribute: told,
                    "cell_id": f"{one.cell_id}?{numbers[one.cell_id]:02d}",
                    "captions": [one.answer],
                    QUESTION: one.question,
                }
            )
            numbers[one.cell_id] += 1
    return pd.DataFrame(rows, columns=[*cells.columns.drop(QUESTION, errors="ignore"), QUESTION], dtype=object)


def cell_of(row_id: str) -> str:
    """The cell that a row of `question_rows` asks about."""
    return row_id.rpartition("?")[0]
