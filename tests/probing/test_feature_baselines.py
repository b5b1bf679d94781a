import numpy as np
import pytest
from metrics.drawn import confident_rows, manifest, row, rows

from hemblip.errors import DataError
from hemblip.metrics import attribute_scores, score
from hemblip.metrics.baselines import MAJORITY, MODAL, majority_baseline, modal_caption_baseline
from hemblip.morphology import KEYS, SCHEMA, describe, extract_attributes
from hemblip.predictions import (
    CONFIDENCE_PREFIX,
    TRUE_PREFIX,
    check,
    prediction_table,
    read_predictions,
    write_predictions,
)
from hemblip.probing.feature_baselines import NEAREST, baselines, classifier_baseline, nearest_caption_baseline
from hemblip.reporting.tables import UNANNOTATED, score_table


def features_of(table, noise=0.0):
    """The annotation itself as numbers, blurred."""
    parts = [(table[TRUE_PREFIX + key] == value).to_numpy() for key in KEYS for value in SCHEMA[key]]
    exact = np.stack(parts, axis=1).astype(np.float32)
    return exact + np.random.default_rng(0).normal(0, noise, exact.shape).astype(np.float32)


def test_the_majority_value_is_right_as_often_as_it_is_the_value():
    table = rows(100)
    answers = majority_baseline(manifest(table), table)
    for key, accuracy in attribute_scores(answers)["accuracy"].items():
        assert accuracy == pytest.approx(table[TRUE_PREFIX + key].value_counts(normalize=True).max())


def test_the_modal_caption_is_said_of_every_cell():
    made = [row(str(i), {"cell_size": size}, "") for i, size in enumerate(["small", "small", "large"])]
    table = prediction_table(made)
    answers = modal_caption_baseline(manifest(table), table)
    assert answers["caption"].tolist() == [describe({"cell_size": "small"})] * 3
    assert score(answers)["accuracy"] == pytest.approx(2 / 3)


def test_the_majority_baseline_is_not_told_what_is_annotated():
    table = prediction_table([row("a", {"cell_size": "small"}, ""), row("b", {"diagnosis": "AML"}, "")])
    scores = score(majority_baseline(manifest(table), table))
    size = scores["attributes"]["cell_size"]
    assert (size["accuracy"], size["hallucination"]) == (1, 0.5) and scores["accuracy"] is None


def test_where_all_captions_differ_the_modal_one_is_of_the_commonest_kind():
    small, large = {"cell_size": "small", "chromatin": "open"}, {"cell_size": "large", "chromatin": "open"}
    table = prediction_table([row(str(i), truth, "") for i, truth in enumerate([large, small, small])])
    said = [["A large cell."], ["z"], ["Small, open chromatin."]]
    captions = modal_caption_baseline(manifest(table).assign(captions=said), table)["caption"]
    assert set(captions) == {"Small, open chromatin."}
    kinds = [large, small, {"cell_size": "small", "chromatin": "dense"}]
    table = prediction_table([row(str(i), truth, "") for i, truth in enumerate(kinds)])
    said = [["A large cell."], ["Small, open chromatin."], ["A dense nucleus."]]
    captions = modal_caption_baseline(manifest(table).assign(captions=said), table)["caption"]
    assert set(captions) == {"Small, open chromatin."}  # its values are each shared with another cell


def test_of_cells_without_annotations_only_captions_are_told():
    table = prediction_table([row(str(i), {}, "") for i in range(6)])
    training = manifest(table).assign(captions=[["A blast."], ["Odd."], ["Odd."]] * 2)
    features = np.eye(6, dtype=np.float32)
    made = baselines(training, table, features, features)
    assert list(dict.fromkeys(made["model"])) == [MODAL, NEAREST]
    assert UNANNOTATED in (said := score_table("test", score(made[made["model"] == MODAL]), {}))
    assert "accuracy" not in said and "macro-F1" not in said


@pytest.mark.parametrize("style", [0, 3])
def test_templates_are_filled_in_the_style_of_the_references(style):
    made = [row(str(i), {"cell_size": size, "chromatin": "open"}, "") for i, size in enumerate(["small", "large"] * 4)]
    table = prediction_table(made)
    captions = [describe({"cell_size": size, "chromatin": "open"}, style) for size in ["small", "large"] * 4]
    training = manifest(table).assign(captions=[[caption] for caption in captions])
    features = features_of(table)
    assert classifier_baseline(training, table, features, features)["caption"].tolist() == captions
    assert set(majority_baseline(training, table)["caption"]) <= set(captions)


def test_the_nearest_cell_lends_its_caption():
    table = rows(50)
    order = np.random.default_rng(1).permutation(50)
    training = manifest(table).iloc[order]
    answers = nearest_caption_baseline(training, table, features_of(table)[order], 2 * features_of(table))
    assert answers["caption"].tolist() == table["reference"].tolist()


def test_the_classifier_reads_what_features_tell_and_leaves_out_what_is_not_annotated():
    table = rows(300, error=1.0)
    answers = classifier_baseline(manifest(table), table, features_of(table, 0.1), features_of(table, 0.1))
    scores = score(answers)
    assert scores["accuracy"] > 0.9 > score(majority_baseline(manifest(table), table))["accuracy"]
    assert scores["attributes"]["chromatin"]["hallucination"] < 0.05
    for cell in answers.to_dict("records"):
        assert extract_attributes(cell["caption"]) == {key: cell[key] for key in KEYS}
    sure = answers[CONFIDENCE_PREFIX + "chromatin"]
    assert (sure.notna() == answers["chromatin"].notna()).all() and sure.dropna().between(0, 1).all()


def test_all_baselines_are_rows_that_can_be_written_and_read(tmp_path):
    table = confident_rows(30)
    made = baselines(manifest(table), table, features_of(table), features_of(table))
    assert made["model"].nunique() == 4 and len(made) == 120
    write_predictions(made, tmp_path / "test.parquet")
    back = read_predictions(tmp_path / "test.parquet")
    check(back, "here")
    for _, some in back.groupby("model"):
        assert score(some)["cells"] == 30
    assert set(baselines(manifest(table), table)["model"]) == {MAJORITY, MODAL}


def test_the_confidences_of_the_captioner_are_not_the_baselines():
    table = confident_rows(10)
    assert CONFIDENCE_PREFIX + "cell_size" not in majority_baseline(manifest(table), table)


def test_an_attribute_with_one_value_in_training_is_answered_with_it():
    table = prediction_table([row(str(i), {"diagnosis": "AML"}, "") for i in range(4)])
    features = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    scores = score(classifier_baseline(manifest(table), table, features, features))
    assert scores["attributes"]["diagnosis"]["accuracy"] == 1 and scores["single_valued"] == ["diagnosis"]


def test_mistakes_are_one_line():
    table = rows(10)
    training, features = manifest(table), features_of(table)
    with pytest.raises(DataError, match="no training cells"):
        nearest_caption_baseline(training.head(0), table, features[:0], features)
    with pytest.raises(DataError, match=r"training_features has shape \(9, .*for 10 cells"):
        classifier_baseline(training, table, features[:9], features)
    with pytest.raises(DataError, match="one backbone"):
        nearest_caption_baseline(training, table, features, features[:, :5])
    with pytest.raises(DataError, match="not finite"):
        nearest_caption_baseline(training, table, features * np.nan, features)
    with pytest.raises(DataError, match="has no caption"):
        modal_caption_baseline(training.assign(captions=[[]] * 10), table)
