"""`python -m hemblip questions`: questions about the cells of a manifest, and how far a run's captions answer them.

Three kinds: `open`, one for each annotated attribute; `yes or no`, as often with the one answer as with the other; and
`not annotated`, about what the annotation does not say. Written in the form of PBSInstr, one JSON object a line.
"""

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from hemblip.atomic import write_text
from hemblip.data.sources.manifest import read_manifest
from hemblip.errors import DataError
from hemblip.morphology import KEYS
from hemblip.run import Run

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

    def answered_by(self, stated: str | None) -> str | None:
        """Give the answer of a caption that states this value of the attribute, or none; None where it is silent."""
        if self.kind == YES_OR_NO:
            return None if stated is None else "yes" if stated == self.value else "no"
        return NOT_ANNOTATED if stated is None and self.kind == NOT_ANNOTATED else stated


def questions(
    manifest: str = "data/manifest.parquet",
    output: str = "questions.jsonl",
    split: str = "test",
    run: str | None = None,
    seed: int = 0,
) -> None:
    """Make questions about the cells of a manifest, and say how far the captions of a run answer them.

    Example: `python -m hemblip questions --manifest data/manifest.parquet --run runs/smoke`

    Args:
        manifest: made by `prepare`.
        output: JSON lines with `image`, `question` and `answer`, and what the questions are about.
        split: of the cells that are asked about.
        run: tested run whose captions of that split are read.
        seed: of wordings, and of the values that yes-or-no questions name.

    Raises:
        DataError: the manifest has no such cells, or the run no captions of them.
    """
    table = read_manifest(Path(manifest))
    cells, taught = table[table["split"] == split], table[table["split"] == "train"]
    if cells.empty:
        raise DataError(f"{manifest}: no cells of split '{split}'; it has {', '.join(sorted(set(table['split'])))}")
    asked = make_questions(cells, seed)
    write_text(Path(output), "".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in asked))
    print(f"{len(asked):,} questions about {len(cells):,} cells   {output}")
    if run is None:
        return
    captions = Run.meant(run).predictions(split)
    known = set(captions["cell_id"]) & set(cells["cell_id"])
    if not known:
        raise DataError(f"--run {run}: has no captions of the {split} cells of {manifest}; test it on them first")
    told = [one for one in asked if one.cell_id in known]
    scores = accuracy(told, make_questions(taught if len(taught) else cells, seed), captions)
    print(scores.to_string(index=False, float_format=lambda share: f"{100 * share:.1f}"))


def make_questions(cells: pd.DataFrame, seed: int) -> list[Question]:
    """Make all questions of some cells of a manifest; the same seed makes the same ones.

    Yes-or-no questions of an attribute are answered half with yes, half with no (one apart if their number is odd);
    those of "no" name the values that other cells have, as often as they have them.
    """
    draw, made = random.Random(seed), []
    rows = cells.sort_values("cell_id").to_dict("records")
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


def accuracy(asked: Sequence[Question], taught: Sequence[Question], captions: pd.DataFrame) -> pd.DataFrame:
    """Score what captions answer, by kind and attribute; silence is wrong where the annotation says something.

    Args:
        asked: questions about cells that have captions.
        taught: questions about training cells, whose most frequent answers are the baseline.
        captions: rows of predictions, with the attributes that were read from them.

    Returns:
        `kind`, `attribute`, `questions` (number), `majority` and `captions` (shares right, 0 to 1).
    """
    stated = captions.drop_duplicates("cell_id").set_index("cell_id")
    answers: dict[tuple[str, str], Counter[str]] = {}
    for one in taught:
        answers.setdefault((one.kind, one.attribute), Counter())[one.answer] += 1
    groups: dict[tuple[str, str], list[tuple[bool, bool]]] = {}
    for one in asked:
        place = (one.kind, one.attribute)
        usual = answers[place].most_common(1)[0][0] if place in answers else None
        said = one.answered_by(stated.loc[one.cell_id, one.attribute])
        groups.setdefault(place, []).append((one.answer == usual, one.answer == said))
    order = sorted(groups, key=lambda place: (place[0], KEYS.index(place[1])))
    return pd.DataFrame(
        [
            {
                "kind": kind,
                "attribute": key,
                "questions": len(right := groups[kind, key]),
                "majority": sum(usual for usual, _ in right) / len(right),
                "captions": sum(said for _, said in right) / len(right),
            }
            for kind, key in order
        ]
    )
