"""Blood Cell Atlas, described images, class folders."""

import os
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from hemblip.corpus.prepare import prepare
from hemblip.data.image_check import check_images
from hemblip.data.sources import BloodCellAtlas, CombinedCSV, Folder, LabelTable
from hemblip.data.sources.class_mapping import PUBLISHED
from hemblip.errors import DataError
from hemblip.morphology import KEYS


def image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.effect_noise((16, 16), 60).convert("RGB").save(path)


def atlas(folder, **changes):
    rows = [
        ("/home/someone/crops/page_4_img_3_healthy.jpg", "page_4_img_3_healthy.jpg", 4, "Lymphocyte", "healthy"),
        ("page_9_img_1_cancerous.jpg", "page_9_img_1_cancerous.jpg", 9, "Plasma cell", "cancerous"),
        ("page_9_img_2_cancerous.jpg", "page_9_img_2_cancerous.jpg", 9, "Myeloblast", "cancerous"),
    ]
    columns = ["image_path", "image_filename", "page_number", "cell_type", "binary_label"]
    table = pd.DataFrame(rows, columns=columns).assign(
        description=["small lymphocyte", "plasma cell", "prominent nucleoli"],
        full_text="Chapter 4.\nAcute myeloid leukemia has blasts\nwith vacuoles.",
        source="Mindray",
    )
    table = table.rename(columns=changes)
    table.to_csv(folder / "atlas.csv", index=False)
    for name in table.iloc[:, 1]:
        image(folder / "images" / name)
    return str(folder / "atlas.csv")


def test_atlas_cells_state_type_and_label_and_not_their_description(tmp_path):
    source = BloodCellAtlas(atlas(tmp_path))
    first, plasma, blast = source.records().to_dict("records")
    stated = {key: first[key] for key in KEYS if first[key]}
    assert stated == {"cell_type": "lymphocyte", "diagnosis": "healthy"}
    assert first["group"] == "blood_cell_atlas/page-4" and list(first["captions"]) == ["small lymphocyte"]
    assert all(plasma[key] is None for key in KEYS)
    assert {key: blast[key] for key in KEYS if blast[key]} == {"cell_type": "myeloblast"}
    assert list(source.changed.values()) == ["cell type 'plasma cell', not stated"]
    assert not source.excluded


def test_atlas_with_missing_images_and_columns(tmp_path):
    table = atlas(tmp_path)
    (tmp_path / "images" / "page_9_img_1_cancerous.jpg").unlink()
    source = BloodCellAtlas(table)
    assert len(source.records()) == 2
    assert source.excluded == {"blood_cell_atlas/page_9_img_1_cancerous.jpg": "image missing"}
    with pytest.raises(DataError, match=r"atlas\.csv: missing column cell_type; found .*Cell type"):
        BloodCellAtlas(atlas(tmp_path, cell_type="Cell type")).records()
    (tmp_path / "atlas.csv").write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe\x00")
    with pytest.raises(DataError, match="not a readable CSV"):
        BloodCellAtlas(table).records()
    (tmp_path / "atlas.csv").write_text("")
    with pytest.raises(DataError, match="not a readable CSV"):
        BloodCellAtlas(table).records()


def test_described_images(tmp_path):
    rows = [
        ("a.png", "A neutrophil with a segmented-bilobed nucleus in AML.", "Blood Cell Atlas"),
        ("a.png", "Again.", "Blood Cell Atlas"),
        ("b.png", "", "kaggle"),
        ("c.png", "A large monocyte, NA", "kaggle"),
        ("missing.png", "A lymphocyte.", "kaggle"),
    ]
    columns = ["image_filename", "true_description", "source"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "combined.csv", index=False)
    for name in "abc":
        image(tmp_path / "cells" / f"{name}.png")
    source = CombinedCSV(str(tmp_path / "combined.csv"), str(tmp_path / "cells"))
    first, second = source.records().to_dict("records")
    assert first["source"] == "blood_cell_atlas" and list(second["captions"]) == ["A large monocyte, NA"]
    assert all(row[key] is None for row in (first, second) for key in KEYS)
    assert sorted(source.excluded.values()) == ["image listed again", "image missing", "no description"]


def test_described_cells_stay_in_a_manifest_that_requires_attributes(tmp_path, no_card_figure, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("in/Blast/1.png", "in/Blast/2.png", "in/Blast/3.png", "out/a.png"):
        image(tmp_path / name)
    (tmp_path / "mine.yaml").write_text("classes: {Blast: {cell_type: lymphoblast}}")
    (tmp_path / "out" / "described.csv").write_text("image_filename,true_description,source\na.png,A blast.,x\n")
    described = [CombinedCSV(str(tmp_path / "out" / "described.csv"))]
    prepare([Folder(str(tmp_path / "in"), "mine.yaml")], described, "mine.parquet", ["cell_type"])
    table = pd.read_parquet("mine.parquet")
    assert table[table["split"] == "external"]["cell_id"].tolist() == ["x/a.png"] and len(table) == 4
    card = Path("mine.md").read_text()  # what no cell states has one row
    assert [line.split(" | ")[1] for line in card.splitlines() if line.startswith("| nucleoli |")] == ["not stated"]


def test_a_table_of_classes(tmp_path):
    for name in ("a", "b", "c", "d"):
        image(tmp_path / "images" / f"{name}.png")
    rows = "a.png,basophil\nb.png,Basophile\nmissing.png,monocyte\na.png,monocyte\nc.png,\nd.png,monocyte\n"
    (tmp_path / "labels.csv").write_text(f"image,cell_type\n{rows}")
    source = LabelTable(str(tmp_path / "labels.csv"), "cellavision")
    manifest = source.records()
    assert dict(zip(manifest["cell_id"], manifest["cell_type"], strict=True)) == {
        "cellavision/a.png": "basophil",
        "cellavision/d.png": "monocyte",
    }
    assert list(source.excluded.values()) == [
        "class 'Basophile' is not in cellavision",
        "image missing",
        "image listed again",
        "class '' is not in cellavision",
    ]


def test_a_described_image_outside_of_its_folder(tmp_path):
    (tmp_path / "combined.csv").write_text("image_filename,true_description,source\n../../etc/passwd,A cell.,x\n")
    with pytest.raises(DataError, match="leaves the data folder"):
        CombinedCSV(str(tmp_path / "combined.csv")).records()


def test_class_folders_of_the_users_own(tmp_path):
    for name in ("Blast/s1_1.png", "Blast/s1_2.bmp", "Smudge/s2_1.png", "Odd/s3_1.tif", "deep/er/Band/s2_9.jpg"):
        image(tmp_path / "cells" / name)
    (tmp_path / "mine.yaml").write_text(
        "classes:\n  Blast: {cell_type: lymphoblast, diagnosis: ALL}\n  Smudge: null\n"
        "  Band: {cell_type: neutrophil, nucleus_shape: unsegmented-band}\ngroup: '^(s\\d+)_'\n"
    )
    source = Folder(str(tmp_path / "cells"), str(tmp_path / "mine.yaml"))
    rows = source.records().to_dict("records")
    assert [row["group"] for row in rows] == ["cells/s1", "cells/s1", "cells/s2"]  # by the folder
    assert LabelTable("ward_3.csv", str(tmp_path / "mine.yaml")).name == "ward_3"
    assert Folder(".", str(tmp_path / "mine.yaml")).name == "mine" and Folder("a", "raabin").name == "raabin"
    assert rows[0]["diagnosis"] == "ALL" and rows[2]["nucleus_shape"] == "unsegmented-band"
    path = tmp_path / "mine.yaml"
    assert source.excluded == {
        "Odd/s3_1.tif": f"class 'Odd' is not in {path}",
        "Smudge/s2_1.png": f"class 'Smudge' is left out by {path}",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("classes: {Blast: {cell_type: Lymphoblast}}", "class 'Blast': unknown cell_type 'Lymphoblast'"),
        ("classes: {Blast: {lineage: B}}", "class 'Blast': unknown attribute 'lineage'"),
        ("classes: {Blast: lymphoblast}", "not a mapping file"),
        ("classes: [", "not a mapping file"),
        ("Blast: null", "not a mapping file"),
        ("group: s1\nclasses: {Blast: null}", "has no bracket"),
        ("classes: {Other: null}", "none of 1 entries can be used: class 'Blast' is not in"),
    ],
)
def test_mappings_that_cannot_be_used(tmp_path, text, message):
    image(tmp_path / "Blast" / "a.png")
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(DataError, match=message):
        Folder(str(tmp_path), str(tmp_path / "mine.yaml")).records()


def test_no_mapping_and_no_images(tmp_path):
    with pytest.raises(
        DataError,
        match=r"'raabbin': no such mapping file; .* bccd, .*, kaggle_apl, kaggle_cancer, munich_aml, pbc, raabin",
    ):
        Folder(str(tmp_path), "raabbin").records()
    for nothing in ("", str(tmp_path)):
        with pytest.raises(DataError, match=f"'{nothing}': no such mapping file"):
            Folder(str(tmp_path), nothing).records()
    with pytest.raises(DataError, match="no cells found"):
        Folder(str(tmp_path), "raabin").records()


@pytest.mark.parametrize("path", sorted(PUBLISHED.glob("*.yaml")), ids=lambda path: path.stem)
def test_published_mappings_fit_the_schema(tmp_path, path):
    image(tmp_path / "BAS" / "a.png")
    image(tmp_path / "Basophil" / "a.png")
    image(tmp_path / "BA" / "a.png")
    image(tmp_path / "basophil" / "b.png")
    assert set(Folder(str(tmp_path), path.stem).records()["cell_type"]) == {"basophil"}


@pytest.mark.real
@pytest.mark.skipif("HEMBLIP_DATA" not in os.environ, reason="HEMBLIP_DATA is not set")
def test_real_table():
    source = LabelTable("external/cellavision/labels.csv", "cellavision")
    manifest = source.records()
    assert len(manifest) == 100 and not source.excluded
    assert manifest["cell_type"].value_counts()["lymphocyte"] == 37
    assert not any(image.flaw for image in check_images(manifest["image"]).values())


@pytest.mark.real
@pytest.mark.skipif("HEMBLIP_DATA" not in os.environ, reason="HEMBLIP_DATA is not set")
@pytest.mark.parametrize(
    ("root", "classes", "cells"),
    [("munich_aml", "munich_aml", 14), ("bccd/BCCD_cropped", "bccd", 351), ("raabin", "raabin", 25),
     ("kaggle_apl", "kaggle_apl", 25)],
)  # fmt: skip
def test_real_folders(root, classes, cells):
    source = Folder(f"external/{root}", classes)
    manifest = source.records()
    assert len(manifest) == cells and not any(image.flaw for image in check_images(manifest["image"]).values())
    unknown = {reason for reason in source.excluded.values() if "is not in" in reason}
    assert unknown == ({"class 'PMO' is not in kaggle_apl"} if classes == "kaggle_apl" else set())
