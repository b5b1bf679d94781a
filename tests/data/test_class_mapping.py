"""What class names mean, as people write it in YAML."""

import pandas as pd
import pytest
from PIL import Image

from hemblip.data.sources import BloodCellAtlas, Folder, LabelTable
from hemblip.data.sources.class_mapping import ClassMapping
from hemblip.errors import DataError


def image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.effect_noise((16, 16), 60).convert("RGB").save(path)


CHANGED = ["01", "007", "1", "1.50", "1e3", "0x1F", "no", "on", "Yes", "true", "2020-01-02", "12:30", "null", "~"]


@pytest.mark.parametrize("name", CHANGED)
def test_names_that_yaml_would_change_match(tmp_path, name):
    image(tmp_path / "set" / name / "a.png")
    (tmp_path / "m.yaml").write_text(f"classes:\n  {name}: {{cell_type: basophil}}\n  Other: null\n")
    expected = {"~": "null"}.get(name, name)
    assert ClassMapping.read(str(tmp_path / "m.yaml")).attributes(expected)["cell_type"] == "basophil"
    if name != "~":
        assert Folder(str(tmp_path / "set"), str(tmp_path / "m.yaml")).records()["cell_type"].tolist() == ["basophil"]


def test_names_match_in_any_case(tmp_path):
    image(tmp_path / "NEUTROPHIL" / "a.png")
    assert Folder(str(tmp_path), "bccd").records()["cell_type"].tolist() == ["neutrophil"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("classes:\n  Benign: null\n  [Malignant] Pre-B: {cell_type: lymphoblast}\n", "line 3, column 15: .*quotes"),
        ("classes:\n  A: {cell_type: basophil\n", "line 3, column 1: "),
        ("classes:\n\tA: null\n", "line 2, column 1: "),
        ("classes:\n  A: null\n  A: {cell_type: basophil}\n", "line 3, column 3: 'A' stands there twice"),
        ("classes:\n  A: null\n  a: {cell_type: basophil}\n", "class 'a' is there twice, in another case"),
        ("classes:\n  A: &x {cell_type: *x}\n", "class 'A' is not followed by attributes"),
        ("classes:\n  A: {cell_type: [basophil]}\n", "class 'A' is not followed by attributes"),
        ("classes:\n  A: {cell_type: yes}\n", "class 'A': unknown cell_type 'yes'"),
        ("classes:\n  ? [A, B]\n  : null\n", "not a mapping file"),
        ("classes: " + "[" * 3000, "not a mapping file"),
        ("classes: {A: null}\ngruop: (s)\n", "unknown key 'gruop'"),
        ("classes: {A: null}\ngroup: '(s'\n", "`group` is no regular expression"),
        ("classes: {A: null}\nlabel: [s]\n", "the label pattern .* has no bracket"),
        ("classes: {A: null}\nimage: '{a}'\n", "`image` is '{a}'"),
        ("classes: {A: null}\nimage: '{:9999999}'\n", "`image` is"),
        ("classes: !!python/object/apply:os.system [true]\n", "line 1, column 10: "),
        ("- A\n", "not a mapping file"),
        ("", "not a mapping file"),
    ],
)  # fmt: skip
def test_errors_give_line_and_column(tmp_path, text, said):
    (tmp_path / "m.yaml").write_text(text)
    with pytest.raises(DataError, match=said) as told:
        ClassMapping.read(str(tmp_path / "m.yaml"))
    assert "object at 0x" not in str(told.value) and "\n" not in str(told.value)


def test_a_bomb_of_aliases_ends_at_once(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    (tmp_path / "m.yaml").write_text("\n".join([*lines, "classes: {A: {cell_type: *a11}}"]))
    with pytest.raises(DataError, match="unknown key 'a0'"):
        ClassMapping.read(str(tmp_path / "m.yaml"))
    (tmp_path / "m.yaml").write_text("\n".join(["classes:", "  A:", *("    " + line for line in lines)]))
    with pytest.raises(DataError, match="class 'A' is not followed by attributes") as told:
        ClassMapping.read(str(tmp_path / "m.yaml"))
    assert len(str(told.value)) < 500


def test_labels_in_file_names(tmp_path):
    for name in ("neutrophil/BNE_1", "neutrophil/NEUTROPHIL_2", "ig/PMY_1", "ig/IG_2", "ig/mmy_3", "basophil/7"):
        image(tmp_path / "PBC_dataset_normal_DIB" / "PBC_dataset_normal_DIB" / f"{name}.jpg")
    source = Folder(str(tmp_path), "pbc")
    cells = source.records()
    types = {cell.rpartition("/")[2]: kind for cell, kind in zip(cells["cell_id"], cells["cell_type"], strict=True)}
    assert types == {
        "BNE_1.jpg": "neutrophil", "NEUTROPHIL_2.jpg": "neutrophil", "mmy_3.jpg": "metamyelocyte", "7.jpg": "basophil",
    }  # fmt: skip
    assert set(cells["diagnosis"]) == {"healthy"}
    assert sorted(source.excluded.values()) == ["class 'IG' is left out by pbc", "class 'PMY' is left out by pbc"]


def test_cellavision_as_its_authors_publish_it(tmp_path):
    for number in range(1, 7):
        image(tmp_path / "Dataset 2" / f"{number:03d}.bmp")
        Image.new("L", (16, 16)).save(tmp_path / "Dataset 2" / f"{number:03d}.png")
    rows = "".join(f"{number},{number}\r\n" for number in range(1, 7))
    (tmp_path / "Class Labels of Dataset 2.csv").write_text(f"image ID,class\r\n{rows}")
    source = LabelTable(str(tmp_path / "Class Labels of Dataset 2.csv"), "cellavision")
    cells = source.records()
    assert cells["cell_type"].tolist() == ["neutrophil", "lymphocyte", "monocyte", "eosinophil", "basophil"]
    assert all(path.endswith(".bmp") for path in cells["image"])
    assert list(source.excluded.values()) == ["class '6' is not in cellavision"]


@pytest.mark.parametrize(
    ("written", "cell_type", "said"),
    [
        ("Toxic Neutrophils", "neutrophil", None),
        ("Band  Neutrophils", "neutrophil", None),
        ("Neutrophil Phagocytosis", None, "cell type 'neutrophil phagocytosis', not stated"),
        ("Auer bodies", None, "cell type 'auer bodies', not stated"),
        ("Nucleated RBC", None, "cell type 'nucleated rbc', not stated"),
        ("Metamyelocytes", "metamyelocyte", None),
    ],
)
def test_names_of_the_atlas_are_reported_as_written(tmp_path, written, cell_type, said):
    image(tmp_path / "p.jpg")
    row = {"image_path": "/content/x/p.jpg", "image_filename": "p.jpg", "page_number": 1, "cell_type": written}
    table = pd.DataFrame([row | {"binary_label": "leukemia", "description": "A cell."}])
    table.to_csv(tmp_path / "a.csv", index=False)
    source = BloodCellAtlas(str(tmp_path / "a.csv"))
    assert source.records()["cell_type"].tolist() == [cell_type]
    assert list(source.changed.values()) == ([said] if said else [])
