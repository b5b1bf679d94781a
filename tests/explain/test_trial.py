"""The tests of maps tell good ones from bad ones, and edits tell who follows what."""

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_blip import tiny

from hemblip.data.masks import Masks
from hemblip.data.sources import Synthetic
from hemblip.data.synthetic.renderer import draw
from hemblip.explain.edits import edits, matrix, overall, streams
from hemblip.explain.maps import at_input, in_image
from hemblip.explain.part_edits import blurred_part, swapped_part
from hemblip.explain.parts import allowed_parts
from hemblip.explain.randomised import cascade, stages
from hemblip.explain.statement import CAPTION, CaptionReader
from hemblip.explain.trial import curves, places
from hemblip.explain.verdict import EVERY, in_words, verdicts
from hemblip.morphology import KEYS

NUCLEUS = np.zeros((20, 20), bool)
NUCLEUS[8:12, 8:12] = True
CELL = np.zeros((20, 20), bool)
CELL[4:16, 4:16] = True
MASKS = Masks(NUCLEUS, CELL & ~NUCLEUS)


def test_every_attribute_has_declared_parts():
    assert set(allowed_parts()) == {*KEYS, CAPTION}
    assert all(set(parts) <= {"nucleus", "cytoplasm"} and parts for parts in allowed_parts().values())


def test_places_are_those_of_the_statement():
    inside = (NUCLEUS / NUCLEUS.sum()).astype(np.float32)
    assert places(inside, MASKS, "chromatin") == {"inside": pytest.approx(1), "pointing": 1.0, "pointing_cell": 1.0}
    assert places(inside, MASKS, "granules") == {"inside": 0.0, "pointing": 0.0, "pointing_cell": 1.0}
    assert places(inside, MASKS, "cell_size")["inside"] == pytest.approx(1)
    outside = (~CELL / (~CELL).sum()).astype(np.float32)
    assert places(outside, MASKS, "cell_size") == {"inside": 0.0, "pointing": 0.0, "pointing_cell": 0.0}


def test_curves_prefer_the_map_of_what_matters(monkeypatch):
    reader = CaptionReader(tiny().eval(), "a large monocyte.")
    monkeypatch.setattr(
        CaptionReader,
        "scores",
        lambda self, images, statements: images[:, 0, :8, :8].mean((1, 2))[:, None].expand(-1, len(statements)),
    )
    image = torch.zeros(3, 32, 32)
    image[:, :8, :8] = 200
    good, bad = torch.zeros(32, 32), torch.zeros(32, 32)
    good[:8, :8], bad[16:, 16:] = 1, 1
    deleted, inserted = curves(reader, image, reader.statements[:2], torch.stack([good, bad]))
    assert deleted[0] < deleted[1] - 20 and inserted[0] > inserted[1] + 20


def rows(better):
    """Trial rows of 12 cells in 6 groups: `attention` beats both controls by `better` nats, give or take."""
    made = []
    for cell in range(12):
        for method, gap in (("attention", better + 0.1 * (cell % 3)), ("random", 0.0), ("centre", 0.05 * (cell % 2))):
            scores = dict.fromkeys(("inside", "pointing", "pointing_cell", "insertion"), 0.5)
            made.append(
                {"cell_id": f"{cell}", "group": f"{cell % 6}", "method": method, "key": "chromatin", "value": "dense"}
                | {"right": None if cell == 3 else float(cell != 5), "deletion": -gap, "gap": gap, **scores}
            )
    return pd.DataFrame(made)


@pytest.mark.parametrize(("better", "faithful"), [(1.0, True), (-1.0, False)])
def test_faithful_is_better_than_both_controls(better, faithful):
    table = verdicts(rows(better))
    row = table[(table["method"] == "attention") & (table["key"] == "chromatin")].iloc[0]
    assert row["faithful"] == faithful and row["cells"] == 12 and row["groups"] == 6
    assert row["beats_random"] == pytest.approx(better + 0.1)
    assert row["beats_random_low"] <= row["beats_random"] <= row["beats_random_high"]
    assert row["deletion_better"] == float(faithful)
    assert table[table["method"] == "random"]["faithful"].isna().all() and EVERY in set(table["key"])
    said = " ".join(in_words(table, {"attention": {"head": 0.9, "image embedding": 0.8}}))
    assert ("do not read them" in said) != faithful and "hardly depend on what was learnt" in said


def test_randomising_goes_from_words_to_image_and_leaves_the_captioner_alone():
    captioner = tiny().eval()
    before = {name: tensor.clone() for name, tensor in captioner.state_dict().items()}
    names, changed = zip(*[(name, model) for name, model in cascade(captioner)], strict=True)
    assert names == (
        "head",
        "decoder layer 2",
        "decoder layer 1",
        "decoder layer 0",
        "vision layer 0",
        "image embedding",
    )
    assert all(torch.equal(tensor, before[name]) for name, tensor in captioner.state_dict().items())
    layer = "model.text_decoder.bert.encoder.layer.1.attention.self.query.weight"
    shuffled = changed[-1].state_dict()[layer]
    assert not torch.equal(shuffled, before[layer])
    assert torch.equal(shuffled.flatten().sort().values, before[layer].flatten().sort().values)
    assert len(stages(captioner)) == len(names)


def test_maps_go_back_to_the_image():
    grid = torch.zeros(8, 8)
    grid[0, 0] = 1
    found = in_image(grid, (40, 60), crop=0.5)
    assert found.shape == (40, 60) and found.sum() == pytest.approx(1, abs=1e-5)
    assert np.unravel_index(found.argmax(), found.shape) < (20, 30)
    assert found[10:14, 20:24].sum() > 0.8 and found[:10].sum() == found[:, :20].sum() == 0
    labels = np.zeros((40, 60), np.uint8)
    labels[10:20, 20:30] = 2
    seen = at_input(labels, 8, crop=0.5)
    assert (seen[:4, :4] == 2).all() and seen.sum() == 2 * 16
    assert in_image(torch.zeros(4, 4), (10, 10), crop=1.0).max() == pytest.approx(0.01)
    assert in_image(torch.ones(4, 4), (10, 20), crop=1.0, factor=0.5).shape == (10, 20)


def test_an_edit_changes_one_attribute_and_the_drawing_only_there(tmp_path):
    source = Synthetic(40, size=48, folder=str(tmp_path))
    cells = source.records()
    for row, key, value, after in edits(cells):
        changed = {name for name in KEYS if after[name] != row[name]}
        assert after[key] == value != row[key] and changed <= {key, "granule_colour"} | ({key} if key else set())
        if key == "chromatin":
            slide = source.slide(0)
            one, other = (
                draw({name: attributes[name] for name in KEYS}, slide, 48, streams("x")) for attributes in (row, after)
            )
            assert np.array_equal(one.masks.nucleus, other.masks.nucleus)
            differs = (one.pixels.astype(int) - other.pixels).__abs__().max(2) > 12
            assert differs[one.masks.nucleus].mean() > 0.3 > differs[~one.masks.cell].mean() * 30


def test_the_matrix_counts_sensitivity_and_leakage():
    made = []
    for cell in range(8):
        shared = {"cell_id": str(cell), "group": str(cell % 4), "edited": "chromatin", "to": "open"}
        followed = "open" if cell < 6 else "dense"
        made += [
            {
                **shared,
                "key": "chromatin",
                "before": "open" if cell == 0 else "dense",
                "after": followed,
                "depends": False,
            },
            {
                **shared,
                "key": "nucleoli",
                "before": "prominent",
                "after": None if cell == 1 else "prominent",
                "depends": False,
            },
            {**shared, "key": "granules", "before": None, "after": "small", "depends": False},
            {**shared, "key": "granule_colour", "before": "red", "after": "pink", "depends": True},
        ]
    table = matrix(pd.DataFrame(made)).set_index("key")
    assert set(table.index) == {"chromatin", "nucleoli"}
    assert table.loc["chromatin", "rate"] == pytest.approx(5 / 7) and table.loc["chromatin", "edits"] == 7
    assert table.loc["nucleoli", "rate"] == pytest.approx(1 / 8)
    assert table.loc["nucleoli", "low"] <= 1 / 8 <= table.loc["nucleoli", "high"]
    assert overall(table.reset_index()) == (pytest.approx(5 / 7), pytest.approx(1 / 8))


def test_edited_parts_change_their_pixels_only():
    pixels = np.random.default_rng(0).integers(0, 255, (20, 20, 3)).astype(np.uint8)
    other = np.full((20, 20, 3), 7, np.uint8)
    blurred = blurred_part(pixels, NUCLEUS)
    assert np.array_equal(blurred[~NUCLEUS], pixels[~NUCLEUS]) and blurred[NUCLEUS].std() < pixels[NUCLEUS].std() / 2
    swapped = swapped_part(pixels, CELL, other, NUCLEUS)
    assert (swapped[CELL] == 7).all() and np.array_equal(swapped[~CELL], pixels[~CELL])
