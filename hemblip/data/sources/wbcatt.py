"""WBCAtt: 10,298 healthy white blood cells with 11 attributes (Tsutsui et al., NeurIPS 2023).

Layout: `pbc_attr_v1_{train,val,test}.csv` beside the images of the PBC dataset (Acevedo et al., 2020).
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from hemblip.data.records import manifest_table, require_files
from hemblip.data.sources.source import Source, inside, locate, read_table
from hemblip.errors import DataError
from hemblip.morphology import HEALTHY

_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "label": "cell_type",
        "cell_size": "cell_size",
        "cell_shape": "cell_shape",
        "nucleus_shape": "nucleus_shape",
        "nuclear_cytoplasmic_ratio": "nuclear_cytoplasmic_ratio",
        "chromatin_density": "chromatin",
        "cytoplasm_vacuole": "cytoplasm_vacuoles",
        "cytoplasm_texture": "cytoplasm_texture",
        "cytoplasm_colour": "cytoplasm_colour",
        "granule_type": "granules",
        "granule_colour": "granule_colour",
    }
)

_VALUES: Mapping[str, Mapping[str, str | None]] = MappingProxyType(
    {
        "cell_size": {"big": "large"},
        "chromatin": {"densely": "dense", "loosely": "loose"},
        "cytoplasm_vacuoles": {"yes": "present", "no": "absent"},
        "granules": {"nil": "absent"},
        "granule_colour": {"nil": None},
    }
)


class WBCAtt(Source):
    """The published layout with its official splits.

    Where `granularity` and `granule_type` disagree (two rows), `granule_type` is followed, also against
    `granule_colour`. Byte-identical images are one cell: the copy in test or val is kept, copies in training are
    left out.

    Args:
        root: folder that holds the three tables; relative to `$HEMBLIP_DATA` if set.
        keep_copies: keep byte-identical images, as published, for an audit.
    """

    name = "wbcatt"

    def __init__(self, root: str = "wbcatt_half", keep_copies: bool = False) -> None:
        self.root, self.keep_copies = root, keep_copies

    def records(self) -> pd.DataFrame:
        """Read the three tables; see `Source.records`."""
        folder = locate(self.root, "download WBCAtt and set data.init_args.sources root or HEMBLIP_DATA to it")
        tables = [self._read(folder, split) for split in ("train", "val", "test")]
        manifest = manifest_table([row for table in tables for row in table], self.name)
        require_files(manifest["image"], self.name)
        return manifest if self.keep_copies else self._without_copies(manifest)

    def _read(self, folder: Path, split: str) -> list[dict[str, object]]:
        path = folder / f"pbc_attr_v1_{split}.csv"
        if not path.is_file():
            raise DataError(f"{path}: no such table; WBCAtt has pbc_attr_v1_train.csv, _val.csv and _test.csv")
        rows = []
        for record in read_table(path, ("img_name", "path", *_COLUMNS)):
            if record["img_name"].startswith("."):  # a macOS folder's file
                continue
            row: dict[str, object] = {key: record[column].lower() for column, key in _COLUMNS.items()}
            for key, names in _VALUES.items():
                row[key] = names.get(str(row[key]), row[key])
            stem = Path(record["img_name"]).stem
            if row["granules"] == "absent" and row["granule_colour"] is not None:
                self.changed[f"{self.name}/{stem} granule_colour"] = "colour of absent granules, not stated"
                row["granule_colour"] = None
            image = str(inside(folder, record["path"]))
            row |= {"cell_id": f"{self.name}/{stem}", "image": image, "source": self.name, "domain": "pbc"}
            rows.append(row | {"split": split, "diagnosis": HEALTHY})
        return rows

    def _without_copies(self, manifest: pd.DataFrame) -> pd.DataFrame:
        digests = manifest["image"].map(lambda path: hashlib.md5(Path(path).read_bytes()).hexdigest())
        order = manifest["split"].map({"test": 0, "val": 1, "train": 2})
        ranked = order.to_frame("rank").assign(digest=digests).sort_values("rank", kind="stable")
        copies = ranked.index[ranked["digest"].duplicated()]
        for cell_id in manifest.loc[copies, "cell_id"]:
            self.exclude(cell_id, "byte-identical copy")
        return manifest.drop(index=copies).reset_index(drop=True)
