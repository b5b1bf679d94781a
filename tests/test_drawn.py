"""What is made of drawn cells alone says so: report, figures, data card and model card."""

from pathlib import Path

import pytest
from reporting.run_folders import make_run, manifests
from tiny_blip import tiny

from hemblip.corpus.audit import audit
from hemblip.corpus.data_card import Card, data_card
from hemblip.corpus.data_card_figure import draw_card
from hemblip.data import InternalCells
from hemblip.data.sources import Synthetic
from hemblip.data.sources.synthetic import DRAWN
from hemblip.export.card import model_card
from hemblip.probing import RandomProjection
from hemblip.probing.probe import probe
from hemblip.reporting.cards import choose_examples, make_cards
from hemblip.reporting.comparison import Comparison
from hemblip.reporting.panels import draw_panels
from hemblip.reporting.report import write_report
from hemblip.run import TRAINING_CELLS, Run

BANNER = f'<p class="banner">{DRAWN}</p>'


class Photographs(Synthetic):
    """The same cells under another name."""

    name = "photographs"


@pytest.mark.parametrize("drawn", [True, False])
def test_all_that_is_made_of_drawn_cells_says_so(workplace, written, drawn):
    source = "synthetic" if drawn else "wbcatt"
    cells = {name: table.assign(source=source) for name, table in manifests(cells=12, size=32).items()}
    run = Run(make_run(Path("runs/a/version_0"), cells, 0.8, splits=("test",)))
    assert (BANNER in write_report(run.folder).read_text()) == drawn
    comparison = Comparison([run])
    draw_panels(make_cards(comparison, choose_examples(comparison, 12), 32), workplace / "cells")
    assert (DRAWN in written) == drawn
    written.clear()
    sizes = {image: (32, 32) for image in cells["train"]["image"]}
    card = Card(
        cells["train"], cells["train"].head(0).assign(entry="", reason=""), cells["train"].head(0), sizes, 0, 0, "x"
    )
    draw_card(card, workplace / "card.png")
    assert (DRAWN in written) == drawn and (f"**{DRAWN}.**" in data_card(card)) == drawn
    sources = ["Synthetic"] if drawn else ["Synthetic", "WBCAtt"]
    config = {"data": {"init_args": {"sources": [{"class_path": f"hemblip.data.sources.{name}"} for name in sources]}}}
    for trained in (False, True):
        run.config.update(config)
        if trained:
            cells["train"].to_parquet(run.folder / TRAINING_CELLS)
        assert (f"**{DRAWN}**" in model_card(tiny(), run, "exported")) == drawn


@pytest.mark.parametrize("source", [Synthetic, Photographs])
def test_figures_of_probe_and_audit_say_so(workplace, written, source):
    cells = source(cells=60, size=16)
    audit([cells], output="audit")
    assert (DRAWN in written) == (source is Synthetic)
    written.clear()
    backbones = [RandomProjection(width=8, image_size=16)]
    probe(InternalCells([cells], image_size=16), backbones, tasks=["cell_type"], heads=["knn"])
    assert written and any(text.endswith(DRAWN) for text in written) == (source is Synthetic)
