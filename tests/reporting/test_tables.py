"""What the tables hold: every required score, marks, counts and the reasons of what is not available."""

from pathlib import Path

import numpy as np
import pytest
from reporting.run_folders import make_run, manifests

from hemblip.metrics import score
from hemblip.metrics.baselines import MAJORITY
from hemblip.predictions import TRUE_KEYS, read_predictions, write_predictions
from hemblip.reporting.comparison import Comparison
from hemblip.reporting.error_tables import contradiction_table, error_shares
from hemblip.reporting.findings import findings
from hemblip.reporting.layout import Table, to_markdown
from hemblip.reporting.paper_tables import SEEDS, feature, table1, table2, table2_more
from hemblip.reporting.side_tables import MOST_PAIRS, attribute_differences, differences, sources_table
from hemblip.run import Run


def compared(*folders: Path) -> Comparison:
    return Comparison([Run(folder) for folder in folders])


def shown(table: Table, label: str, column: tuple[str, str], section: str = ""):
    """One cell of a table."""
    row = next(row for row in table.rows if row.label == label and section in row.section)
    return row.cells[[(c.group, c.name) for c in table.columns].index(column)]


@pytest.fixture
def run(workplace):
    return make_run(Path("runs/a/version_0"), manifests(cells=20, size=32), 0.6, talk=0.8, splits=("test",))


def test_every_score_of_metrics_json_is_in_a_table(run):
    rows = read_predictions(run / "predictions/test.parquet")
    expected = score(rows)
    comparison = compared(run)
    first = table1(comparison)
    assert shown(first, "a", ("Internal", "sacreBLEU")).value == pytest.approx(expected["sacrebleu"])
    assert any(expected["sacrebleu_signature"] in note for note in first.notes)
    more = table2_more(comparison)
    for section, name in (("Balanced accuracy", "balanced_accuracy"), ("Omission", "omission"), ("Macro", "macro_f1")):
        found = shown(more, feature("chromatin"), ("a", "Int."), section).value
        assert found == pytest.approx(expected["attributes"]["chromatin"][name])
    errors = error_shares(comparison, "test")
    attribute = expected["attributes"]["chromatin"]
    near, other = (shown(errors, feature("chromatin"), ("a", kind)) for kind in ("Plausible", "Other"))
    assert near.value == pytest.approx(attribute["plausible"])
    silent_or_right = attribute["omission"] + attribute["accuracy"]
    assert other.value == pytest.approx(1 - silent_or_right - attribute["plausible"])
    assert near.low <= near.value <= near.high


def test_contradictions_are_counted_by_pair(run):
    path = run / "predictions/test.parquet"
    rows = read_predictions(path)
    rows["cell_type"], rows["granule_colour"] = None, None
    rows.loc[:2, ["cell_type", "granule_colour"]] = ["basophil", "red"]
    write_predictions(rows, path)
    table = contradiction_table(compared(run))
    assert shown(table, "cell type basophil and granule colour red", ("a", "Int.")).value == 3
    share = shown(table, "Captions that contradict themselves, %", ("a", "Int."))
    assert share.value == pytest.approx(score(rows)["incompatible"]["share"])
    assert share.value >= 3 / len(rows)


def test_a_missing_figure_says_which_of_three_reasons_it_has(workplace):
    cells = manifests(cells=20, size=32)
    inside = make_run(Path("runs/inside/version_0"), cells, 0.8, splits=("test",))
    both = make_run(Path("runs/both/version_0"), cells, 0.7)
    column = ("External", "BLEU")
    assert shown(table1(compared(inside)), "inside", column).reason == "no external set"
    assert shown(table1(compared(inside, both)), "inside", column).reason == "this run did not describe these cells"
    (both / "predictions/baselines/external.parquet").unlink()
    comparison = compared(inside, both)
    assert shown(table1(comparison), MAJORITY, column).reason == "no rows of this baseline for these cells"
    paired = differences(comparison)
    assert shown(paired, "both − strongest baseline", column).reason == "no baseline rows for these cells"
    assert shown(paired, "inside − both", column).reason == "this run did not describe these cells"
    assert [w for w in comparison.warnings if "No run holds baselines of external cells" in w]
    assert not [w for w in comparison.warnings if "baselines of internal cells" in w]


def test_each_external_source_has_its_counts_and_its_own_baselines(workplace):
    cells = manifests(cells=60, size=32)
    external = cells["external"]
    external["source"] = np.array(["atlas", "folders", "low-cost microscope"])[np.arange(len(external)) % 3]
    at = {source: external.index[external["source"] == source] for source in set(external["source"])}
    external.loc[at["atlas"][:4], "cell_type"] = None  # plasma cells, say
    external.loc[at["folders"], [key[5:] for key in TRUE_KEYS]] = None  # free text only
    run = make_run(Path("runs/a/version_0"), cells, 0.3)
    left_out = "atlas: 7 entries left out: unknown class (7)"
    Run(run).write_scores("external", {"left_out": [left_out]})
    comparison = compared(run)
    table = sources_table(comparison)
    assert f"{left_out}." in table.notes
    counts = {
        source: [shown(table, "a", ("", name), source).value for name in ("Cells", "Type mapped", "Annotated")]
        for source in at
    }
    assert counts == {"atlas": [10, 6, 10], "folders": [10, 0, 0], "low-cost microscope": [10, 10, 10]}
    text = shown(table, "a", ("Attributes, mean %", "End to end"), "folders")
    assert str(text) == "n/a (no cell of this source is annotated)"
    assert shown(table, "a", ("Attributes, mean %", "End to end"), "low-cost").below
    assert not shown(table, MAJORITY, ("Attributes, mean %", "End to end"), "low-cost").below


def test_one_group_of_cells_supports_no_claim(workplace):
    cells = manifests(cells=20, size=32)
    cells["test"]["group"] = "slide"
    comparison = compared(make_run(Path("runs/a/version_0"), cells, 0.95, splits=("test",)))
    assert comparison.lead(comparison.models[0], "test").value > 0
    (sentence,) = findings(comparison)["Internal cells"]
    assert "cannot be told from one group" in sentence
    assert "more than the strongest" not in sentence
    assert shown(table2(comparison), "Cell type", ("a", "Int.")).below


def test_scores_over_seeds_show_their_spread_and_say_what_intervals_leave_out(workplace):
    cells = manifests(cells=20, size=32)
    runs = [make_run(Path(f"runs/a/version_{s}"), cells, 0.7, seed=s, splits=("test",)) for s in range(3)]
    alone = [score(read_predictions(run / "predictions/test.parquet")) for run in runs]
    table = table1(compared(*runs))
    for name, column in (("bleu", "BLEU"), ("sacrebleu", "sacreBLEU")):
        found = shown(table, "a (3 seeds)", ("Internal", column))
        assert found.value == pytest.approx(np.mean([each[name] for each in alone]))
        assert found.spread == pytest.approx(np.std([each[name] for each in alone], ddof=1))
    assert SEEDS in table.notes
    assert f"± {found.spread:.1f}" in to_markdown(table)
    assert SEEDS not in table1(compared(runs[0])).notes


def test_pairs_beyond_the_table_are_said_to_be_left_out(workplace):
    cells = manifests(cells=10, size=32)
    runs = [make_run(Path(f"runs/{name}/version_0"), cells, 0.7, splits=("test",)) for name in "abcde"]
    assert any(
        f"first {MOST_PAIRS} of 10 pairs" in note for note in attribute_differences(compared(*runs), "test").notes
    )
    assert not any("pairs" in note for note in attribute_differences(compared(*runs[:4]), "test").notes)


def test_the_summary_multiplies_no_means(run):
    (sentence,) = findings(compared(run))["Internal cells"]
    assert "On average over attributes" in sentence
    assert "of them" not in sentence
