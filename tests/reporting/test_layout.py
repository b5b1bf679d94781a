"""Tables as Markdown, CSV and LaTeX."""

import csv
import io

from hemblip.reporting.layout import Column, Estimate, Row, Table, to_csv, to_latex, to_markdown

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
