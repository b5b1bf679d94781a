import json
import shutil

import numpy as np
import pytest
from data.leukemiaattri_layout import SIDE, SQUEEZED, text_line, write_layout

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


def test_later_text_files_and_40x_names(tmp_path):
    drawn = write_layout(tmp_path, "L_40X_C1", extra_columns=4)
    source = LeukemiaAttri(str(tmp_path), "L_40X_C1", "txt", context=0)
    assert_as_drawn(cells_of(source.records()), drawn, 6)
    assert set(source.records()["domain"]) == {"L_40X_C1"}


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


def test_windows_have_context_and_stay_in_the_field(layout):
    root, _ = layout
    for settings, side in (({"context": 0.25}, 96), ({"window": 120}, 120), ({"window": 1000}, None)):
        for row in LeukemiaAttri(str(root), **settings).records().to_dict("records"):
            x, y, width, height = row["bbox"]
            assert x >= 0 and y >= 0 and x + width <= SQUEEZED[0] and y + height <= SQUEEZED[1]
            assert height == (side or SQUEEZED[1])
            assert side is None or width == round(side * 9 / 16)


def edit(root, change):
    path = root / DOMAIN / "json_labels" / "train.json"
    table = json.loads(path.read_text())
    change(table["annotations"], table)
    path.write_text(json.dumps(table))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"category_id": 0, "category_name": "None", "cell_size": 4}, "class None (artefact)"),
        ({"category_id": 99, "category_name": None}, "no class"),
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
    edit(root, lambda annotations, _: annotations[0].update(bbox=[-10, 260, 40, 50]))
    manifest = LeukemiaAttri(str(root), context=0).records()
    assert len(manifest) == len(drawn)
    clipped = manifest[manifest["cell_id"].str.endswith("/0-260-30-28")].iloc[0]
    assert clipped["bbox"][0] == 0 and clipped["bbox"][1] + clipped["bbox"][3] == SQUEEZED[1]


def test_repeated_boxes_and_missing_images(layout):
    root, drawn = layout
    edit(root, lambda annotations, _: annotations.append({**annotations[0], "id": 5000}))
    source = LeukemiaAttri(str(root))
    assert len(source.records()) == len(drawn)
    assert list(source.excluded.values()) == ["box annotated again"]
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
        annotations[2].update(nuclear_shape="1", nuclear_chromatio=1.0)

    edit(root, change)
    source = LeukemiaAttri(str(root))
    manifest = source.records()
    assert len(manifest) == len(drawn)
    assert sorted(source.changed.values()) == [
        "cell_size: no code, not stated",
        "cytoplasm: unknown code scanty, not stated",
        "nucleolus: unknown code 7, not stated",
    ]
    first, second, third = (manifest.iloc[number] for number in range(3))
    assert first["nucleoli"] is None and first["cytoplasm_amount"] is None and second["cell_size"] is None
    assert third["nucleus_shape"] == "irregular" and third["chromatin"] == "coarse"


def test_text_lines_of_another_length(layout):
    root, drawn = layout
    path = next((root / DOMAIN / "txt_labels" / "AttriDet" / "train").glob("*.txt"))
    path.write_text(f"{text_line(drawn[0])}\n\n2 0.5 0.5 0.1 0.1\n")
    source = LeukemiaAttri(str(root), labels="txt")
    source.records()
    assert source.excluded == {f"{DOMAIN}/{path.name} line 3": "line of 5 columns"}


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
