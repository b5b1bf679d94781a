"""The table of predictions."""

import pandas as pd
import pytest

from hemblip.errors import DataError
from hemblip.morphology import KEYS
from hemblip.predictions import (
    COLUMNS,
    CONFIDENCE_KEYS,
    TRUE_PREFIX,
    captions_path,
    captions_table,
    prediction_table,
    read_predictions,
    write_captions,
    write_predictions,
)


def row(cell, **changes):
    known = dict.fromkeys([*KEYS, *(TRUE_PREFIX + key for key in KEYS)])
    texts = {"split": "test", "source": "s", "group": "g", "image": "i.png", "model": "m"}
    return {**known, **texts, "cell_id": cell, "reference": "a", "caption": "b", "confidence": 0.5, **changes}


def test_each_cell_has_one_row_in_order(tmp_path):
    table = prediction_table([row("b"), row("a", chromatin="open"), row("b")])
    assert table["cell_id"].tolist() == ["a", "b"] and list(table.columns) == list(COLUMNS)
    write_predictions(table, tmp_path / "new" / "test.parquet")
    again = read_predictions(tmp_path / "new" / "test.parquet")
    assert again["chromatin"].tolist() == ["open", None]
    with pytest.raises(DataError, match="missing column caption"):
        prediction_table([{name: value for name, value in row("a").items() if name != "caption"}])


def test_predictions_that_cannot_be_read(tmp_path):
    path = tmp_path / "test.parquet"
    with pytest.raises(DataError, match="no predictions"):
        read_predictions(path)
    path.write_text("no table")
    with pytest.raises(DataError, match="not a readable Parquet file"):
        read_predictions(path)
    write_predictions(prediction_table([]), path)
    with pytest.raises(DataError, match="holds no rows"):
        read_predictions(path)
    for rows, says in (
        ([row("a"), row("a")], "cell 'a' of model 'm' more than once"),
        ([row("a", chromatin="fluffy")], "chromatin holds 'fluffy'; the schema has open,"),
        ([row("a", true_chromatin="fluffy")], "true_chromatin holds 'fluffy'"),
        ([row("a", confidence=-0.7)], r"confidence holds -0\.7; a confidence is a probability"),
        ([row("a", confidence_chromatin=7.0)], r"confidence_chromatin holds 7\.0"),
    ):
        pd.DataFrame(rows).to_parquet(path)
        with pytest.raises(DataError, match=rf"test\.parquet: .*{says}"):
            read_predictions(path)


def test_a_caption_that_is_null_is_empty(tmp_path):
    pd.DataFrame([row("a", caption=None), row("b")]).to_parquet(tmp_path / "test.parquet")
    assert read_predictions(tmp_path / "test.parquet")["caption"].tolist() == ["", "b"]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_captions_are_written_with_what_they_state(tmp_path, suffix):
    manifest = pd.DataFrame({"cell_id": ["a", "b"], "image": ["a.png", "b.png"]})
    sure = {"confidence": 0.5, **dict.fromkeys(CONFIDENCE_KEYS), "confidence_cell_type": 0.75}
    rows = [{"cell_id": cell, "caption": "A large monocyte.", **sure} for cell in "ba"]
    path = tmp_path / f"captions.{suffix}"
    write_captions(captions_table(pd.DataFrame(rows), manifest), path)
    table = pd.read_csv(path) if suffix == "csv" else pd.read_parquet(path)
    assert table["cell_id"].tolist() == ["a", "b"]
    assert table.loc[0, ["image", "cell_type", "cell_size"]].tolist() == ["a.png", "monocyte", "large"]
    assert table["confidence_cell_type"].tolist() == [0.75, 0.75] and table["confidence_cell_size"].isna().all()


def test_where_captions_cannot_go_is_told_before_they_are_made(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder.csv").mkdir()
    for name, said in (("a.txt", "neither"), ("file/a.csv", "cannot be written"), ("folder.csv", "is a folder")):
        with pytest.raises(DataError, match=said):
            captions_path(str(tmp_path / name))
    assert captions_path(str(tmp_path / "new" / "a.csv")).parent.is_dir() and not list((tmp_path / "new").iterdir())
