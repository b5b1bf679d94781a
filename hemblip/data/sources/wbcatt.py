"""WBCAtt: 10,298 healthy white blood cells with 11 attributes (Tsutsui et al., NeurIPS 2023).

Layout: `pbc_attr_v1_{train,val,test}.csv` beside the images of the PBC dataset (Acevedo et al., 2020).
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from hemblip.data.sources.source import Source, inside, locate, read_table
from hemblip.errors import DataError
from hemblip.morphology import HEALTHY, SCHEMA

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

    Empty values are not stated. Rows with a value that the schema lacks, without an image or of a cell that was listed
    before are left out.

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
        rows: dict[str, dict[str, object]] = {}
        for split in ("train", "val", "test"):
            for number, row in enumerate(self._read(folder, split), 1):
                cell_id = str(row["cell_id"])
                flaw = "cell listed again" if cell_id in rows else self._flaw(row)
                if flaw:
                    self.exclude(f"{cell_id} ({split} row {number})", flaw)
                else:
                    rows[cell_id] = row
        manifest = self.manifest(rows.values(), str(folder))
        return manifest if self.keep_copies else self._without_copies(manifest)

    @staticmethod
    def _flaw(row: Mapping[str, object]) -> str:
        """Why a row cannot be used, empty if it can."""
        for key in _COLUMNS.values():
            if row[key] is not None and row[key] not in SCHEMA[key]:
                return f"unknown {key} '{row[key]}'"
        return "" if Path(str(row["image"])).is_file() else "image missing"

    def _read(self, folder: Path, split: str) -> Iterator[dict[str, object]]:
        path = folder / f"pbc_attr_v1_{split}.csv"
        if not path.is_file():
            raise DataError(f"{path}: no such table; WBCAtt has pbc_attr_v1_train.csv, _val.csv and _test.csv")
        for record in read_table(path, ("img_name", "path", *_COLUMNS)):
            if record["img_name"].startswith("."):  # a macOS folder's file
                continue
            row: dict[str, object] = {key: record[column].lower() or None for column, key in _COLUMNS.items()}
            for key, names in _VALUES.items():
                row[key] = names.get(str(row[key]), row[key])
            stem = Path(record["img_name"]).stem
            if row["granules"] == "absent" and row["granule_colour"] is not None:
                self.changed[f"{self.name}/{stem} granule_colour"] = "colour of absent granules, not stated"
                row["granule_colour"] = None
            image = str(inside(folder, record["path"]))
            row |= {"cell_id": f"{self.name}/{stem}", "image": image, "source": self.name, "domain": "pbc"}
            yield row | {"split": split, "diagnosis": HEALTHY}

    def _without_copies(self, manifest: pd.DataFrame) -> pd.DataFrame:
        digests = manifest["image"].map(lambda path: hashlib.md5(Path(path).read_bytes()).hexdigest())
        order = manifest["split"].map({"test": 0, "val": 1, "train": 2})
        ranked = order.to_frame("rank").assign(digest=digests).sort_values("rank", kind="stable")
        copies = ranked.index[ranked["digest"].duplicated()]
        for cell_id in manifest.loc[copies, "cell_id"]:
            self.exclude(cell_id, "byte-identical copy")
        return manifest.drop(index=copies).reset_index(drop=True)
