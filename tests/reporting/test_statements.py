"""Statements of captions, judged and marked in their words."""

import base64
import io
import re
from importlib.resources import files

import numpy as np
import pytest
from PIL import Image
from reporting.run_folders import manifests, predictions

from hemblip.morphology import KEYS, extract_attributes
from hemblip.predictions import TRUE_PREFIX
from hemblip.reporting.cards import cell_pixels, make_card, thumbnail
from hemblip.reporting.panels import draw_panels
from hemblip.reporting.statements import MARKS, judge, marked_caption


def row(caption, **truth):
    known = dict.fromkeys(KEYS) | truth
    return {
        "caption": caption,
        **extract_attributes(caption),
        **{TRUE_PREFIX + key: value for key, value in known.items()},
    }


CAPTION = "A large neutrophil with coarse chromatin and prominent nucleoli."
TRUTH = {"cell_type": "neutrophil", "cell_size": "small", "chromatin": "open", "granules": "small"}


def test_each_statement_gets_its_verdict():
    verdicts = {statement.key: statement.verdict for statement in judge(row(CAPTION, **TRUTH))}
    assert verdicts == {
        "cell_type": "right",
        "cell_size": "wrong",  # small and large are opposites
        "chromatin": "near",  # the paper's own example of a plausible error
        "nucleoli": "unverifiable",
        "granules": "omitted",
    }


def test_pieces_make_up_the_caption_and_mark_the_words_that_state():
    pieces = marked_caption(row(CAPTION, **TRUTH))
    assert "".join(piece.text for piece in pieces) == CAPTION
    assert [(piece.text, piece.verdict) for piece in pieces if piece.verdict] == [
        ("large", "wrong"),
        ("neutrophil", "right"),
        ("coarse", "near"),
        ("prominent nucleoli", "unverifiable"),
    ]
    assert "annotated: small" in next(piece.note for piece in pieces if piece.text == "large")


def test_no_verdict_is_told_by_colour_alone():
    assert len(set(MARKS.values())) == len(MARKS)


def test_bars_are_told_apart_without_colour():
    """Contrast of luminance (WCAG) of each two kinds beside each other; plausible errors are hatched."""

    def light(colour):
        parts = [int(colour[place : place + 2], 16) / 255 for place in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.05 + float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    style = (files("hemblip.reporting") / "templates/report.css").read_text()
    found = dict(re.findall(r"^i\.(\w+) { background: (.*); }$", style, re.M))
    assert set(found) == {"right", "near", "wrong", "omitted"} and "gradient" in found["near"]
    plain = [
        light((part * 2)[:6]) for part in (found[name].removeprefix("#") for name in ("omitted", "right", "wrong"))
    ]
    hatched = [light(part) for part in re.findall("#(.{6})", found["near"])]
    assert plain[0] / plain[1] > 1.8 and plain[1] / plain[2] > 5  # white, light, dark
    assert max(hatched) / min(hatched) > 1.8 and min(hatched) / plain[2] > 5


@pytest.mark.parametrize("caption", ["", "   ", "…", "nothing to see"])
def test_a_caption_that_says_nothing_has_no_marks(caption):
    pieces = marked_caption(row(caption, **TRUTH))
    assert "".join(piece.text for piece in pieces) == caption
    assert not [piece for piece in pieces if piece.verdict]


def test_a_cell_is_cut_out_of_its_field(tmp_path):
    field = np.zeros((60, 80, 3), np.uint8)
    field[10:30, 40:50] = 255
    Image.fromarray(field).save(tmp_path / "field.png")
    cell = {"image": str(tmp_path / "field.png"), "bbox": np.array([40, 10, 10, 20]), "width_factor": 2.0}
    pixels = cell_pixels(cell)
    assert pixels.shape == (20, 20, 3)
    assert pixels.min() == 255
    assert cell_pixels({"image": cell["image"], "bbox": None}).shape == (60, 80, 3)


def test_a_cell_is_shown_as_the_model_saw_it(tmp_path):
    """Its crop alone: what lies around it had no part in the caption."""
    pixels = np.full((200, 200, 3), (200, 30, 30), np.uint8)
    pixels[50:150, 50:150] = (30, 30, 200)
    Image.fromarray(pixels).save(tmp_path / "cell.png")
    for crop, around in ((1.0, True), (0.5, False)):
        coded = thumbnail({"image": str(tmp_path / "cell.png")}, 100, crop).partition(",")[2]
        shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(coded))).convert("RGB"))
        assert (shown[5, 5, 0] > shown[5, 5, 2]) == around and shown[len(shown) // 2, len(shown) // 2, 2] > 150


def test_an_image_that_is_gone_leaves_the_report_standing(tmp_path):
    assert thumbnail({"image": str(tmp_path / "gone.png")}, 64) == "data:,"


def test_a_figure_of_cells_is_drawn(workplace):
    rows = predictions(manifests(cells=4, size=32)["test"], "a", 0.7).to_dict("records")
    rows[0]["image"] = "gone.png"
    png, pdf = draw_panels([make_card({"a": row}, 64) for row in rows], workplace / "cells")
    assert pdf.stat().st_size > 1000
    with Image.open(png) as image:
        assert image.width > 500 and image.height > len(rows) * 200  # a row of text and image a cell


def test_a_figure_says_how_sure_each_statement_is(workplace, written):
    cell = row(CAPTION, **TRUTH) | {"image": "gone.png", "cell_id": "a", "split": "test", "source": "lab"}
    cell |= {"reference": CAPTION, "confidence": None}
    draw_panels([make_card({"m": cell}, 64)], workplace / "plain")
    assert not any("sure" in text for text in written)
    written.clear()
    draw_panels([make_card({"m": cell | {"confidence_chromatin": 0.714}}, 64)], workplace / "sure")
    assert "(97): 97 % sure" in written
    assert sum("(71)" in text for text in written) == 2 and not any("(nan)" in text for text in written)  # PNG and PDF


@pytest.mark.parametrize(("side", "crop", "share"), [(200, 1.0, 0.25), (400, 1.0, 0.125), (400, 0.5, 0.25)])
def test_the_scale_bar_is_five_micrometres_long(tmp_path, side, crop, share):
    Image.new("RGB", (side, side + 40), "#804060").save(tmp_path / "cell.png")
    cell = row(CAPTION, **TRUTH) | {"image": str(tmp_path / "cell.png"), "cell_id": "a", "split": "test"}
    cell |= {"source": "lab", "reference": CAPTION, "confidence": None}
    card = make_card({"m": cell}, 100, crop, scale=0.1)  # 50 pixels of the file
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(card.image.partition(",")[2]))).convert("RGB"))
    white = (shown > 235).all(axis=2).sum(axis=1).max()
    assert shown.shape[0] == shown.shape[1] == min(320, side * crop)  # as the file has it, for a reader who enlarges it
    assert card.bar == "bar 5 µm" and white == pytest.approx(share * len(shown), abs=4)
    assert make_card({"m": cell}, 100, crop).bar == ""
