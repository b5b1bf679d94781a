"""Cells as a reader sees them: thumbnail, reference, and each model's caption with its statements judged."""

import base64
import io
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from PIL import Image, ImageDraw

from hemblip.data.images import Pixels, read_cell, square
from hemblip.errors import DataError
from hemblip.metrics.incompatible import contradictions
from hemblip.morphology import KEYS
from hemblip.morphology.schema import words
from hemblip.predictions import CONFIDENCE_PREFIX
from hemblip.reporting.comparison import Comparison
from hemblip.reporting.maps import read_maps
from hemblip.reporting.statements import VERDICTS, Piece, Statement, judge, marked_caption, pair_in_words
from hemblip.splits import place_of

PANEL_SIDE = 160
"""Side in pixels of a cell in Fig. 2 and among the report's examples."""

ENLARGED = 320
"""Side in pixels of a cell that a reader enlarges, as the style sheet has it."""

BAR = 5
"""Micrometres; a red blood cell is 7 to 8 wide."""

QUALITY = 80
"""Of thumbnails, in WebP: about 3 kB at 112 pixels."""


@dataclass(frozen=True)
class Answer:
    """One model's caption of a cell."""

    model: str
    confidence: float | None
    """Of its least sure statement, or of the caption where statements have none."""
    pieces: list[Piece]
    statements: list[Statement]
    contradictions: list[str]
    maps: Mapping[str, str] = field(default_factory=dict)
    """Attribute -> picture of the map of its statement."""

    def map_of(self, piece: Piece) -> tuple[str, str] | None:
        """Name of the statement that a piece makes and picture of its map; None without."""
        found = next((key for key in piece.keys if key in self.maps), None)
        return None if found is None else (words(found), self.maps[found])

    @property
    def annotated(self) -> int:
        """Annotated attributes of the cell."""
        return sum(statement.truth is not None for statement in self.statements)

    @property
    def right(self) -> int:
        """Attributes that the caption states as annotated."""
        return sum(statement.verdict == "right" for statement in self.statements)

    @property
    def corrections(self) -> list[Statement]:
        """Wrong statements, the plausible ones last."""
        return [s for verdict in ("wrong", "near") for s in self.statements if s.verdict == verdict]

    @property
    def omissions(self) -> list[str]:
        """What is annotated and not stated, in words."""
        return [f"{s.name.lower()} ({s.truth})" for s in self.statements if s.verdict == "omitted"]


@dataclass(frozen=True)
class Card:
    """One cell with the captions of all models."""

    id: str
    title: str
    place: str
    source: str
    image: str
    side: int
    alt: str
    reference: str
    answers: list[Answer]
    bar: str = ""

    @property
    def first_map(self) -> tuple[str, str] | None:
        """What is shown before a statement is chosen."""
        found = (answer.map_of(piece) for answer in self.answers for piece in answer.pieces)
        return next((one for one in found if one is not None), None)

    def facts(self) -> dict[str, Any]:
        """What the page's script filters and sorts by."""
        return {
            "type": self.title,
            "source": f"{self.place}: {self.source}",
            "answers": [
                {
                    "confidence": answer.confidence,
                    "contradicts": bool(answer.contradictions),
                    **{v: [s.key for s in answer.statements if s.verdict == v] for v in VERDICTS},
                }
                for answer in self.answers
            ],
        }


def cell_pixels(row: Mapping[str, Any]) -> Pixels:
    """Read the cell of a prediction row (H, W, 3), cut out of its field if the row says where it lies.

    Raises:
        DataError: the image cannot be read any more.
    """
    box, factor = row.get("bbox"), row.get("width_factor")
    stretch = 1.0 if factor is None or pd.isna(factor) else float(factor)
    return read_cell(str(row["image"]), None if box is None else list(box), stretch)


def thumbnail(row: Mapping[str, Any], side: int, crop: float = 1.0, scale: float | None = None) -> str:
    """Cell image as a data URI; an empty picture if the image cannot be read any more.

    Args:
        row: prediction row; `bbox` and `width_factor` are followed if there are such columns.
        side: in pixels; up to `ENLARGED` if the cell's file has as many, to judge chromatin and granules by.
        crop: that the model saw, see `hemblip.data.images.square`.
        scale: micrometres a pixel of the file, for a bar of `BAR` micrometres; None for no bar.
    """
    try:
        pixels = cell_pixels(row)
    except DataError:
        return "data:,"
    side = max(side, min(ENLARGED, round(crop * min(pixels.shape[:2]))))
    buffer = io.BytesIO()
    shown = Image.fromarray(square(pixels, side, crop))
    if scale is not None:
        _draw_bar(shown, BAR / (scale * crop * min(pixels.shape[:2])))
    shown.save(buffer, "webp", quality=QUALITY, method=4)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _draw_bar(picture: Image.Image, share: float) -> None:
    """Draw a white bar with a dark rim, `share` of the picture long, into its lower left corner."""
    side = picture.width
    left, low, thick = side // 20, side - side // 20, max(2, side // 50)
    corners = (left, low - thick, left + max(1, round(share * side)), low)
    ImageDraw.Draw(picture).rectangle(corners, fill="white", outline="#1d2129")


def make_card(
    rows: Mapping[str, Mapping[str, Any]],
    side: int,
    crop: float = 1.0,
    scale: float | None = None,
    maps: Mapping[str, Mapping[str, str]] | None = None,
) -> Card:
    """Lay out one cell.

    Args:
        rows: name of a model -> its prediction row of the cell.
        side: of the thumbnail in pixels; twice that is stored, for sharp screens and to enlarge it.
        crop: that the models saw.
        scale: micrometres a pixel of the cell's file, if that is known.
        maps: name of a model -> attribute -> picture of its map.
    """
    first = next(iter(rows.values()))
    kind = first["true_cell_type"] or "type not annotated"
    return Card(
        id=first["cell_id"],
        title=str(kind),
        place=place_of(first["split"]),
        source=str(first["source"]),
        image=thumbnail(first, 2 * side, crop, scale),
        bar="" if scale is None else f"bar {BAR} µm",
        side=side,
        alt=f"Cell {first['cell_id']}, annotated as {kind}",
        reference=str(first["reference"]),
        answers=[_answer(model, row, (maps or {}).get(model, {})) for model, row in rows.items()],
    )


def make_cards(comparison: Comparison, cells: Sequence[tuple[str, str]], side: int) -> list[Card]:
    """Lay out cells with the captions of all captioners, of the first seed of each.

    Args:
        comparison: of the captioners.
        cells: split and id of each.
        side: of the thumbnails in pixels.
    """
    tables = {
        (model.name, split): model.scored[split].table.set_index("cell_id", drop=False)
        for model in comparison.models
        for split in model.scored
    }
    explained = {
        (model.name, split): maps
        for model in comparison.models
        for split in model.scored
        if model.run is not None and (maps := read_maps(model.run, split)) is not None
    }
    return [
        make_card(
            rows := {name: table.loc[cell] for (name, place), table in tables.items() if place == split},
            side,
            comparison.crop(split),
            comparison.scale(next(iter(rows.values()))["source"]),
            {
                name: maps.of_cell(cell, str(rows[name]["caption"]))
                for (name, place), maps in explained.items()
                if place == split and name in rows
            },
        )
        for split, cell in cells
    ]


def _answer(model: str, row: Mapping[str, Any], maps: Mapping[str, str]) -> Answer:
    sure = [row.get(CONFIDENCE_PREFIX + key) for key in KEYS if row[key] is not None]
    known = [float(value) for value in sure if value is not None and not pd.isna(value)] or [
        float(value) for value in [row["confidence"]] if value is not None and not pd.isna(value)
    ]
    return Answer(
        model,
        round(min(known), 4) if known else None,
        marked_caption(row),
        judge(row),
        [pair_in_words(row, rule) for rule in contradictions(row)],
        maps,
    )


def choose_cells(comparison: Comparison, most: int) -> list[tuple[str, str]]:
    """Draw cells for the gallery by a hash of their id: independent of models, the same in every report.

    Returns:
        Split and id, internal cells first; shares of splits are kept.
    """
    tables = {split: _any_table(comparison, split) for split in comparison.splits}
    total = sum(map(len, tables.values()))
    chosen = []
    for split, table in tables.items():
        share = len(table) if total <= most else max(1, round(most * len(table) / total))
        ordered = sorted(table["cell_id"], key=_hash)[:share]
        chosen += [(split, cell) for cell in sorted(ordered)]
    return chosen


def choose_examples(comparison: Comparison, most: int = 6) -> list[tuple[str, str]]:
    """Draw one cell of each of the commonest annotated types, two thirds of them internal, by a hash of the id."""
    chosen: list[tuple[str, str]] = []
    for split in comparison.splits:
        table = _any_table(comparison, split)
        room = most - len(chosen) if split == comparison.splits[-1] else -(-2 * most // 3)
        types = table["true_cell_type"].value_counts().index[:room]
        groups: Iterable[pd.DataFrame] = [table[table["true_cell_type"] == name] for name in types] or [table]
        chosen += [(split, min(group["cell_id"], key=_hash)) for group in groups]
    return chosen


def _any_table(comparison: Comparison, split: str) -> pd.DataFrame:
    return next(model.scored[split].table for model in comparison.models if split in model.scored)


def _hash(cell: str) -> int:
    return zlib.crc32(cell.encode())
