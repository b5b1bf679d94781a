"""Tables as Markdown, CSV and LaTeX."""

import csv
import io
from dataclasses import replace

from hemblip.reporting.latex import to_latex
from hemblip.reporting.layout import Column, Estimate, Row, Table, to_csv, to_markdown

TABLE = Table(
    "made_up",
    "Made up & tested",
    "Model_name",
    [Column("Internal", "BLEU"), Column("Internal", "100 %"), Column("Paper's", "BLEU", "published")],
    [
        Row(
            "a_b",
            [Estimate(0.5, 0.4, 0.6, below=True), Estimate(0.25, percent=True, digits=1), Estimate(0.31, digits=2)],
        ),
        Row("c | d", [Estimate(None, reason="no cells"), Estimate(-0.1, signed=True, p=0.0002), "text"], "baseline"),
    ],
    ["A note."],
)


def test_markdown_writes_marks_intervals_and_reasons():
    text = to_markdown(TABLE)
    assert "| a_b | 0.500▽ [0.400, 0.600] | 25.0 | 0.31 |" in text
    assert "| c \\| d | n/a (no cells) | −0.100 p < 0.001 | text |" in text
    assert "Paper's† BLEU" in text


def test_csv_keeps_full_precision_and_says_whose_figure_it_is():
    rows = list(csv.DictReader(io.StringIO(to_csv(TABLE))))
    assert len(rows) == 6
    assert (rows[0]["value"], rows[0]["low"], rows[0]["note"]) == ("0.5", "0.4", "does not beat the baselines")
    assert rows[1]["value"] == "0.25"
    assert rows[2]["kind"] == "published"
    assert (rows[3]["value"], rows[3]["note"], rows[3]["kind"]) == ("", "n/a (no cells)", "baseline")


def test_latex_is_escaped_and_balanced():
    text = to_latex(TABLE)
    assert r"Made up \& tested" in text
    assert r"a\_b" in text
    assert r"100 \%" in text
    assert text.count("{") == text.count("}")
    columns = [line.count(" & ") for line in text.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
    assert set(columns) == {3}


def test_latex_says_why_figures_are_missing_and_leaves_numbering_to_latex():
    text = to_latex(replace(TABLE, title="Table 2b. Attributes > 5 % at α and Δ"))
    assert r"\caption{Attributes $>$ 5 \% at $\alpha$ and $\Delta$}" in text
    assert "n/a: no cells." in text


def test_a_score_over_seeds_shows_how_they_spread():
    score = Estimate(0.5, 0.4, 0.6, percent=True, digits=1, spread=0.021)
    table = replace(TABLE, rows=[Row("seeds", [score, score, "text"])])
    assert "| seeds | 50.0 ± 2.1 [40.0, 60.0] |" in to_markdown(table)
    assert next(csv.DictReader(io.StringIO(to_csv(table))))["seed_sd"] == "0.021"
    assert r"$\pm$ 2.1" in to_latex(table)


def test_numbers_are_written_for_readers():
    assert str(Estimate(-0.00004, percent=True, digits=1)) == "0.0"
    assert str(Estimate(12345.0, digits=0)) == "12,345"
    assert str(Estimate(-0.05, digits=2, signed=True)) == "−0.05"


def test_few_groups_are_named_beside_the_interval_as_a_warning():
    score = Estimate(0.5, 0.4, 0.6, groups=9)
    assert str(score) == "0.500 [0.400, 0.600; 9 groups]"
    assert str(replace(score, groups=10)) == "0.500 [0.400, 0.600]"
    assert str(Estimate(0.5, groups=1)) == "0.500 [1 group]"
