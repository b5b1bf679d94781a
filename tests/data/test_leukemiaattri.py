import json
import shutil

import numpy as np
import pytest
from data.leukemiaattri_layout import SIDE, SQUEEZED, text_line, write_layout
from PIL import Image

from hemblip.data.images import read_cell, square
from hemblip.data.sources import LeukemiaAttri
from hemblip.errors import ConfigError, DataError
from hemblip.morphology import KEYS

DOMAIN = "H_100X_C2"


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    root = tmp_path_factory.mktemp("published")
    return root, write_layout(root)


@pytest.fixture
def layout(published, tmp_path):
    root, drawn = published
    shutil.copytree(root, tmp_path, dirs_exist_ok=True)
    return tmp_path, drawn


def cells_of(manifest):
    """Manifest rows in the order in which the cells were drawn."""
    rows = manifest.to_dict("records")
    return sorted(rows, key=lambda row: (row["group"] != "leukemiaattri/slide-31", row["image"], row["bbox"]))


def assert_as_drawn(rows, drawn, tolerance):
    drawn = sorted(drawn, key=lambda cell: (cell.slide != "31", cell.field, cell.box))
    assert len(rows) == len(drawn)
    for row, cell in zip(rows, drawn, strict=True):
        assert {key: row[key] for key in KEYS} == cell.attributes
        assert row["group"] == f"leukemiaattri/slide-{cell.slide}" and row["split"] == cell.split
        pixels = square(read_cell(row["image"], row["bbox"], row["width_factor"]), SIDE)
        differences = [np.abs(pixels.astype(int) - other.pixels).mean() for other in drawn]
        assert np.argmin(differences) == drawn.index(cell) and min(differences) < tolerance


@pytest.mark.parametrize("labels", ["json", "txt", "auto"])
def test_cells_come_out_as_they_were_drawn(layout, labels):
    root, drawn = layout
    source = LeukemiaAttri(str(root), labels=labels, context=0)
    assert_as_drawn(cells_of(source.records()), drawn, 6)
    assert not source.excluded and not source.changed


@pytest.mark.parametrize("labels", ["json", "txt"])
def test_artefacts_and_unknown_codes_as_published(tmp_path, labels):
    drawn = write_layout(tmp_path, irregular=True)
    source = LeukemiaAttri(str(tmp_path), labels=labels, context=0)
    assert_as_drawn(cells_of(source.records()), drawn, 6)
    assert list(source.excluded.values()) == ["class None (artefact)"] * 4
    assert list(source.changed.values()) == ["cytoplasm: unknown code 9, not stated"] * 4


@pytest.mark.parametrize(("domain", "extra_columns"), [("L_40X_C1", 4), ("L_10X_C2", 0)])
def test_later_text_files_and_other_magnifications(tmp_path, domain, extra_columns):
    drawn = write_layout(tmp_path, domain, extra_columns=extra_columns)
    source = LeukemiaAttri(str(tmp_path), domain, "txt", context=0)
    assert_as_drawn(cells_of(source.records()), drawn, 6)
    assert set(source.records()["domain"]) == {domain}


def test_ids_do_not_depend_on_the_label_files(layout):
    root, _ = layout
    by_json, by_txt = (LeukemiaAttri(str(root), labels=labels).records() for labels in ("json", "txt"))
    assert sorted(by_json["cell_id"]) == sorted(by_txt["cell_id"])


def test_squeezed_cells_are_narrow(layout):
    root, _ = layout
    row = LeukemiaAttri(str(root), context=0, unsqueeze=1).records().iloc[0]
    wide = LeukemiaAttri(str(root), context=0).records().iloc[0]
    assert wide["bbox"][2] / wide["bbox"][3] == pytest.approx(9 / 16, abs=0.02)
    assert read_cell(wide["image"], wide["bbox"], wide["width_factor"]).shape[:2] == (SIDE, SIDE)
    assert row["bbox"][2] == row["bbox"][3] == SIDE


@pytest.mark.parametrize(
    ("settings", "side"), [({"context": 0.25}, 96), ({"window": 120}, 120), ({"window": 700}, 700)]
)
def test_the_cell_is_in_the_middle_of_its_window(layout, settings, side):
    root, _ = layout
    corners = [[x, y, 36, 64] for x in (0, SQUEEZED[0] - 36) for y in (0, SQUEEZED[1] - 64)]

    def move(annotations, _):
        for annotation, box in zip(annotations, corners, strict=False):
            annotation["bbox"] = box

    edit(root, move)
    manifest = LeukemiaAttri(str(root), **settings).records()
    assert list(manifest["bbox"].map(len)) == [4] * 16
    for box, row in zip(corners, manifest.to_dict("records"), strict=False):
        x, y, width, height = row["bbox"]
        assert (width, height) == (round(side * 9 / 16), side)
        assert abs(x + width / 2 - box[0] - 18) <= 0.5 and abs(y + height / 2 - box[1] - 32) <= 0.5
        cell = read_cell(row["image"], row["bbox"])
        assert cell.shape == (height, width, 3)
        field = np.asarray(Image.open(row["image"]))[box[1] : box[1] + 64, box[0] : box[0] + 36]
        left, top = box[0] - int(x), box[1] - int(y)
        assert (cell[top : top + 64, left : left + 36] == field).all()


def edit(root, change):
    path = root / DOMAIN / "json_labels" / "train.json"
    table = json.loads(path.read_text())
    change(table["annotations"], table)
    path.write_text(json.dumps(table))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"category_id": 0, "category_name": "None", "cell_size": 4}, "class None (artefact)"),
        ({"category_id": 99, "category_name": None}, "unknown class '99'"),
        ({"category_id": None, "category_name": None}, "no class"),
        ({"category_name": 7}, "unknown class '7'"),
        ({"bbox": [10, 10, 4, 40]}, "box too small"),
        ({"bbox": [10, 10, 40, 7]}, "box too small"),
        ({"bbox": [-30, 10, 40, 40]}, "box mostly outside of the image"),
        ({"category_name": "Hairy cell"}, "unknown class 'Hairy cell'"),
        ({"bbox": [10, 10, 0, 20]}, "box without area"),
        ({"bbox": [10, 10, -5, 20]}, "box without area"),
        ({"bbox": [400, 10, 20, 20]}, "box outside of the image"),
        ({"bbox": [-30, -30, 20, 20]}, "box outside of the image"),
        ({"bbox": [10, 10]}, "box is not four numbers"),
        ({"bbox": ["a", 1, 2, 3]}, "box is not four numbers"),
        ({"bbox": [float("nan"), 1, 2, 3]}, "box is not four numbers"),
        ({"image_id": 12345}, "box of no listed image"),
        (dict.fromkeys(("cell_size", "nuclear_chromatio", "nuclear_shape", "nucleolus", "cytoplasm"), 4)
         | {"cytoplasmic_basophilia": 4, "cytoplasmic_vacuoles": 4}, "attributes not applicable (artefact)"),
    ],
)  # fmt: skip
def test_boxes_that_cannot_be_used_are_counted_by_reason(layout, change, reason):
    root, drawn = layout
    edit(root, lambda annotations, _: annotations[0].update(change))
    source = LeukemiaAttri(str(root))
    assert len(source.records()) == len(drawn) - 1
    assert source.excluded == {f"{DOMAIN}/train.json annotation 1000": reason}


def test_box_over_the_border_is_clipped(layout):
    root, drawn = layout
    edit(root, lambda annotations, _: annotations[0].update(bbox=[-10, 250, 40, 50]))
    manifest = LeukemiaAttri(str(root), context=0).records()
    assert len(manifest) == len(drawn)
    clipped = manifest[manifest["cell_id"].str.endswith("/0-250-30-38")].iloc[0]
    assert clipped["bbox"] == [0, 242, 30, 53]  # square once unsqueezed, around what is left of the box


def test_repeated_boxes_and_missing_images(layout):
    root, drawn = layout
    edit(root, lambda annotations, _: annotations.append({**annotations[0], "id": 5000}))
    source = LeukemiaAttri(str(root))
    assert len(source.records()) == len(drawn)
    assert list(source.excluded.values()) == ["box annotated again"]
    edit(root, lambda annotations, _: annotations[-1].update(category_name="Basophil"))
    source = LeukemiaAttri(str(root))
    assert len(source.records()) == len(drawn)
    assert list(source.excluded.values()) == ["box annotated again as another class"]
    fields = sorted((root / DOMAIN / "Images").rglob("*.png"))
    fields[0].unlink()
    fields[1].write_text("text")
    source = LeukemiaAttri(str(root))
    assert len(source.records()) == len(drawn) - 8
    reasons = list(source.excluded.values())
    assert reasons.count("image missing") == 4 and reasons.count("image not readable") == 4


def test_unknown_and_missing_codes_are_not_stated_and_counted(layout):
    root, drawn = layout

    def change(annotations, _):
        annotations[0].update(nucleolus=7, cytoplasm="scanty")
        annotations[1].pop("cell_size")
        annotations[2].update(nuclear_shape="1", nuclear_chromatio=1.0, cytoplasmic_vacuoles=4)

    edit(root, change)
    source = LeukemiaAttri(str(root))
    manifest = source.records()
    assert len(manifest) == len(drawn)
    assert sorted(source.changed.values()) == [
        "cell_size: no code, not stated",
        "cytoplasm: unknown code scanty, not stated",
        "cytoplasmic_vacuoles: not applicable, not stated",
        "nucleolus: unknown code 7, not stated",
    ]
    first, second, third = (manifest.iloc[number] for number in range(3))
    assert first["nucleoli"] is None and first["cytoplasm_amount"] is None and second["cell_size"] is None
    assert third["nucleus_shape"] == "irregular" and third["chromatin"] == "coarse"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("2 0.5 0.5 0.1 0.1", "line of 5 columns"),
        ("0 0.5 0.5 0.1 0.1 4 4 4 4 4 4 4", "class None (artefact)"),
        ("2 0.5 0.5 0.1 0.1 4 4 4 4 4 4 4", "attributes not applicable (artefact)"),
        ("14 0.5 0.5 0.1 0.1 0 0 0 0 0 0 0", "unknown class '14'"),
        ("blast 0.5 0.5 0.1 0.1 0 0 0 0 0 0 0", "unknown class 'blast'"),
        ("2 0.5 0.5 0 0.1 0 0 0 0 0 0 0", "box without area"),
        ("2 1.5 0.5 0.1 0.1 0 0 0 0 0 0 0", "box outside of the image"),
        ("2 0.5 x 0.1 0.1 0 0 0 0 0 0 0", "box is not four numbers"),
    ],
)
def test_text_lines_that_cannot_be_used(layout, line, reason):
    root, drawn = layout
    path = next((root / DOMAIN / "txt_labels" / "AttriDet" / "train").glob("*.txt"))
    path.write_text(f"\ufeff{text_line(drawn[0])}\n\n{line}\n")
    source = LeukemiaAttri(str(root), labels="txt")
    assert len(source.records()) == len(drawn) - 3
    assert source.excluded == {f"{DOMAIN}/{path.name} line 3": reason}


def test_variants_of_the_json(layout):
    root, drawn = layout

    def change(annotations, table):
        for image in table["images"]:
            image.update(width=str(image["width"]), height=0)
        for annotation in annotations:
            annotation.update(category_id=str(annotation["category_id"]), category_name=None)

    edit(root, change)
    path = root / DOMAIN / "json_labels" / "train.json"
    path.write_text("\ufeff" + path.read_text())
    for image in (root / DOMAIN / "Images").rglob("*.png"):
        image.rename(image.with_suffix(".PNG"))
    source = LeukemiaAttri(str(root), context=0)
    assert_as_drawn(cells_of(source.records()), drawn, 6)
    assert not source.excluded


def test_an_image_of_another_size_than_annotated(layout):
    root, drawn = layout
    edit(root, lambda _, table: table["images"][0].update(width="640"))
    source = LeukemiaAttri(str(root))
    assert len(source.records()) == len(drawn) - 1
    assert list(source.excluded.values()) == ["image is not of the annotated size"]


def test_one_name_in_two_splits_is_two_fields(layout):
    root, drawn = layout
    train, test = (sorted((root / DOMAIN / "Images" / split).iterdir())[0] for split in ("train", "test"))
    test.unlink()
    Image.new("RGB", SQUEEZED, "white").save(test.with_name(train.name))
    table = root / DOMAIN / "json_labels" / "test.json"
    table.write_text(table.read_text().replace(test.name, train.name))
    manifest = LeukemiaAttri(str(root)).records()
    assert len(manifest) == len(drawn)
    same = manifest[manifest["image"].str.endswith(train.name)]
    assert same.groupby("split")["image"].agg(set).to_dict() == {
        "train": {str(train)},
        "test": {str(test.with_name(train.name))},
    }


def test_fields_of_a_split_without_labels_are_counted(layout):
    root, drawn = layout
    (root / DOMAIN / "json_labels" / "test.json").unlink()
    shutil.rmtree(root / DOMAIN / "txt_labels" / "AttriDet" / "test")
    source = LeukemiaAttri(str(root))
    assert len(source.records()) == len(drawn) - 8
    assert list(source.excluded.values()) == ["field without labels"] * 2
    assert set(source.excluded) == {f"{DOMAIN}/Images/test/{cell.field}" for cell in drawn if cell.split == "test"}


def test_layouts_that_are_not_as_published(layout):
    root, _ = layout
    path = root / DOMAIN / "json_labels" / "train.json"
    whole = path.read_text()
    path.write_text(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"train\.json: not complete JSON .*download it again"):
        LeukemiaAttri(str(root)).records()
    path.write_text('{"images": []}')
    with pytest.raises(DataError, match=r"not a COCO file, KeyError\('annotations'\)"):
        LeukemiaAttri(str(root)).records()
    path.unlink()
    with pytest.raises(DataError, match="no such labels"):
        LeukemiaAttri(str(root), labels="json").records()
    with pytest.raises(DataError, match="no such domain; folders there: H_100X_C2"):
        LeukemiaAttri(str(root), "X_100X_C2").records()
    with pytest.raises(DataError, match="no such domain; folders there: none"):
        LeukemiaAttri(str(root / DOMAIN / "json_labels" / "test.json")).records()
    with pytest.raises(ConfigError, match="unsqueeze 0 "):
        LeukemiaAttri(str(root), unsqueeze=0)


def test_images_in_lower_case_and_file_names_without_diagnosis(layout):
    root, drawn = layout
    (root / DOMAIN / "Images").rename(root / DOMAIN / "images")
    assert len(LeukemiaAttri(str(root)).records()) == len(drawn)

    def change(_, table):
        for image in table["images"]:
            image["file_name"] = "field.png"

    edit(root, change)
    source = LeukemiaAttri(str(root))
    source.records()
    assert set(source.excluded.values()) == {"file name states no slide and diagnosis"}
