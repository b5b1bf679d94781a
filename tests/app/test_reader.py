"""What the page says of cells, without a browser."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from reporting.run_folders import make_run, manifests

import hemblip
from hemblip.app.alike import AlikeCells
from hemblip.app.corrections import statements_of, write_corrections
from hemblip.app.reader import NO_VALIDATION, Reader
from hemblip.app.serve import is_loopback
from hemblip.app.uploads import MOST_FILES, describe_uploads, read_uploads
from hemblip.app.where import where
from hemblip.cli.main import main
from hemblip.data.sources import Manifest
from hemblip.errors import DataError
from hemblip.explain.statement import as_batch
from hemblip.models.familiarity import Familiarity, features_of, sample_of
from hemblip.morphology import KEYS
from hemblip.reporting.described import cards, page
from hemblip.reporting.sure_marks import in_percent, mark_of, marked
from hemblip.run import TRAINING_CELLS, Run

CELLS = sorted((Path(hemblip.__file__).parent / "data" / "cells").glob("*.jpg"))


@pytest.fixture(scope="module")
def reader():
    return Reader("wbcatt-compact")


@pytest.fixture(scope="module")
def described(reader):
    return reader.describe([(path.name, str(path)) for path in CELLS[:3]])


def test_cells_are_described_as_by_the_front_door(reader, described):
    told = hemblip.load("wbcatt-compact").describe([str(path) for path in CELLS[:3]])
    assert [cell.caption for cell in described] == [one.caption for one in told]
    assert described[0].seen.shape == (112, 112, 3) and described[0].confidence == told[0].confidence
    assert "never seen leukemic cells" in reader.warning


def test_examples_are_the_cells_that_a_run_was_tested_on(reader, tmp_path):
    assert [name for name, _ in reader.examples] == [path.name for path in CELLS[::2]]
    run = make_run(tmp_path / "run" / "version_0", manifests(cells=40), 0.9)
    tested = object.__new__(Reader)
    tested.run = Run(run)
    rows = tested.run.predictions("test")
    examples = tested.examples
    assert len(examples) == 6 and {name for name, _ in examples} <= set(rows["cell_id"])
    assert len(set(rows.set_index("cell_id").loc[[name for name, _ in examples], "reference"])) == 6
    assert all(pixels.ndim == 3 for _, pixels in examples)


def test_a_risk_needs_validation_captions(reader, described):
    assert reader.promise(0.05) == NO_VALIDATION and reader.shortened(described, 1.0) == described
    with pytest.raises(DataError, match="validation cells"):
        reader.shortened(described, 0.05)


def test_with_validation_captions_fall_silent_as_the_risk_falls(reader, described, monkeypatch):
    other = Reader("wbcatt-compact")
    monkeypatch.setattr(other, "_thresholds", lambda risk: {**dict.fromkeys(KEYS), "cell_type": 0.1})
    monkeypatch.setattr(Reader, "validation", pd.DataFrame())
    shorter = other.shortened(described, 0.05)[0]
    assert shorter.attributes["cell_type"] and "cell_size" in shorter.left_out and len(shorter.caption) < 60
    assert set(shorter.confidence) == {"cell_type"}
    far = other.shortened([replace(described[0], unlike=1.0)], 0.05)[0]  # nothing was promised of such cells
    assert far.caption == "" and "cell_type" in far.left_out and not far.confidence


def test_questions(reader, described):
    found = reader.ask("Is the nucleus lobed?", described)
    assert found["cell_id"].tolist() == [cell.name for cell in described] and set(found["answer"]) <= {"yes", "no"}
    assert reader.ask("Is it leukemic?", described) is None and reader.ask("Who won?", described) is None


def test_corrections_are_read_as_annotations(described, workplace):
    table = statements_of(described)
    table.loc[0, "cell_type"] = "eosinophil"
    table.loc[1, "cell_size"] = ""
    csv, parquet = write_corrections(table, described, Path("made"))
    for path in (csv, parquet):
        assert main(["score", str(path), "--output", f"scores{path.suffix}"]) == 0
        cells = Manifest(str(path)).records()  # what `fit` trains on
        assert cells.loc[0, "cell_type"] == "eosinophil" and cells.loc[1, "cell_size"] is None
        assert cells["captions"].tolist() == [[]] * len(cells) and cells["image"].tolist() == cells["cell_id"].tolist()
    kept, same = pd.read_csv(csv), pd.read_parquet(parquet)
    assert same.fillna("").astype(str).equals(kept.fillna("").astype(str)) and pd.isna(kept.loc[1, "cell_size"])
    assert kept.loc[0, "cell_type"] == "eosinophil" and kept["caption"].tolist() == [one.caption for one in described]
    for changed, said in (({"cell_type": "leucocyte"}, "cell_type is 'leucocyte'"), ({"cell_id": "x"}, "cell 'x'")):
        with pytest.raises(DataError, match=said):
            write_corrections(table.assign(**changed), described, Path("made"))


def test_uploads_are_read_once_and_from_the_pages_folder_only(reader, tmp_path):
    folder, outside = tmp_path / "up", tmp_path / "other.jpg"
    folder.mkdir()
    files = [folder / "a.jpg", folder / "torn.png", folder / "notes.txt"]
    files[0].write_bytes(CELLS[0].read_bytes())
    files[1].write_bytes(b"\x89PNG torn")
    files[2].write_text("text")
    cells, flaws = describe_uploads(reader, list(map(str, files)), folder)
    assert [cell.name for cell in cells] == ["a.jpg"] and len(flaws) == 2 and "no image; give" in flaws[1]
    assert not any(file.exists() for file in files) and str(folder) not in " ".join(flaws)
    outside.write_bytes(CELLS[0].read_bytes())
    for path in (outside, folder / ".." / "other.jpg"):
        with pytest.raises(DataError, match="lies outside of the page's folder"):
            read_uploads([str(path)], folder)
    assert outside.exists()
    with pytest.raises(DataError, match="201 files are more than the 200"):
        read_uploads([str(folder / f"{number}.png") for number in range(MOST_FILES + 1)], folder)


def test_text_on_the_page_is_escaped_and_sureness_is_told_in_words(described):
    cell = described[0]
    object.__setattr__(cell, "name", "<script>alert(1)</script>")
    told = cards([cell], ["<b>torn</b>"])
    assert "<script>" not in told and "<b>torn" not in told and "&lt;script&gt;" in told
    assert "very sure" in told and "data:image/png;base64," in told
    whole = page([cell], "mine & yours", "", "", total=5)
    assert "Research software, not for diagnosis." in whole and "1 of 5 cells, those unlike" in whole
    assert "Model: <code>mine &amp; yours</code>" in whole and "http" not in whole.replace("http-equiv", "")


def test_marks():
    assert [mark_of(value).words for value in (0.95, 0.8, 0.5, 0.49)] == [
        "very sure",
        "fairly sure",
        "unsure",
        "little more than a guess",
    ]
    assert (in_percent(0.999), in_percent(0.5), in_percent(None)) == ("above 99 %", "50 %", "unknown")
    pieces = marked("A large monocyte.", {"cell_size": 0.4, "cell_type": 0.99})
    assert "".join(piece.text for piece in pieces) == "A large monocyte."
    assert [(piece.text, piece.mark.style) for piece in pieces if piece.mark] == [
        ("large", "guess"),
        ("monocyte", "sure"),
    ]
    joined = [piece.text for piece in marked("It contains vacuoles and no granules.", {}) if piece.mark]
    assert joined == ["contains vacuoles", "no granules"]
    assert np.all([is_loopback(host) for host in ("127.0.0.1", "localhost", "::1")]) and not is_loopback("0.0.0.0")


def test_a_statement_is_shown_by_the_quickest_faithful_method_and_in_words_where_none_is(reader, described):
    cell = described[0]
    stated = [key for key in KEYS if cell.attributes[key]]
    rows = [(method, stated[0], 40, method != "attention") for method in ("attention", "integrated", "occlusion")]
    rows += [("attention", stated[1], 40, False), ("integrated", stated[1], 40, False)]
    trial = pd.DataFrame(rows, columns=["method", "key", "cells", "faithful"])
    shown = where(reader.captioner, cell, [stated[0]], trial)
    assert "(integrated gradients; such" in shown.said and shown.picture.startswith("data:image/webp;base64,")
    barred = where(reader.captioner, cell, [stated[1]], trial)
    assert (
        barred.picture is None
        and "Tested on 40 cells, attention times gradient and integrated gradients did no better" in barred.said
    )
    assert "never tested" in where(reader.captioner, cell, [stated[2]], trial).said
    assert "nobody has tested" in where(reader.captioner, cell, [stated[0]], None).said
    assert where(reader.captioner, cell, stated[:2], trial).picture == shown.picture


def test_statements_are_buttons_where_a_page_can_answer_only(described):
    told = cards(described, asked=True)
    assert 'data-cell="1" data-about="' in told and 'role="status"' in told
    assert "<button" not in cards(described) and "data-cell" not in cards(described)


def test_the_nearest_training_cells_are_shown_with_their_annotation(reader, described, tmp_path, monkeypatch):
    rows = [{"cell_id": path.name, "image": str(path), "bbox": None, "width_factor": 1.0} for path in CELLS]
    table = pd.DataFrame(rows).assign(cell_type="eosinophil", chromatin=None)
    table.to_parquet(tmp_path / TRAINING_CELLS)
    cells = reader.describe([(name, str(CELLS[number])) for number, name in enumerate(table["cell_id"])])
    seen = {name: one.seen for name, one in zip(table["cell_id"], cells, strict=True)}
    order = [table["cell_id"][place] for place in sample_of(table["cell_id"].tolist())]
    images = torch.stack([torch.from_numpy(seen[name]).permute(2, 0, 1).float() for name in order])
    features = features_of(reader.captioner, [as_batch(images)])
    monkeypatch.setattr(reader.captioner, "familiarity", Familiarity.of(features, features))
    found = AlikeCells(reader.captioner, tmp_path).of(described)
    assert [near[0].name for near in found] == [path.name for path in CELLS[:3]] and {len(n) for n in found} == {3}
    assert found[0][0].annotation == {"cell_type": "eosinophil"}
    assert "Looks like these training cells" in cards([replace(described[0], alike=found[0])])
    table.iloc[1:].to_parquet(tmp_path / TRAINING_CELLS)
    assert AlikeCells(reader.captioner, tmp_path).of(described) == [()] * 3


def test_the_captioner_that_comes_along_shows_maps_where_its_trial_found_them_faithful(reader, described):
    faithful = set(reader.trial.loc[reader.trial["faithful"], "key"])
    assert "chromatin" in faithful and "cell_type" not in faithful
    for key in ("chromatin", "cell_type"):
        assert (reader.where(described[0], [key]).picture is not None) == (key in faithful)
