"""Scores with intervals are what scoring the rows that are left gives, group by group."""

import numpy as np
import pandas as pd
import pytest
from metrics.by_hand import difference_by_hand
from metrics.by_hand import interval_by_hand as by_hand
from metrics.drawn import row, rows
from sklearn.metrics import f1_score, recall_score

from hemblip.errors import DataError
from hemblip.metrics import attribute_scores, score
from hemblip.metrics.intervals import Measured
from hemblip.morphology import KEYS
from hemblip.predictions import TRUE_PREFIX, prediction_table

METRICS = ("accuracy", "coverage", "selective_accuracy", "macro_f1", "balanced_accuracy", "omission", "hallucination")


def test_values_are_those_of_the_plain_scores():
    table = rows(80)
    found, plain = Measured([table]), attribute_scores(table)
    for key in KEYS:
        for metric in (*METRICS, "plausible"):
            assert found.interval(f"{metric}/{key}").value == pytest.approx(plain.loc[key, metric])
    scores = score(table)
    for name in ("accuracy", "macro_f1", "exact_match", "bleu", "rouge_l", "sacrebleu", "hallucination"):
        assert found.interval(name).value == pytest.approx(scores[name])
    assert found.interval("contradicting").value == scores["incompatible"]["share"]
    nobodys = rows(4, groups=2).assign(**dict.fromkeys((TRUE_PREFIX + key for key in KEYS), None), cell_id=list("wxyz"))
    more = pd.concat([table, nobodys], ignore_index=True)  # cells without annotation are neither right nor wrong
    assert Measured([more]).interval("exact_match").value == pytest.approx(scores["exact_match"])


def test_intervals_are_those_of_scoring_what_is_left_row_by_row():
    table = rows(64, groups=8)
    found = Measured([table])
    left = [table[table["group"] != group] for group in sorted(set(table["group"]))]
    whole, parts = score(table), [score(some) for some in left]
    for name in ("exact_match", "bleu", "rouge_l", "sacrebleu", "hallucination"):
        interval = found.interval(name)
        expected = by_hand([part[name] for part in parts], whole[name], 8, high=100 if name == "sacrebleu" else 1)
        assert (interval.low, interval.high) == pytest.approx(expected) and interval.groups == 8
    plain, plains = attribute_scores(table), [attribute_scores(some) for some in left]
    for key in KEYS:
        behind = table.loc[table[TRUE_PREFIX + key].notna(), "group"].nunique()
        for metric in ("accuracy", "coverage", "selective_accuracy", "plausible"):
            if 0 < plain.loc[key, metric] < 1:
                interval = found.interval(f"{metric}/{key}")
                expected = by_hand([part.loc[key, metric] for part in plains], plain.loc[key, metric], behind)
                assert (interval.low, interval.high) == pytest.approx(expected) and interval.groups == behind
        for metric, function in (("macro_f1", f1_score), ("balanced_accuracy", recall_score)):
            # A value that no cell is left of is as in the sample.
            known = by_value(table, key, function)
            each = [np.mean(list({**known, **by_value(some, key, function)}.values())) for some in left]
            interval = found.interval(f"{metric}/{key}")
            expected = by_hand(each, np.mean(list(known.values())), behind)
            assert (interval.low, interval.high) == pytest.approx(expected)


def by_value(table, key, function):
    some = table[table[TRUE_PREFIX + key].notna()]
    values = sorted(set(some[TRUE_PREFIX + key]))
    gold, said = some[TRUE_PREFIX + key], some[key].fillna("silence")
    return dict(zip(values, function(gold, said, labels=values, average=None, zero_division=0), strict=True))


def test_means_have_the_interval_of_the_mean_of_what_is_left():
    table = rows(64, groups=8)
    left = [table[table["group"] != group] for group in sorted(set(table["group"]))]
    whole = attribute_scores(table)["accuracy"].mean()
    expected = by_hand([attribute_scores(some)["accuracy"].mean() for some in left], whole, 8)
    interval = Measured([table], text=False).interval("accuracy")
    assert (interval.low, interval.high) == pytest.approx(expected)


def test_differences_are_those_of_what_is_left_and_so_is_their_p():
    one, other = rows(64, groups=8, error=0.2), rows(64, groups=8, error=0.4, seed=1)
    first, second = Measured([one]), Measured([other])

    def gap(left, right, name):
        if "/" not in name:
            return score(left)[name] - score(right)[name]
        metric, key = name.split("/")
        return attribute_scores(left).loc[key, metric] - attribute_scores(right).loc[key, metric]

    for name in ("bleu", "accuracy", "exact_match", "accuracy/cell_type", "coverage/granules"):
        value = gap(one, other, name)
        each = [gap(one[one["group"] != g], other[other["group"] != g], name) for g in sorted(set(one["group"]))]
        interval, p = first.difference(second, name), first.p_value(second, name)
        expected = (value, *difference_by_hand(each, value, 8))
        assert (interval.value, interval.low, interval.high, p) == pytest.approx(expected)
        assert (p < 0.05) == (interval.low > 0 or interval.high < 0)
    same = first.difference(first, "accuracy")
    unseen = 1 - 0.025 ** (1 / 8)  # share of groups of which none is seen, in which one could be right, one wrong
    assert (same.value, same.low, same.high) == pytest.approx((0, -unseen, unseen))
    assert first.p_value(first, "accuracy") == 1
    assert second.difference(first, "bleu").value == -first.difference(second, "bleu").value


def test_groups_are_counted_where_the_attribute_is_annotated():
    """Many healthy cells do not make up for few leukemic slides."""
    table = rows(240, groups=30)
    few = table["group"].isin(["slide 0", "slide 1", "slide 2"])
    table[TRUE_PREFIX + "diagnosis"] = np.where(few, ["ALL", "AML"] * 120, None)
    table["diagnosis"] = np.where(table["cell_id"].astype(int) % 7 > 0, table[TRUE_PREFIX + "diagnosis"], None)
    found = Measured([table], text=False)
    assert found.interval("accuracy/diagnosis").groups == 3
    assert found.interval("plausible/diagnosis").groups == 3
    assert found.interval("accuracy/cell_size").groups == found.groups == 30
    alone = Measured([table[few]], text=False).interval("accuracy/diagnosis")
    together = found.interval("accuracy/diagnosis")
    assert (together.low, together.high) == pytest.approx((alone.low, alone.high))


def test_means_leave_out_attributes_with_one_value():
    table = rows(60)
    table[TRUE_PREFIX + "diagnosis"] = "healthy"
    table["diagnosis"] = "healthy"
    scores, found = score(table), Measured([table], text=False)
    assert scores["single_valued"] == ["diagnosis"]
    others = [key for key in KEYS if key != "diagnosis"]
    for name in ("accuracy", "macro_f1", "coverage", "selective_accuracy", "balanced_accuracy", "omission"):
        mean = np.mean([scores["attributes"][key][name] for key in others])
        assert found.interval(name).value == pytest.approx(mean)
        assert name not in scores or scores[name] == pytest.approx(mean)
    assert found.interval("accuracy/diagnosis").value == scores["attributes"]["diagnosis"]["accuracy"] == 1
    alone = prediction_table([row("a", {"cell_size": "small"}, "A small cell.")])
    assert score(alone)["accuracy"] is None and Measured([alone]).interval("accuracy").value is None


def test_attributes_that_no_cell_is_annotated_with_are_hallucinated():
    table = prediction_table(
        [
            row("a", {"cell_size": "small"}, "A small cell from a patient with acute myeloid leukemia."),
            row("b", {"cell_size": "small"}, "A small cell."),
        ]
    )
    found = Measured([table], text=False)
    assert table["diagnosis"].tolist() == ["AML", None]
    assert found.keys == ["cell_size"] and found.interval("hallucination/diagnosis").value == 0.5
    assert found.interval("hallucination").value == pytest.approx(0.5 / len(KEYS)) == score(table)["hallucination"]
    nothing = Measured([prediction_table([row("a", {}, "A cell.")])], text=False)
    assert nothing.keys == [] and nothing.interval("exact_match").value is None


def test_intervals_are_wider_where_cells_of_a_group_err_together():
    table = rows(120, groups=120)
    wrong = table["cell_id"].astype(int) < 60
    table["cell_size"] = table[TRUE_PREFIX + "cell_size"].where(~wrong, None)

    def width(groups):
        interval = Measured([table.assign(group=groups)], text=False).interval("accuracy/cell_size")
        return interval.high - interval.low

    assert width([str(int(cell) // 12) for cell in table["cell_id"]]) > 2 * width(table["cell_id"])


def test_seeds_are_averaged_and_their_spread_is_told():
    tables = [rows(seed=seed) for seed in range(3)]
    each = [Measured([table]) for table in tables]
    together = Measured(tables)
    for name in ("accuracy", "sacrebleu"):
        values = [one.interval(name).value for one in each]
        assert together.interval(name).value == pytest.approx(np.mean(values))
        assert together.spread(name) == pytest.approx(np.std(values, ddof=1))
        assert each[0].spread(name) is None
    left = [np.mean([score(table[table["group"] != group])["accuracy"] for table in tables])
            for group in sorted(set(tables[0]["group"]))]  # fmt: skip
    interval = together.interval("accuracy")
    assert (interval.low, interval.high) == pytest.approx(by_hand(left, interval.value, 12))


def test_bertscore_has_an_interval_as_other_scores_have():
    """An encoder is stood in for by the share of common letters."""

    class Encoder:
        def scores(self, references, captions):
            pairs = zip(references, captions, strict=True)
            return {"bertscore": [len(set(one) & set(two)) / len(set(one) | set(two)) for one, two in pairs]}

    table = rows(40, groups=8)
    interval = Measured([table], bert=Encoder()).interval("bertscore")
    scores = np.array(Encoder().scores(table["reference"], table["caption"])["bertscore"])
    left = [scores[(table["group"] != group).to_numpy()].mean() for group in sorted(set(table["group"]))]
    assert (interval.low, interval.high) == pytest.approx(by_hand(left, scores.mean(), 8, low=-1))


def test_seeds_of_other_splits_are_averaged_over_sets_of_cells_and_lose_a_group_together():
    """Cells of a group are on one side of each split: the sets share some groups, and each has some of its own."""
    table = rows(96, groups=12)
    names = sorted(set(table["group"]))
    one, other = table[table["group"].isin(names[:8])], table[table["group"].isin(names[5:])]
    again = one.assign(**{key: one[key].sample(frac=1, random_state=0).to_numpy() for key in KEYS})
    found = Measured([one, other, again])

    def mean(tables, metric, key):
        first, second, third = (attribute_scores(one).loc[key, metric] for one in tables)
        return ((first + third) / 2 + second) / 2  # a set counts once, however many seeds it has

    for key in ("cell_type", "cytoplasm_vacuoles"):
        for metric in ("accuracy", "coverage"):
            left = [[one[one["group"] != name] for one in (one, other, again)] for name in names]
            each = [mean(tables, metric, key) for tables in left]
            value, interval = mean((one, other, again), metric, key), found.interval(f"{metric}/{key}")
            behind = table.loc[table[TRUE_PREFIX + key].notna(), "group"].nunique()
            assert interval.value == pytest.approx(value) and interval.groups == behind
            assert (interval.low, interval.high) == pytest.approx(by_hand(each, value, behind))
    each = [score(one)["accuracy"] for one in (one, other, again)]
    assert found.spread("accuracy") == pytest.approx(np.std(each, ddof=1))
    twin = Measured([other, one])  # the same sets, whatever their order
    assert found.difference(twin, "accuracy/cell_type").value == pytest.approx(
        found.interval("accuracy/cell_type").value - twin.interval("accuracy/cell_type").value
    )
    with pytest.raises(DataError, match="two models describe different cells"):
        found.difference(Measured([one]), "accuracy")


def test_one_group_has_no_interval_and_no_p():
    table = rows(10, groups=1)
    found = Measured([table], text=False)
    interval = found.interval("accuracy")
    assert (interval.low, interval.high, interval.groups) == (None, None, 1) and interval.value is not None
    assert found.p_value(found, "accuracy") is None


def test_mistakes_are_one_line():
    table = rows(10)
    with pytest.raises(DataError, match="no prediction rows"):
        Measured([table.head(0)])
    with pytest.raises(DataError, match="no prediction rows"):
        Measured([table, table.head(0)])
    one = Measured([table], text=False)
    with pytest.raises(DataError, match="two models describe different cells"):
        one.difference(Measured([table.head(9)], text=False), "accuracy")
    with pytest.raises(DataError, match="no score 'acuracy'"):
        one.interval("acuracy")
