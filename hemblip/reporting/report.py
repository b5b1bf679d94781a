"""`report.html`: one page that holds tables, figures, captions and cells, and needs no network and no other file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from hemblip import __version__
from hemblip.atomic import write_text
from hemblip.data.sources.synthetic import DRAWN
from hemblip.morphology import SCHEMA
from hemblip.morphology.schema import words
from hemblip.reporting.cards import PANEL_SIDE, choose_cells, choose_examples, make_cards
from hemblip.reporting.comparison import Comparison
from hemblip.reporting.error_kinds import error_bars, matrix_groups
from hemblip.reporting.error_tables import error_tables
from hemblip.reporting.findings import findings, glossary, lead
from hemblip.reporting.html import render, sheet
from hemblip.reporting.in_short import diagnosis_table, in_short
from hemblip.reporting.layout import BELOW, PUBLISHED, Column, Row, Table
from hemblip.reporting.maps import trial_words
from hemblip.reporting.paper_tables import table1, table2, table2_end_to_end, table2_more, table3
from hemblip.reporting.plots import coverage_accuracy, learning_curves, reliability, reliability_by_attribute
from hemblip.reporting.run_settings import origins, settings, settings_differences
from hemblip.reporting.side_tables import side_tables
from hemblip.reporting.stress import stress_plot
from hemblip.reporting.sureness import asked_table, confidence_table
from hemblip.run import Run
from hemblip.splits import cells_of

if TYPE_CHECKING:  # an encoder is loaded only where BERTScore is asked for
    from hemblip.metrics.bert import BertScore

ERRORS_NOTE = (
    "Percent of the annotated cells. Near: a neighbouring value, which haematologists confuse as well (biologically "
    "plausible); other: any other wrong value; silent: the caption does not say. Of several seeds the first is shown."
)

GALLERY = 240
"""Cells in the gallery: 2 to 4 MB, small enough for a mail."""


def write_report(
    folder: Path,
    gallery: int = GALLERY,
    bert: BertScore | None = None,
    warnings: Sequence[str] = (),
) -> Path:
    """Write the report of one run into its folder.

    Args:
        folder: `runs/<name>/version_<n>` with predictions of test or external cells.
        gallery: most cells to show.
        bert: encoder of BERTScore; None leaves it out.
        warnings: to show above the tables, beside those that the run itself gives rise to.

    Returns:
        The path of `report.html`.

    Raises:
        DataError: there are no such predictions.
    """
    run = Run(folder)
    comparison = Comparison([run], bert=bert)
    comparison.warnings += warnings
    return write_page(comparison, folder / "report.html", f"Report of {run.label}", gallery=gallery)


def write_page(
    comparison: Comparison, path: Path, title: str, probes: Sequence[Path] = (), gallery: int = GALLERY
) -> Path:
    """Write the page, atomically.

    Args:
        comparison: captioners and baselines.
        path: HTML file.
        title: of the page.
        probes: folders of probe runs, for Table 3.
        gallery: most cells to show.
    """
    page = report_page(comparison, title, probes, gallery, beside=(path.parent / "table1.csv").is_file())
    write_text(path, page)
    return path


def report_page(comparison: Comparison, title: str, probes: Sequence[Path], gallery: int, beside: bool) -> str:
    """Make the page as text; `beside` says that the tables lie in the same folder as files."""
    cards = make_cards(comparison, choose_cells(comparison, gallery), 112)
    cells = sum(len(_first(comparison, split)) for split in comparison.splits)
    facts = [card.facts() for card in cards]
    tables = [table1(comparison), *(table2(comparison, [split]) for split in comparison.splits)]
    for split in comparison.splits:
        tables += [table2_end_to_end(comparison, [split]), table2_more(comparison, [split])]
    tables += [*error_tables(comparison), table3(probes, comparison.drawn), *side_tables(comparison)]
    plots = [
        plot
        for split in comparison.splits
        for plot in (
            reliability(comparison, split),
            coverage_accuracy(comparison, split),
            reliability_by_attribute(comparison, split),
            stress_plot(comparison, split),
        )
        if plot is not None
    ]
    plots += learning_curves(comparison.runs)
    shown = (
        "all cells"
        if len(cards) == cells
        else (
            f"{len(cards)} of {cells:,} cells, drawn by a hash of the cell's id, independently of what the models say"
        )
    )
    seeds = " Captions are those of the first seed." if comparison.has_seeds else ""
    contents = {
        "summary": "Summary",
        "captions": "Tables",
        "examples": "Examples",
        "errors": "Errors",
        "confidence": "Confidence and training",
        "gallery": "Cells",
        "methods": "How to read this",
    }
    if not plots:
        del contents["confidence"]
    return render(
        "report.html.j2",
        title=title,
        lead=lead(comparison),
        version=__version__,
        style=sheet("card.css") + sheet("report.css"),
        script=Markup("(element => {{\n{}}})(document);\n{}").format(sheet("card.js"), sheet("report.js")),
        facts=Markup(json.dumps(facts, allow_nan=False).replace("<", "\\u003c")),
        contents=list(contents.items()),
        findings=findings(comparison),
        in_short=in_short(comparison),
        diagnosis=diagnosis_table(comparison),
        banner=DRAWN if comparison.drawn else "",
        warnings=comparison.warnings,
        settings=_settings(comparison),
        differing=settings_differences(comparison.runs),
        tables=tables,
        calibration=[one for one in (confidence_table(comparison), asked_table(comparison)) if one],
        panels=make_cards(comparison, choose_examples(comparison), PANEL_SIDE),
        examples_note="One cell of each of the commonest annotated types, drawn by a hash of its id, not chosen."
        + seeds,
        errors_note=ERRORS_NOTE,
        error_bars=error_bars(comparison),
        confusions=matrix_groups(comparison),
        plots=plots,
        trial=trial_words(comparison),
        gallery=cards,
        gallery_note=f"The page holds {shown}.{seeds}",
        models=[model.name for model in comparison.models],
        keys=[(key, words(key)) for key in SCHEMA],
        types=sorted({card.title for card in cards}),
        sources=sorted({fact["source"] for fact in facts}),
        beside=beside,
        below=BELOW,
        published=PUBLISHED,
        glossary=glossary(comparison),
        origins=[line for run in comparison.runs for line in origins(run)],
    )


def _first(comparison: Comparison, split: str) -> Any:
    return next(model.scored[split].table for model in comparison.models if split in model.scored)


def _settings(comparison: Comparison) -> Table:
    runs, splits = comparison.runs, comparison.columns
    found = {run.label: settings(run) for run in runs}
    names = list(dict.fromkeys(name for given in found.values() for name in given))
    rows = [Row(label, [given.get(name, "–") for name in names]) for label, given in found.items() if names]
    for run, row in zip(runs, rows, strict=False):
        counts = [f"{len(run.predictions(split)):,}" if split in run.described else "–" for split in splits]
        row.cells.extend(counts)  # type: ignore[attr-defined]
    columns = [Column("", name) for name in [*names, *map(cells_of, splits)]]
    return Table("settings", "Runs", "Run", columns, rows)
