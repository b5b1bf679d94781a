import numpy as np
import pytest
from metrics.drawn import row, rows
from sklearn.metrics import f1_score

from hemblip.errors import DataError
from hemblip.metrics import attribute_scores, score
from hemblip.metrics.intervals import Resampled, Resamples, compare, holm, p_value
from hemblip.morphology import KEYS, SCHEMA
from hemblip.predictions import TRUE_PREFIX, prediction_table


def test_values_are_those_of_the_plain_scores():
    table = rows(80)
    found, plain = Resampled([table], 20), attribute_scores(table)
    for key in KEYS:
        for metric in ("accuracy", "coverage", "selective_accuracy", "macro_f1", "balanced_accuracy", "hallucination"):
            assert found.interval(f"{metric}/{key}").value == pytest.approx(plain.loc[key, metric])
    scores = score(table)
    for name in ("accuracy", "macro_f1", "exact_match", "bleu", "rouge_l"):
        assert found.interval(name).value == pytest.approx(scores[name])


def test_resamples_are_what_scoring_the_drawn_cells_gives():
    table = rows(40, groups=8)
    found = Resampled([table], 5, text=False)
    weights = np.concatenate(list(Resamples(table["group"].tolist(), 5)._weights()))
    names = np.unique(table["group"])
    for draw, drawn in enumerate(weights):
        times = table["group"].map(dict(zip(names, drawn.astype(int), strict=True)))
        some = table.loc[table.index.repeat(times)]
        plain = attribute_scores(some)
        for key in plain.index:
            f1 = {**f1_by_value(table, key), **f1_by_value(some, key)}  # a value that was not drawn is as in the sample
            assert found.column(f"macro_f1/{key}")[1][draw] == pytest.approx(np.mean(list(f1.values())))
            assert found.column(f"hallucination/{key}")[1][draw] == pytest.approx(plain.loc[key, "hallucination"])


def f1_by_value(table, key):
    some = table[table[TRUE_PREFIX + key].notna()]
    values = sorted(set(some[TRUE_PREFIX + key]))
    gold, said = some[TRUE_PREFIX + key], some[key].fillna("silence")
    return dict(zip(values, f1_score(gold, said, labels=values, average=None, zero_division=0), strict=True))


@pytest.mark.parametrize(("metric", "shift"), [("macro_f1", 0.02), ("balanced_accuracy", 0.005)])
def test_rare_values_do_not_shift_the_resamples(metric, shift):
    """Frequent values are mostly right and rare ones mostly wrong, as of real captioners.

    F1 is not linear in the counts, so that draws of a value with a handful of cells lie a little below it. Means over
    the values drawn would lie 0.03 and 0.04 above.
    """
    shifts = []
    for seed in range(10):
        random = np.random.default_rng(seed)
        share = 0.5 ** np.arange(13)
        truth = random.choice(SCHEMA["cell_type"], size=250, p=share / share.sum())
        ease = dict(zip(SCHEMA["cell_type"], np.linspace(0.95, 0.1, 13), strict=True))
        said = [true if random.random() < ease[true] else "neutrophil" for true in truth]
        table = prediction_table(
            row(str(cell), {"cell_type": str(true)}, f"A {what}.")
            for cell, (true, what) in enumerate(zip(truth, said, strict=True))
        )
        resampled = Resampled([table], 400, text=False)
        interval = resampled.interval(f"{metric}/cell_type")
        assert interval.low <= interval.value <= interval.high
        shifts.append(resampled.column(f"{metric}/cell_type")[1].mean() - interval.value)
    assert abs(np.mean(shifts)) < shift


def test_attributes_that_no_cell_is_annotated_with_are_hallucinated():
    table = prediction_table(
        [
            row("a", {"cell_size": "small"}, "A small cell from a patient with acute myeloid leukemia."),
            row("b", {"cell_size": "small"}, "A small cell."),
        ]
    )
    found = Resampled([table], 50, text=False)
    assert table["diagnosis"].tolist() == ["AML", None]
    assert found.keys == ["cell_size"] and found.interval("hallucination/diagnosis").value == 0.5
    assert found.interval("hallucination").value == pytest.approx(0.5 / len(KEYS)) == score(table)["hallucination"]


def test_intervals_are_wider_where_cells_of_a_group_err_together():
    table = rows(120, groups=120)
    wrong = table["cell_id"].astype(int) < 60
    table["cell_size"] = table[TRUE_PREFIX + "cell_size"].where(~wrong, None)

    def width(groups):
        interval = Resampled([table.assign(group=groups)], 500, text=False).interval("accuracy/cell_size")
        return interval.high - interval.low

    assert width([str(int(cell) // 12) for cell in table["cell_id"]]) > 2 * width(table["cell_id"])


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    random, covered = np.random.default_rng(0), 0
    for _ in range(200):
        hits = random.random((60, 1)) < 0.7
        _, draws = Resamples(range(60), 400, seed=int(random.integers(1 << 30))).draw(
            np.hstack([hits, np.ones((60, 1))]), lambda sums: sums[..., :1] / sums[..., 1:]
        )
        low, high = np.quantile(draws, (0.025, 0.975))
        covered += low <= 0.7 <= high
    assert 0.89 <= covered / 200 <= 0.99


def test_models_are_compared_on_the_same_resamples():
    one, other = Resampled([rows(error=0.1)], 300, text=False), Resampled([rows(error=0.5, seed=1)], 300, text=False)
    assert compare(one, one)["difference"].eq(0).all() and compare(one, one)["high"].eq(0).all()
    better = compare(one, other)
    assert (better["difference"] > 0).all()
    assert (better["p_holm"] >= better["p"]).all()
    assert better.loc["cell_type", "low"] > 0 and better.loc["cell_type", "p_holm"] < 0.2


def test_seeds_are_averaged_and_their_spread_is_told():
    tables = [rows(seed=seed) for seed in range(3)]
    each = [Resampled([table], 50, text=False) for table in tables]
    together = Resampled(tables, 50, text=False)
    values = [one.interval("accuracy").value for one in each]
    assert together.interval("accuracy").value == pytest.approx(np.mean(values))
    assert together.spread("accuracy") == pytest.approx(np.std(values, ddof=1))
    assert each[0].spread("accuracy") is None
    assert np.allclose(together.draws, np.mean([one.draws for one in each], axis=0))


def test_holm_is_the_textbooks():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert p_value(np.array([1.0, 2.0, 3.0])) == 0.5
    assert p_value(np.array([-1.0, 1.0])) == 1.0


def test_one_group_has_no_interval_and_no_p():
    table = rows(10, groups=1)
    found = Resampled([table], 10, text=False)
    interval = found.interval("accuracy")
    assert (interval.low, interval.high, interval.groups) == (None, None, 1) and interval.value is not None
    assert compare(found, found)["p_holm"].isna().all()


def test_mistakes_are_one_line():
    table = rows(10)
    with pytest.raises(DataError, match="no prediction rows"):
        Resampled([table.head(0)])
    with pytest.raises(DataError, match="different cells"):
        Resampled([table, table.head(9)], 10)
    one = Resampled([table], 10, text=False)
    with pytest.raises(DataError, match="two models describe different cells"):
        compare(one, Resampled([table.head(9)], 10, text=False))
    with pytest.raises(DataError, match="resampled differently"):
        compare(one, Resampled([table], 11, text=False))
    with pytest.raises(DataError, match="no score 'acuracy'"):
        one.interval("acuracy")
