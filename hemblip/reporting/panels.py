"""The paper's Figure 2: cells with reference and captions, statements coloured and marked, for print."""

import base64
import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from PIL import Image

from hemblip.atomic import replacing
from hemblip.data.sources.synthetic import DRAWN, all_drawn
from hemblip.reporting.cards import Answer, Card
from hemblip.reporting.statements import COLOURS, MARKS, VERDICTS, Verdict

WIDTH, IMAGE, LINE, SIZE, DPI = 10.0, 1.5, 0.155, 8.0, 180
"""Width of the figure, side of an image, height of a line (inches); size of the letters (points); dots an inch."""

Word = tuple[str, Verdict | None]


def draw_panels(cards: Sequence[Card], stem: Path) -> list[Path]:
    """Draw one row a cell.

    Args:
        cards: cells with their answers.
        stem: path without suffix.

    Returns:
        The files written: PNG, and PDF for a paper.
    """
    blocks = [_blocks(card) for card in cards]
    lines = [[_wrapped(words, WIDTH - IMAGE - 0.45) for words in card] for card in blocks]
    heights = [max(IMAGE, LINE * sum(map(len, found)) + 0.04 * len(found)) + 0.25 for found in lines]
    height = sum(heights) + 0.45
    figure = Figure(figsize=(WIDTH, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    axes.axis("off")
    sure = any(piece.confidence is not None for card in cards for answer in card.answers for piece in answer.pieces)
    _legend(axes, DRAWN if all_drawn(card.source for card in cards) else "", sure)
    top = 0.45
    for card, found, used in zip(cards, lines, heights, strict=True):
        _draw_image(axes, card, top)
        y = top + 0.1
        for block in found:
            for line in block:
                _write(axes, line, IMAGE + 0.3, y)
                y += LINE
            y += 0.04
        top += used
    written = []
    for suffix in ("png", "pdf"):
        path = stem.with_suffix(f".{suffix}")
        with replacing(path) as partial:
            figure.savefig(partial, dpi=DPI, format=suffix)
        written.append(path)
    return written


def _blocks(card: Card) -> list[list[Word]]:
    """Words of the reference and of each caption; a statement keeps its verdict, and its first word its mark."""
    return [_words("Reference:", [(card.reference, None)]), *(_words(f"{a.model}:", _pieces(a)) for a in card.answers)]


def _pieces(answer: Answer) -> list[Word]:
    found: list[Word] = []
    for piece in answer.pieces:
        mark = "" if piece.verdict is None else MARKS[piece.verdict]
        sure = "" if piece.confidence is None else f" ({100 * piece.confidence:.0f})"
        found.append((f"{mark}{piece.text}{sure}", piece.verdict))
    return found


def _words(label: str, pieces: Sequence[Word]) -> list[Word]:
    found: list[Word] = [(word, None) for word in label.split()]
    glued = False
    for text, verdict in pieces:
        for index, word in enumerate(text.split()):
            if index == 0 and glued and not text[0].isspace() and found:
                found.append((f"\u2060{word}", verdict))  # no space before a comma
            else:
                found.append((word, verdict))
        glued = bool(text) and not text[-1].isspace()
    return found


@cache
def _width(text: str) -> float:
    """Width of a text in inches, as it is drawn."""
    renderer: Any = RendererAgg(1, 1, DPI)  # type: ignore[no-untyped-call]
    width, _, _ = renderer.get_text_width_height_descent(text, _FONT, ismath=False)
    return float(width) / DPI


_FONT = FontProperties(size=SIZE)


def _wrapped(words: Sequence[Word], room: float) -> list[list[tuple[float, Word]]]:
    """Break words into lines: places in inches from the left, and words; neighbours of one colour are one text."""
    lines: list[list[tuple[float, Word]]] = [[]]
    x, space = 0.0, _width("a a") - 2 * _width("a")
    for text, verdict in words:
        glued = text.startswith("\u2060")
        shown = text.removeprefix("\u2060")
        start = x if glued or not lines[-1] else x + space
        width = _width(shown)
        if start + width > room and not glued:
            lines.append([])
            start = 0.0
        x = start + width
        before = lines[-1].pop() if lines[-1] and lines[-1][-1][1][1] == verdict else None
        if before is not None:
            start, shown = before[0], before[1][0] + ("" if glued else " ") + shown
        lines[-1].append((start, (shown, verdict)))
    return lines


def _write(axes: Axes, line: Sequence[tuple[float, Word]], left: float, y: float) -> None:
    for x, (text, verdict) in line:
        colour = "black" if verdict is None else COLOURS[verdict]
        axes.text(left + x, y, text, color=colour, fontproperties=_FONT, va="center")


def _draw_image(axes: Axes, card: Card, top: float) -> None:
    _, _, coded = card.image.partition(",")
    if coded:
        pixels = Image.open(io.BytesIO(base64.b64decode(coded))).convert("RGB")
        axes.imshow(pixels, extent=(0.1, 0.1 + IMAGE, top + IMAGE, top), aspect="auto")
    axes.text(
        0.1,
        top - 0.06,
        ", ".join(filter(None, [card.title, card.place.lower(), card.bar])),
        fontproperties=_FONT,
        va="bottom",
    )


def _legend(axes: Axes, banner: str, sure: bool) -> None:
    x = 0.1
    axes.text(WIDTH - 0.1, 0.1, banner, weight="bold", size=SIZE, va="center", ha="right")
    for verdict, meaning in VERDICTS.items():
        if verdict != "omitted":
            text = f"{MARKS[verdict]} {meaning}"
            axes.text(x, 0.1, text, color=COLOURS[verdict], fontproperties=_FONT, va="center")
            x += _width(text) + 0.3
    if sure:
        axes.text(x, 0.1, "(97): 97 % sure", fontproperties=_FONT, va="center")
