import pandas as pd
import pytest
from metrics.drawn import row, rows
from sklearn.metrics import f1_score, recall_score

from hemblip.errors import DataError
from hemblip.metrics import score
from hemblip.metrics.attributes import SILENT, attribute_scores, confusion_matrix, exact_match
from hemblip.metrics.incompatible import RULES, contradictions, incompatible_statements
from hemblip.metrics.plausible import NEIGHBOURS, is_plausible
from hemblip.morphology import KEYS, SCHEMA, STYLES, describe, extract_attributes
from hemblip.predictions import TRUE_PREFIX, prediction_table


def four_cells():
    return prediction_table(
        [
            row("a", {"cell_size": "small"}, "A small cell."),
            row("b", {"cell_size": "small"}, "A medium-sized cell."),
            row("c", {"cell_size": "large"}, "A cell with vacuoles."),
            row("d", {"cytoplasm_vacuoles": "absent"}, "A large cell with vacuoles."),
        ]
    )


def test_each_score_counts_what_it_says():
    size = attribute_scores(four_cells()).loc["cell_size"]
    assert size["count"] == 3
    assert size["coverage"] == pytest.approx(2 / 3)
    assert size["omission"] == pytest.approx(1 / 3)
    assert size["selective_accuracy"] == pytest.approx(1 / 2)
    assert size["accuracy"] == pytest.approx(1 / 3)
    assert size["balanced_accuracy"] == pytest.approx((1 / 2 + 0) / 2)
    assert size["macro_f1"] == pytest.approx((2 / 3 + 0) / 2)
    assert size["plausible"] == pytest.approx(1 / 3)
    assert size["hallucination"] == pytest.approx(1 / 4)  # d has no annotation of its size
    assert size["hallucination_possible"] == pytest.approx(1 / 4)


def test_stating_the_opposite_of_a_negative_value_is_a_hallucination_and_the_negative_value_is_not():
    vacuoles = attribute_scores(four_cells()).loc["cytoplasm_vacuoles"]
    assert vacuoles["hallucination"] == pytest.approx(2 / 4)
    honest = prediction_table([row("a", {"cell_size": "small"}, "A small cell without vacuoles.")])
    assert score(honest)["unannotated"]["cytoplasm_vacuoles"] == 0


def test_f1_and_recall_are_scikit_learns():
    table = rows(200)
    scores = attribute_scores(table)
    for key in KEYS:
        some = table[table[TRUE_PREFIX + key].notna()]
        gold, said = some[TRUE_PREFIX + key], some[key].fillna(SILENT)
        settings = {"labels": sorted(set(gold)), "average": "macro", "zero_division": 0}
        assert scores.loc[key, "macro_f1"] == pytest.approx(f1_score(gold, said, **settings))
        assert scores.loc[key, "balanced_accuracy"] == pytest.approx(recall_score(gold, said, **settings))


def test_a_caption_is_exact_if_all_annotated_attributes_are_right_whatever_else_it_says():
    table = prediction_table(
        [
            row("a", {"cell_size": "small"}, "A small neutrophil."),
            row("b", {"cell_size": "small", "chromatin": "open"}, "A small neutrophil."),
            row("c", {}, "A small neutrophil."),
        ]
    )
    assert exact_match(table) == pytest.approx(1 / 2)
    assert exact_match(table[table["cell_id"] == "c"]) is None


def test_the_confusion_matrix_shows_what_occurs_and_silence():
    matrix = confusion_matrix(four_cells(), "cell_size")
    assert matrix.index.tolist() == ["small", "large"]
    assert matrix.columns.tolist() == ["small", "medium", "large", SILENT]
    assert matrix.loc["small", "medium"] == 1 and matrix.loc["large", SILENT] == 1


def test_neighbours_are_declared_in_the_schemas_words_and_go_both_ways():
    for key, pairs in NEIGHBOURS.items():
        for pair, source in pairs.items():
            assert len(pair) == 2 and pair <= set(SCHEMA[key]) and source
    assert is_plausible("chromatin", "coarse", "open") and is_plausible("chromatin", "open", "coarse")
    assert is_plausible("nucleus_shape", "unsegmented-band", "unsegmented-indented")
    assert is_plausible("cell_type", "myeloblast", "monoblast")
    assert not is_plausible("cell_size", "small", "large")
    assert not is_plausible("cell_type", "neutrophil", "lymphoblast")
    assert not is_plausible("granules", "absent", "coarse")


def test_rules_are_declared_in_the_schemas_words():
    for rule in RULES:
        assert set(rule.values) <= set(SCHEMA[rule.key]) and set(rule.excluded) <= set(SCHEMA[rule.other])


def test_captions_that_contradict_themselves_are_counted():
    table = prediction_table(
        [
            row("a", {}, "A basophil with coarse red granules."),
            row("b", {}, "A basophil with coarse purple granules."),
            row("c", {}, "A myeloblast from a healthy donor."),
            row("d", {}, "A cell."),
        ]
    )
    assert incompatible_statements(table) == {
        "share": 0.5,
        "count": {"cell_type basophil + granule_colour red": 1, "diagnosis healthy + cell_type myeloblast": 1},
    }
    assert not contradictions(extract_attributes("A basophil with coarse purple granules."))


@pytest.mark.parametrize(
    "caption",
    [
        "An eosinophil with coarse red granules.",
        "An eosinophil with pink granules.",
        "A neutrophil without granules.",
        "An abnormal promyelocyte with a bilobed segmented nucleus.",
    ],
)
def test_what_is_only_rare_is_no_contradiction(caption):
    stated = extract_attributes(caption)
    assert len([value for value in stated.values() if value]) >= 2 and not contradictions(stated)


@pytest.mark.parametrize("style", range(STYLES))
def test_a_caption_that_repeats_the_annotation_has_no_error(style):
    table = rows(30)
    truths = table[[TRUE_PREFIX + key for key in KEYS]].set_axis(list(KEYS), axis=1).to_dict("records")
    captions = [describe(truth, style) for truth in truths]
    perfect = prediction_table(
        row(cell, truth, caption) for cell, truth, caption in zip(table["cell_id"], truths, captions, strict=True)
    )
    scores = score(perfect)
    assert scores["accuracy"] == scores["macro_f1"] == scores["exact_match"] == 1
    assert all(one["hallucination"] == 0 for one in scores["attributes"].values())


def test_classes_with_one_example_and_attributes_never_stated_have_no_nan():
    table = prediction_table([row("a", {"cell_size": "small", "diagnosis": "AML"}, "A cell.")])
    scores = score(table)
    size = scores["attributes"]["cell_size"]
    assert size["selective_accuracy"] is None and size["accuracy"] == 0 and size["coverage"] == 0
    nothing = score(prediction_table([row("a", {}, "A cell.")]))
    assert nothing["accuracy"] is None and nothing["exact_match"] is None and nothing["attributes"] == {}


def test_mistakes_in_the_table_are_one_line():
    table = four_cells()
    with pytest.raises(DataError, match="no prediction rows"):
        score(table.head(0))
    with pytest.raises(DataError, match="missing column chromatin"):
        score(table.drop(columns="chromatin"))
    with pytest.raises(DataError, match="cell_size holds 'huge'"):
        score(table.assign(cell_size=pd.Series(["huge"] * 4, dtype=object)))
