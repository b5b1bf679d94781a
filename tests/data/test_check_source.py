"""Each of our sources keeps the contract, and sources that do not are told how."""

from pathlib import Path

import pandas as pd
import pytest
from data.leukemiaattri_layout import write_layout as write_leukemiaattri
from data.wbcatt_layout import write_layout as write_wbcatt
from PIL import Image

from hemblip.data.sources import (
    BloodCellAtlas,
    CombinedCSV,
    Folder,
    LabelTable,
    LeukemiaAttri,
    Manifest,
    Source,
    Synthetic,
    WBCAtt,
    check_source,
)


def picture(path):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 40), "pink").save(path)


def test_wbcatt(workplace):
    write_wbcatt(workplace, {"train": 4, "val": 2, "test": 2})
    assert len(check_source(WBCAtt(str(workplace)))) == 8


def test_leukemiaattri(workplace):
    write_leukemiaattri(workplace / "set")
    check_source(LeukemiaAttri("set"))


def test_folders_tables_and_the_manifest_made_of_them(workplace):
    for name in ("cells/Blast/s1_1.png", "cells/Band/s2_1.png"):
        picture(name)
    Path("mine.yaml").write_text("classes: {Blast: {cell_type: lymphoblast}, Band: {cell_type: neutrophil}}")
    cells = check_source(Folder("cells", "mine.yaml"))
    assert cells["cell_type"].tolist() == ["neutrophil", "lymphoblast"]
    Path("classes.csv").write_text("image,cell_type\ns1_1.png,Blast\nmissing.png,Band\n")
    check_source(LabelTable("classes.csv", "mine.yaml", images="cells"))
    Path("captions.csv").write_text("image,caption\ns1_1.png,A blast.\ns2_1.png,\n")
    check_source(CombinedCSV("captions.csv", "cells"))
    columns = "image_filename,page_number,cell_type,binary_label,description"
    Path("atlas.csv").write_text(f"{columns}\ns1_1.png,4,Myeloblast,cancerous,prominent nucleoli\n")
    check_source(BloodCellAtlas("atlas.csv", "cells"))
    cells.to_parquet("manifest.parquet")
    check_source(Manifest("manifest.parquet"))


def test_drawn_cells(workplace):
    check_source(Synthetic(cells=6, size=32))


class Clinic(Source):
    """What a user writes; `broken` says what is wrong with it."""

    name = "clinic"

    def __init__(self, broken: str = "", times: int = 0) -> None:
        self.broken, self.times = broken, times

    def records(self):
        self.times += 1
        picture("a.png")
        rows = [
            {"cell_id": f"clinic/{number}", "image": "a.png", "source": self.name, "group": "p", "split": "train"}
            for number in range(3)
        ]
        if self.broken == "image":
            rows[0]["image"] = "b.png"
        elif self.broken == "order" and self.times > 1:
            rows.reverse()
        elif self.broken == "reason":
            self.exclude("clinic/4", "")
        elif self.broken == "more":
            self.exclude(f"clinic/{self.times}", "image missing")
        elif self.broken == "pickle":
            self.open = lambda: None
        elif self.broken == "value":
            return self.manifest(rows, "clinic").assign(cell_type="blast")
        elif self.broken == "table":
            return pd.DataFrame(rows)
        elif self.broken == "empty":
            return self.manifest(rows, "clinic")[:0]
        table = self.manifest(rows, "clinic")
        if self.broken == "leak":
            table.loc[0, "split"] = "test"
        return table


def test_a_source_of_the_users_own(workplace):
    assert len(check_source(Clinic())) == 3


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("image", r"cell 'clinic/0' cannot be read \(.*b\.png"),
        ("order", "another table the second time"),
        ("reason", "'clinic/4' is excluded or changed without a reason"),
        ("more", "reading twice excludes other entries"),
        ("pickle", "cannot be pickled"),
        ("value", "unknown cell_type 'blast'"),
        ("table", r"end with self\.manifest"),
        ("empty", "found no cell"),
        ("leak", "group 'p' is in several splits"),
    ],
)
def test_what_is_broken_is_told(workplace, broken, says):
    with pytest.raises(AssertionError, match=says):
        check_source(Clinic(broken))


def test_names_annotations_and_something_else():
    class Nameless(Clinic):
        name = ""

    class Untyped(Clinic):
        def __init__(self, cells=3):
            super().__init__()

    for source, says in ((Nameless(), "name is empty"), (Untyped(), "annotate 'cells'"), (3, "int is no subclass")):
        with pytest.raises(AssertionError, match=says):
            check_source(source)
