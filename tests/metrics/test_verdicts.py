"""Each statement has one verdict, and every count follows from it."""

import numpy as np
import pytest
from metrics.drawn import confident_rows, row, rows
from reporting.run_folders import manifests, predictions

from hemblip.metrics.attributes import attribute_scores, error_counts, exact_match
from hemblip.metrics.calibration import judged
from hemblip.metrics.incompatible import contradictions
from hemblip.metrics.plausible import NEIGHBOURS
from hemblip.metrics.summands import error_sums
from hemblip.metrics.verdicts import Verdict, hallucinated, outcomes, verdict, verdict_matrix
from hemblip.morphology import KEYS, NEGATIVE_VALUES, SCHEMA
from hemblip.predictions import CONFIDENCE_PREFIX, TRUE_PREFIX, prediction_table
from hemblip.reporting.error_kinds import confusion
from hemblip.reporting.statements import NAMES, judge
from hemblip.reporting.sureness import statements


def by_hand(key, truth, stated, row=None):
    """The definition, written another way."""
    if truth is not None and stated is not None:
        near = {truth, stated} in [set(pair) for pair in NEIGHBOURS.get(key, {})]
        as_stated = {} if row is None else {other: row[TRUE_PREFIX + other] for other in KEYS} | {key: stated}
        near = near and not any(key in (rule.key, rule.other) for rule in contradictions(as_stated))
        return "RIGHT" if truth == stated else "PLAUSIBLE" if near else "WRONG"
    return {(True, True): "SILENT", (True, False): "UNVERIFIABLE", (False, True): "OMITTED"}[
        (truth is None, stated is None)
    ]


def test_the_matrix_holds_what_each_pair_of_values_is_worth():
    table = rows(80)
    table.loc[::9, TRUE_PREFIX + "cell_size"] = None
    matrix = verdict_matrix(table)
    assert matrix.shape == (80, 15) and matrix.dtype == np.int8
    assert set(np.unique(matrix)) == set(Verdict)
    for place, key in enumerate(KEYS):
        for cell, one in enumerate(table.to_dict("records")):
            told = by_hand(key, one[TRUE_PREFIX + key], one[key], one)
            assert Verdict(matrix[cell, place]).name == told


@pytest.mark.parametrize("key", KEYS)
def test_every_pair_of_values_of_the_schema_is_judged(key):
    values = [*SCHEMA[key], None]
    found = [[Verdict(code).name for code in line] for line in outcomes(key)]
    assert found == [[by_hand(key, truth, stated) for stated in values] for truth in values]


def test_every_count_follows_from_the_matrix():
    table, matrix = rows(80), verdict_matrix(rows(80))
    scores, sums = attribute_scores(table), error_sums(table, KEYS)
    shares = dict(zip(sums.names, sums.score(sums.cells.sum(0)), strict=True))
    for place, key in enumerate(KEYS):
        count = {kind: int((matrix[:, place] == kind).sum()) for kind in Verdict}
        known = sum(count[kind] for kind in (Verdict.RIGHT, Verdict.PLAUSIBLE, Verdict.WRONG, Verdict.OMITTED))
        assert scores.loc[key, "count"] == known
        assert scores.loc[key, "accuracy"] == pytest.approx(count[Verdict.RIGHT] / known)
        assert scores.loc[key, "plausible"] == pytest.approx(count[Verdict.PLAUSIBLE] / known)
        assert scores.loc[key, "omission"] == pytest.approx(count[Verdict.OMITTED] / known)
        assert shares[f"plausible/{key}"] == pytest.approx(count[Verdict.PLAUSIBLE] / known)
        assert shares[f"other/{key}"] == pytest.approx(count[Verdict.WRONG] / known)
        assert error_counts(table, key) == {kind: n for kind, n in count.items() if kind in error_counts(table, key)}
        drawn = {name: 0 for name in NAMES.values()}
        for line in confusion(table, key, "").rows:
            for cell in line.cells:
                drawn[cell.verdict] += cell.count
        expected = {name: 0 if name == "unverifiable" else count[kind] for kind, name in NAMES.items()}
        # A matrix shows pairs of values, and knows nothing of a cell's other annotations.
        assert drawn.pop("near") + drawn.pop("wrong") == expected.pop("near") + expected.pop("wrong")
        assert drawn == expected
    clean = [all(kind not in (1, 2, 4) for kind in line) and any(kind == 0 for kind in line) for line in matrix]
    asked = [any(kind in (0, 1, 2, 4) for kind in line) for line in matrix]
    assert exact_match(table) == pytest.approx(sum(clean) / sum(asked))


def test_what_a_reader_is_shown_is_the_matrix():
    table = rows(30)
    for line, one in zip(verdict_matrix(table), table.to_dict("records"), strict=True):
        shown = {statement.key: statement.verdict for statement in judge(one)}
        assert shown == {key: NAMES[kind] for key, kind in zip(KEYS, line, strict=True) if kind != Verdict.SILENT}


def test_confidence_is_judged_by_the_matrix():
    table = confident_rows(60)
    matrix = verdict_matrix(table)
    everything = []
    for place, key in enumerate(KEYS):
        stated = np.isin(matrix[:, place], (Verdict.RIGHT, Verdict.PLAUSIBLE, Verdict.WRONG))
        sure, right = judged(table, key)
        assert sure.tolist() == table.loc[stated, CONFIDENCE_PREFIX + key].tolist()
        assert right.tolist() == (matrix[stated, place] == Verdict.RIGHT).tolist()
        everything += right.tolist()
    assert statements(table)[1].tolist() == everything


def test_a_captions_own_confidence_stands_for_its_statements(workplace):
    table = predictions(manifests(cells=10, size=32)["test"], "a", 0.7)
    table = table.drop(columns=[name for name in table.columns if name.startswith(CONFIDENCE_PREFIX)])
    sure, right = statements(table)
    matrix = verdict_matrix(table)
    assert len(sure) == np.isin(matrix, (0, 1, 2)).sum() and right.sum() == (matrix == Verdict.RIGHT).sum()


def test_hallucinations_fill_what_is_not_annotated_or_negative():
    table = rows(80)
    filled, possible = hallucinated(table)
    for place, key in enumerate(KEYS):
        for cell, (truth, stated) in enumerate(zip(table[TRUE_PREFIX + key], table[key], strict=True)):
            baseless = truth is None or truth == NEGATIVE_VALUES.get(key, "none")
            assert possible[cell, place] == baseless
            assert filled[cell, place] == (baseless and stated not in (None, NEGATIVE_VALUES.get(key)))


def test_single_statements():
    assert verdict("chromatin", "open", "coarse") == Verdict.PLAUSIBLE
    assert verdict("cell_size", "small", "large") == Verdict.WRONG
    table = prediction_table([row("a", {"cell_size": "small"}, "A small neutrophil.")])
    line = dict(zip(KEYS, verdict_matrix(table)[0], strict=True))
    assert (line["cell_size"], line["cell_type"], line["chromatin"]) == (
        Verdict.RIGHT,
        Verdict.UNVERIFIABLE,
        Verdict.SILENT,
    )
