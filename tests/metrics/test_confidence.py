import math

import numpy as np
import pytest
from metrics.drawn import confident_rows, rows
from metrics.risk import promised

from hemblip.errors import ConfigError, DataError
from hemblip.metrics import attribute_scores
from hemblip.metrics.abstention import (
    DOUBT,
    abstain,
    area_under_risk,
    confidence_scores,
    fewest_groups,
    fit_thresholds,
    groups_of,
    promise,
    risk_coverage,
    threshold_for_risk,
)
from hemblip.metrics.calibration import (
    calibrated,
    expected_calibration_error,
    fit_temperature,
    fit_temperatures,
    reliability,
    scaled,
)
from hemblip.metrics.confidence import attribute_confidences, caption_confidence, token_scores
from hemblip.morphology import KEYS, extract_attributes
from hemblip.predictions import CONFIDENCE_PREFIX


def tokens_of(words, unsure=None):
    """Tokens of single words; `unsure` maps a word to its probability."""
    caption = " ".join(words)
    return caption, token_scores(caption, words, [math.log((unsure or {}).get(word, 1.0)) for word in words])


def test_tokens_are_placed_in_the_caption():
    caption, pieces = "a light-blue cell.", [" a", " light", "-", "blue", "", " cell", " ."]
    scores = token_scores(caption, pieces, [0.0] * 7)
    assert [caption[token.start : token.end] for token in scores] == ["a", "light", "-", "blue", "", "cell", "."]
    assert token_scores("", [], []) == []
    assert token_scores("", ["", ""], [0.0, -1.0]) == [(0, 0, 0.0), (0, 0, -1.0)]
    with pytest.raises(DataError, match="2 pieces of text but 1"):
        token_scores("a b", ["a", "b"], [0.0])


def test_tokens_are_placed_where_decoding_changes_more_than_white_space():
    caption, pieces = "they don't, 5 µm", ["they", " do", " not", ",", " 5", " ", "\ufffd", "\ufffd", "m"]
    scores = token_scores(caption, pieces, [0.0] * 9)
    written = [caption[token.start : token.end] for token in scores]
    assert written[0] == "they" and written[3:5] == [",", "5"] and written[-1] == "m"
    assert "".join(written) == "".join(caption.split())


def test_each_statement_has_the_confidence_of_its_own_words():
    words = "a large neutrophil with coarse chromatin , no vacuoles and small pink granules"
    caption, tokens = tokens_of(words.split(), {"large": 0.5, "coarse": 0.25, "no": 0.6, "pink": 0.7, "with": 0.01})
    sure = attribute_confidences(caption, tokens)
    assert sure["cell_size"] == pytest.approx(0.5)
    assert sure["chromatin"] == pytest.approx(0.25)
    assert sure["cytoplasm_vacuoles"] == pytest.approx(0.6)
    assert sure["granule_colour"] == pytest.approx(0.7)
    assert sure["cell_type"] == pytest.approx(1.0)
    assert sure["diagnosis"] is None
    assert {key for key, value in sure.items() if value is not None} == {
        key for key, value in extract_attributes(caption).items() if value is not None
    }


def test_a_statement_is_as_sure_as_its_least_sure_token():
    caption, tokens = tokens_of(["an", "atypical", "lymphocyte"], {"atypical": 0.5, "lymphocyte": 0.9})
    assert attribute_confidences(caption, tokens)["cell_type"] == pytest.approx(0.5)


def test_every_stated_attribute_of_the_templates_has_a_confidence():
    for caption in rows(60)["caption"]:
        text, tokens = tokens_of(caption.split(" "), {})
        stated = {key for key, value in extract_attributes(text).items() if value}
        assert {key for key, value in attribute_confidences(text, tokens).items() if value is not None} == stated


def test_a_caption_has_the_geometric_mean_of_its_tokens():
    _, tokens = tokens_of(["a", "cell"], {"a": 0.9, "cell": 0.4})
    assert caption_confidence(tokens) == pytest.approx(0.6)
    assert caption_confidence([]) is None


def test_calibration_error_is_the_mean_gap():
    sure, right = np.array([0.9, 0.9, 0.9, 0.9, 0.3]), np.array([True, True, False, False, True])
    assert expected_calibration_error(sure, right, bins=10) == pytest.approx((4 * 0.4 + 1 * 0.7) / 5)
    assert reliability(sure, right, bins=10)["count"].tolist() == [1, 4]
    assert expected_calibration_error(np.ones(3), np.ones(3, dtype=bool)) == 0
    assert expected_calibration_error(sure[:0], right[:0]) is None


def test_a_temperature_above_one_brings_confidences_nearer_to_one_half():
    assert scaled(np.array([0.9, 0.5, 0.1]), 2.0) == pytest.approx([0.75, 0.5, 0.25])  # odds of 9 become 3


def test_the_temperature_takes_overconfidence_away():
    table = confident_rows(1500)
    columns = [name for name in table.columns if name.startswith(CONFIDENCE_PREFIX)]
    honest = table[columns].astype(float)
    boastful = table.assign(**{name: scaled(honest[name].to_numpy(), 1 / 3) for name in columns})
    temperatures = fit_temperatures(boastful)
    assert temperatures["cell_size"] == pytest.approx(3, rel=0.2)
    assert temperatures["diagnosis"] is None
    after = calibrated(boastful, temperatures)
    errors = [confidence_scores(one)["cell_size"]["ece"] for one in (boastful, after)]
    assert errors[1] < 0.05 < errors[0]


def test_there_is_no_temperature_where_all_is_right_or_all_is_wrong():
    sure = np.array([0.4, 0.9])
    assert fit_temperature(sure, np.ones(2, dtype=bool)) is None
    assert fit_temperature(sure, np.zeros(2, dtype=bool)) is None
    assert fit_temperature(sure[:0], np.ones(0, dtype=bool)) is None
    assert fit_temperature(np.full(100, 0.4), np.arange(100) > 5) is None  # right, yet less sure than one half
    assert np.isfinite(scaled(np.array([0.0, 1.0]), 2.0)).all()


def test_risk_falls_with_coverage_if_confidence_means_something():
    curve = risk_coverage(np.array([0.9, 0.8, 0.8, 0.1]), np.array([True, True, False, False]))
    assert curve["threshold"].tolist() == [0.9, 0.8, 0.1]
    assert curve["coverage"].tolist() == [0.25, 0.75, 1.0]
    assert curve["risk"].tolist() == pytest.approx([0, 1 / 3, 1 / 2])
    right = np.array([True, True, False, False])
    assert area_under_risk(np.array([4, 3, 2, 1]) / 4, right) < area_under_risk(np.array([1, 2, 3, 4]) / 4, right)
    alike = np.array([0.9, 0.5, 0.5, 0.5])  # a quarter of the statements at no risk, then three at once
    assert area_under_risk(alike, np.array([True, False, True, True])) == pytest.approx(3 / 4 * 1 / 4)
    assert risk_coverage(np.zeros(0), np.zeros(0, dtype=bool)).empty


def test_the_chosen_risk_holds_as_often_as_it_is_certain():
    random, held, silent = np.random.default_rng(0), 0, 0
    for _ in range(300):
        sure = random.uniform(0.3, 1, 600)
        threshold = threshold_for_risk(sure, random.random(600) < sure, 0.2, 0.9)
        silent += threshold is None
        # Statements are right as often as they are sure: what is stated is wrong as often as the mean says.
        held += threshold is None or 1 - (threshold + 1) / 2 <= 0.2
    assert held >= 270 and silent <= 30


@pytest.mark.parametrize(
    ("count", "wrong", "silent"),
    [(1000, 0.01, 0.0), (1000, 0.03, 0.1), (1000, 0.05, 0.99), (300, 0.01, 0.03), (300, 0.03, 0.58), (300, 0.05, 0.99)],
)
def test_what_is_well_within_the_risk_is_not_silenced(count, wrong, silent):
    """Statements whose confidence says nothing: the question is only whether so many errors pass."""
    found = promised(count, wrong, 0, 400)
    assert found.silenced <= silent
    assert found.broken <= 0.1  # exactly the risk: to be made in no more draws than is promised


@pytest.mark.parametrize("wrong", [0.0501, 0.08, 0.15])
@pytest.mark.parametrize("slope", [1, 3])
def test_the_choice_among_thresholds_costs_nothing_of_the_promise(wrong, slope):
    """All statements are wrong too often, the surest are not: each threshold in between could be the wrong one."""
    assert promised(600, wrong, slope, 300).broken <= 0.1


def test_the_doubt_of_all_thresholds_is_that_of_one():
    assert sum(DOUBT.values()) == pytest.approx(1) and list(DOUBT) == sorted(DOUBT)


def test_doubt_goes_on_from_what_was_bounded():
    """17 of 500 are wrong: too many for the part of all alone, few enough if the surest of them were bounded before."""
    right = ~np.isin(np.arange(500), np.arange(483, 500))
    assert threshold_for_risk(np.linspace(1, 0.5, 500), right, 0.05) == pytest.approx(0.5)

    # What did not bound is spent: the surest 175 of 700 are bounded, not 280, and not all with 25 wrong.
    wrong = [*range(180, 270, 10), *range(300, 410, 10), *range(500, 550, 10)]
    spent = ~np.isin(np.arange(700), wrong)
    assert threshold_for_risk(1 - np.arange(700) / 1000, spent, 0.05) == pytest.approx(1 - 0.174)
    scattered = ~np.isin(np.arange(500), np.arange(0, 340, 20))
    assert threshold_for_risk(np.linspace(1, 0.5, 500), scattered, 0.05) is None


@pytest.mark.parametrize("count", [150, 400])
def test_the_promise_holds_for_groups_whose_statements_are_wrong_together(count):
    """One patient in twelve is described wrongly throughout: 8 % wrong, a twelfth of the groups."""
    random, broken, naive, possible = np.random.default_rng(2), 0, 0, 0
    for _ in range(200):
        group = np.repeat(np.arange(count), 8)
        bad = random.random(count) < 1 / 12
        right = np.where(bad[group], random.random(len(group)) < 0.1, True)
        sure = random.random(len(group))
        broken += threshold_for_risk(sure, right, 0.07, 0.9, group) is not None
        naive += threshold_for_risk(sure, right, 0.07, 0.9) is not None
        possible += threshold_for_risk(sure, random.random(len(group)) > 0.01, 0.07, 0.9, group) is not None
    assert broken / 200 <= 0.1 and possible / 200 >= 0.95
    assert naive > broken  # statements of a patient are no independent draws


def test_what_is_promised_is_said_with_the_number_of_groups():
    table = confident_rows(60)
    assert "drawn independently." in promise(table, 0.05) and groups_of(table, 0.05) is None
    few = table.assign(group=[f"p{number % 12}" for number in range(60)])
    assert groups_of(few, 0.05) is None
    assert promise(few, 0.05).endswith(f"takes {fewest_groups(0.05)} of them, and validation has 12.")
    assert 0.95 ** fewest_groups(0.05) <= 0.04 < 0.95 ** (fewest_groups(0.05) - 1)
    many = confident_rows(300)
    many = many.assign(group=[f"p{number % 150}" for number in range(300)])
    assert groups_of(many, 0.05) == 150 and "of which validation has 150" in promise(many, 0.05)
    assert fit_thresholds(many, 0.5)["cell_size"] is not None


def test_too_few_cells_prove_nothing():
    sure, right = np.ones(5), np.ones(5, dtype=bool)
    assert threshold_for_risk(sure, right, 0.1) is None
    assert threshold_for_risk(np.ones(50), np.ones(50, dtype=bool), 0.1) == 1.0
    with pytest.raises(ConfigError, match="risk 0"):
        threshold_for_risk(sure, right, 0)


def test_abstention_says_less_and_nothing_else():
    table = confident_rows(400)
    silent = abstain(table, fit_thresholds(table, 0.25, 0.8))
    assert len(silent) == len(table)
    for before, after in zip(table.to_dict("records"), silent.to_dict("records"), strict=True):
        assert extract_attributes(after["caption"]) == {key: after[key] for key in KEYS}
        lost = [key for key in KEYS if after[key] != before[key]]
        assert all(after[key] is None for key in lost)
        assert bool(lost) == (after["caption"] != before["caption"])
    before, after = attribute_scores(table), attribute_scores(silent)
    for key in ("cell_size", "chromatin"):
        assert after.loc[key, "coverage"] < 1
        assert after.loc[key, "selective_accuracy"] > before.loc[key, "selective_accuracy"]


def test_without_thresholds_nothing_is_said():
    silent = abstain(confident_rows(5), dict.fromkeys(KEYS))
    assert silent[list(KEYS)].isna().all(axis=None)
    assert silent["caption"].nunique() == 1


def test_rows_without_confidences_are_one_line():
    with pytest.raises(DataError, match="missing column confidence_cell_type"):
        confidence_scores(rows(5))
    with pytest.raises(DataError, match="outside 0 to 1"):
        confidence_scores(confident_rows(5).assign(confidence_cell_size=-0.3))


@pytest.mark.parametrize(
    ("caption", "unsure"),
    [
        ("a monocyte with vacuoles absent", "absent"),
        ("a monocyte . vacuoles are not observed .", "not"),
        ("a monocyte . vacuoles are observed .", "observed"),
        ("a monocyte , no vacuoles", "no"),
        ("a monocyte ; vacuoles present", "present"),
    ],
)
def test_whether_something_is_there_is_as_sure_as_the_word_that_decides_it(caption, unsure):
    text, tokens = tokens_of(caption.split(), {unsure: 0.25})
    assert attribute_confidences(text, tokens)["cytoplasm_vacuoles"] == pytest.approx(0.25)
    assert attribute_confidences(text, tokens)["cell_type"] == pytest.approx(1.0)


def test_equally_sure_statements_are_made_or_left_out_together():
    """The first half of them is right: taken apart, it would look like a safe choice."""
    right = np.arange(400) < 200
    assert threshold_for_risk(np.full(400, 0.9), right, 0.05) is None


def test_groups_that_are_wrong_more_often_than_the_risk_have_no_threshold():
    confidence, right = np.linspace(0.5, 1, 300), np.arange(300) % 2 == 0
    assert threshold_for_risk(confidence, right, 0.05, groups=[str(place // 2) for place in range(300)]) is None
