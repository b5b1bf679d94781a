"""What the tables hold: every required score, marks, counts and the reasons of what is not available."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from metrics.by_hand import difference_by_hand, holm_by_hand, interval_by_hand
from metrics.drawn import row as drawn
from metrics.test_asked import asked_rows
from reporting.run_folders import make_run, manifests

from hemblip.errors import DataError
from hemblip.metrics import score
from hemblip.metrics.abstention import fit_thresholds
from hemblip.metrics.asked import ASKED
from hemblip.metrics.baselines import MAJORITY
from hemblip.metrics.calibration import fit_temperatures
from hemblip.morphology import KEYS
from hemblip.morphology.schema import words
from hemblip.predictions import (
    CONFIDENCE_PREFIX,
    TRUE_KEYS,
    TRUE_PREFIX,
    prediction_table,
    read_predictions,
    write_predictions,
)
from hemblip.reporting.comparison import Comparison, Contest, Contestant
from hemblip.reporting.error_kinds import confusion, error_bars
from hemblip.reporting.error_tables import contradiction_table, error_shares
from hemblip.reporting.findings import findings
from hemblip.reporting.layout import Estimate, Table, to_markdown
from hemblip.reporting.paper_tables import SEEDS, SPLITS, features, table1, table2, table2_end_to_end, table2_more
from hemblip.reporting.report import write_report
from hemblip.reporting.side_tables import MOST_PAIRS, attribute_differences, differences, sources_table
from hemblip.reporting.sureness import asked_table, confidence_table
from hemblip.reporting.tables import score_table, summary_table
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
    for name, column in (("bleu_raw", "BLEU, as published"), ("bleu", "BLEU"), ("rouge_l", "ROUGE-L")):
        assert shown(first, "a", ("Internal", column)).value == pytest.approx(expected[name])
    assert any(expected["sacrebleu_signature"] in note for note in first.notes)
    more = table2_more(comparison)
    for section, name in (("Balanced accuracy", "balanced_accuracy"), ("Omission", "omission"), ("Macro", "macro_f1")):
        found = shown(more, words("chromatin"), ("a", "Int."), section).value
        assert found == pytest.approx(expected["attributes"]["chromatin"][name])
    errors = error_shares(comparison, "test")
    attribute = expected["attributes"]["chromatin"]
    near, other = (shown(errors, words("chromatin"), ("a", kind)) for kind in ("Plausible", "Other"))
    assert near.value == pytest.approx(attribute["plausible"])
    silent_or_right = attribute["omission"] + attribute["accuracy"]
    assert other.value == pytest.approx(1 - silent_or_right - attribute["plausible"])
    assert near.low <= near.value <= near.high


def test_texts_that_are_not_compared_are_counted_below_the_table(run):
    path = run / "predictions/test.parquet"
    rows = read_predictions(path)
    whole = table1(compared(run))
    rows.loc[:3, "reference"] = "This is a basophil."
    write_predictions(rows, path)
    some = table1(compared(run))
    (note,) = [note for note in some.notes if "left out" in note]
    assert note.startswith("Texts of internal cells: 4 of 20 references")
    assert not any("left out" in note for note in whole.notes)
    expected = score(rows[4:])["bleu"]
    assert shown(some, "a", ("Internal", "BLEU")).value == pytest.approx(expected)


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


def of_splits(name, cells, seeds, skill):
    """Seeds of one captioner, each tested on cells of its own, a tenth of them those of another."""
    folders = []
    for version, seed in enumerate(seeds):
        some = {**cells, "test": cells["test"].iloc[18 * seed : 18 * seed + 20].reset_index(drop=True)}
        folder = make_run(Path(f"runs/{name}/version_{version}"), some, skill, splits=("test",))
        config = yaml.safe_load((folder / "config.yaml").read_text())
        config |= {"data": {"init_args": {"seed": seed}}}
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        folders.append(folder)
    return folders


def test_seeds_of_splits_are_averaged_and_compared_over_the_same_sets_of_cells(workplace):
    cells = manifests(cells=40, size=32)
    good, poor = of_splits("good", cells, (1, 0), 0.9), of_splits("poor", cells, (0, 1), 0.5)
    comparison = compared(*good, *poor)
    one, other = comparison.models
    alone = {run: score(read_predictions(run / "predictions/test.parquet"))["accuracy"] for run in (*good, *poor)}
    baseline = [
        score(rows)["accuracy"]
        for run in poor
        for name, rows in read_predictions(run / "predictions/baselines/test.parquet").groupby("model")
        if name == MAJORITY
    ]
    usual = next(who for who in comparison.baselines if who.name == MAJORITY)
    for who, expected in (
        (one, [alone[run] for run in good]),
        (other, [alone[run] for run in poor]),
        (usual, baseline),
    ):
        found = who.scored["test"].estimate("accuracy")
        assert found.value == pytest.approx(np.mean(expected)) and found.spread == pytest.approx(
            np.std(expected, ddof=1)
        )
    apart = one.scored["test"].difference(other.scored["test"], "accuracy")
    assert apart.value == pytest.approx(np.mean([alone[run] for run in good]) - np.mean([alone[run] for run in poor]))
    # Figures and pages show the first seed: of all captioners that of the same cells.
    assert set(one.scored["test"].table["cell_id"]) == set(other.scored["test"].table["cell_id"])
    assert (
        one.run.folder == good[1]
        and SPLITS in table1(comparison).notes
        and SPLITS not in table1(compared(good[0])).notes
    )
    with pytest.raises(DataError, match=r"different test cells \(20 and 20, 2 in both"):
        compared(*good, poor[0])


def test_what_some_runs_are_not_scored_on_is_left_out_for_all(workplace):
    """Training with one diagnosis is not scored on it; published weights, on cells from elsewhere, are."""
    cells = manifests(cells=20, size=32)
    trained, base = (make_run(Path(f"runs/{name}/version_0"), cells, 0.8) for name in ("trained", "base"))
    for path in (trained / "predictions/external.parquet", trained / "predictions/baselines/external.parquet"):
        write_predictions(read_predictions(path).assign(**{TRUE_PREFIX + "diagnosis": None}), path)
    comparison = compared(base, trained)
    assert any(line.startswith("Diagnosis of external cells: left out") for line in comparison.warnings)
    for who in (*comparison.contestants, *compared(trained, base).contestants):
        assert who.scored["external"].table[TRUE_PREFIX + "diagnosis"].isna().all()
        assert who.scored["test"].table[TRUE_PREFIX + "diagnosis"].notna().all()
    path = trained / "predictions/external.parquet"
    write_predictions(read_predictions(path).assign(**dict.fromkeys(TRUE_KEYS)), path)
    with pytest.raises(DataError, match="in one and"):  # nothing would be left to score
        compared(trained, base)


def ece_by_hand(sure, right):
    place = np.minimum((sure * 15).astype(int), 14)
    return sum(abs(sure[place == b].mean() - right[place == b].mean()) * (place == b).sum() for b in set(place)) / len(
        sure
    )


def test_the_table_of_confidence_is_counted_by_hand(workplace):
    run = make_run(Path("runs/a/version_0"), manifests(cells=60, size=32), 0.8, splits=("test",))
    rows, validation = (read_predictions(run / f"predictions/{split}.parquet") for split in ("test", "val"))
    temperatures, thresholds = fit_temperatures(validation), fit_thresholds(validation, 0.3)
    sure, scaled, right, kept, annotated = [], [], [], [], 0
    for key in KEYS:
        known = rows[rows[TRUE_PREFIX + key].notna()]
        annotated += len(known)
        said = known[known[key].notna()]
        told = said[CONFIDENCE_PREFIX + key].to_numpy(float)
        odds = (told / (1 - told)) ** (1 / (temperatures[key] or 1))
        sure, scaled = [*sure, *told], [*scaled, *(odds / (1 + odds))]
        right += (said[key] == said[TRUE_PREFIX + key]).tolist()
        kept += (told >= (np.inf if thresholds[key] is None else thresholds[key])).tolist()
    sure, scaled, right, kept = map(np.array, (sure, scaled, right, kept))
    risks = [(~right[sure >= level]).mean() for level in sorted(sure, reverse=True)]
    expected = {
        "ECE": ece_by_hand(sure, right),
        "ECE, scaled": ece_by_hand(scaled, right),
        "AURC": np.mean(risks),
        "Kept at 30% risk": kept.sum() / annotated,
        "wrong of those": (~right[kept]).mean(),
    }
    table = confidence_table(Comparison([Run(run)], risk=0.3))
    assert {name: shown(table, "a", ("Internal", name)).value for name in expected} == pytest.approx(expected)
    assert 0.05 < expected["Kept at 30% risk"] < 0.95


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


def accuracies(rows, keys):
    """Share right of annotated cells by attribute, by hand; NaN where none is annotated."""
    known = [rows[rows[TRUE_PREFIX + key].notna()] for key in keys]
    return np.array([np.mean(some[TRUE_PREFIX + key] == some[key]) for key, some in zip(keys, known, strict=True)])


def test_differences_by_attribute_have_the_interval_and_p_of_scoring_what_is_left(workplace):
    cells = manifests(cells=48, size=32)
    cells["test"]["group"] = [f"slide {number % 8}" for number in range(len(cells["test"]))]
    runs = [
        make_run(Path(f"runs/{name}/version_0"), cells, skill, seed=seed, splits=("test",))
        for name, skill, seed in (("good", 0.9, 0), ("poor", 0.5, 1))
    ]
    good, poor = (read_predictions(run / "predictions/test.parquet") for run in runs)
    comparison = compared(*runs)
    table, keys = attribute_differences(comparison, "test"), features(comparison)
    found = [shown(table, words(key), ("good − poor", "")) for key in keys]
    values = accuracies(good, keys) - accuracies(poor, keys)
    names = sorted(set(good["group"]))
    left = np.array(
        [accuracies(good[good["group"] != g], keys) - accuracies(poor[poor["group"] != g], keys) for g in names]
    )
    expected = [
        difference_by_hand(left[:, place], value, good.loc[good[TRUE_PREFIX + key].notna(), "group"].nunique())
        for place, (key, value) in enumerate(zip(keys, values, strict=True))
    ]
    assert [each.value for each in found] == pytest.approx(values)
    assert [(each.low, each.high) for each in found] == [pytest.approx(ends[:2]) for ends in expected]
    assert [each.p for each in found] == pytest.approx(holm_by_hand([ends[2] for ends in expected]))
    assert min(each.p for each in found) < 0.05 < max(each.p for each in found)
    right, other = accuracies(good, ["cell_size"])[0], accuracies(good[good["group"] != names[0]], ["cell_size"])
    score = shown(table2_end_to_end(comparison), words("cell_size"), ("good", "Int."))
    without = [accuracies(good[good["group"] != name], ["cell_size"])[0] for name in names]
    assert without[0] == other and (score.low, score.high) == pytest.approx(interval_by_hand(without, right, 8))
    assert "; 8 groups]" in str(score)


def counted(pairs):
    """Prediction rows of cell sizes: (annotated, stated or None) -> cells."""
    rows = []
    for (truth, said), count in pairs.items():
        caption = "A cell." if said is None else f"A {said} cell."
        rows += [drawn(f"{len(rows) + n}", {"cell_size": truth}, caption) for n in range(count)]
    return prediction_table(rows)


def test_matrix_of_errors_has_annotated_values_in_rows_and_stated_ones_in_columns():
    table = counted({("small", "small"): 3, ("small", "large"): 1, ("large", "large"): 5, ("large", None): 2})
    matrix = confusion(table, "cell_size", "title")
    assert [row.name for row in matrix.rows] == ["small (4)", "large (7)"]
    cells = {
        (row.name.split()[0], column): (cell.count, cell.share, cell.verdict)
        for row in matrix.rows
        for column, cell in zip(matrix.columns, row.cells, strict=True)
    }
    assert cells == {
        ("small", "small"): (3, 3 / 4, "right"),
        ("small", "large"): (1, 1 / 4, "wrong"),
        ("small", "not stated"): (0, 0, "omitted"),
        ("large", "small"): (0, 0, "wrong"),
        ("large", "large"): (5, 5 / 7, "right"),
        ("large", "not stated"): (2, 2 / 7, "omitted"),
    }


def test_bars_of_errors_are_counts_by_hand(run):
    path = run / "predictions/test.parquet"
    table = counted(
        {("small", "small"): 3, ("small", "medium"): 4, ("small", "large"): 1, ("large", None): 2, (None, "large"): 5}
    )
    write_predictions(table, path)
    (run / "predictions/baselines/test.parquet").unlink(missing_ok=True)
    comparison = compared(run)
    (bars,) = error_bars(comparison)
    (bar,) = bars.rows
    assert bar.shares == {"right": 0.3, "near": 0.4, "wrong": 0.1, "omitted": 0.2}
    errors = error_shares(comparison, "test")
    for label in (words("cell_size"), "All attributes together"):
        assert shown(errors, label, ("a", "Plausible")).value == pytest.approx(0.4)
        assert shown(errors, label, ("a", "Other")).value == pytest.approx(0.1)


def test_tables_with_means_say_which_attributes_these_leave_out(run):
    path = run / "predictions/test.parquet"
    rows = read_predictions(path).assign(true_diagnosis="healthy")
    write_predictions(rows, path)
    (run / "predictions/baselines/test.parquet").unlink()
    comparison, scores = compared(run), score(rows)
    for table in (table2_end_to_end(comparison), table2_more(comparison)):
        assert any("Means over attributes leave out" in note and "diagnosis" in note for note in table.notes)
    mean = shown(table2_end_to_end(comparison), "Mean over attributes", ("a", "Int.")).value
    others = [key for key in scores["attributes"] if key != "diagnosis"]
    assert mean == pytest.approx(accuracies(rows, others).mean()) == scores["accuracy"]
    told = "means without diagnosis: one annotated value only"
    assert told in score_table("test", scores, {})
    silent = {name: value for name, value in scores.items() if name not in ("bleu", "rouge_l")}
    (line,) = (line for line in score_table("test", scores, {"asked": silent}).splitlines() if "ROUGE-L" in line)
    assert line.endswith("n/a")  # answers are no texts
    assert f"test: {told}" in summary_table({"test": {"model": scores, "baselines": {}}})


@pytest.mark.parametrize(
    ("lead", "below"),
    [((0.02, -0.01, 0.05), True), ((0.02, 0.0, 0.04), True), ((0.02, 0.01, 0.03), False), ((0.02, None, None), True)],
)
def test_a_lead_counts_only_where_its_interval_excludes_zero(monkeypatch, lead, below):
    monkeypatch.setattr(Contest, "lead", lambda *_: Estimate(*lead))
    assert Contest([], []).is_below(Contestant("a", "model", {}), "test", "accuracy") is below


def test_answers_stand_beside_captions_and_statements_have_the_better_confidence(run):
    rows = asked_rows(1)
    write_predictions(asked_rows(0).assign(split="val"), run / "predictions/val.parquet")
    write_predictions(rows, run / "predictions/test.parquet")
    comparison = compared(run)
    name = f"a, {ASKED}"
    for table in (table2(comparison, ["test"]), table2_end_to_end(comparison)):
        column = (name, "Int.") if table.name == "table2b" else (name, "")
        assert shown(table, words("chromatin"), column).value == 1.0
        assert shown(table, words("chromatin"), ("a", column[1])).value < 1.0
    pairs = contradiction_table(comparison)  # of captions: answers have none
    assert all(len(row.cells) == len(pairs.columns) for row in pairs.rows)
    found = asked_table(comparison)
    used = {row.label: row.cells[-1] for row in found.rows}
    assert (used[words("chromatin")], used[words("cell_size")]) == ("asked", "told")
    sure = comparison.models[0].scored["test"].table
    assert not sure["confidence_chromatin"].equals(rows["confidence_chromatin"])
    assert sure["confidence_cell_size"].equals(rows["confidence_cell_size"])
    page = write_report(run).read_text()
    assert name in page and "Confidence told and asked" in page
    assert asked_table(compared(make_run(Path("runs/b/version_0"), manifests(20, 32), 0.6, splits=("test",)))) is None
