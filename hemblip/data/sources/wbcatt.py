"""WBCAtt: 10,298 healthy white blood cells with 11 attributes (Tsutsui et al., NeurIPS 2023).

Layout: `pbc_attr_v1_{train,val,test}.csv` and, beside them or in folders below, the images of the PBC dataset (Acevedo
et al., 2020), `PBC_dataset_normal_DIB/<class>/<name>.jpg`.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from hemblip.data.sources.file_names import is_hidden
from hemblip.data.sources.source import Source, locate
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

TABLES = "pbc_attr_v1_{}.csv"

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
        root: folder that holds the tables, or some of them, at any depth; relative to `$HEMBLIP_DATA` if set.
        keep_copies: keep byte-identical images, as published, for an audit.
        images: folder of the images, at any depth; `root` if empty.
    """

    name = "wbcatt"

    def __init__(self, root: str = "wbcatt", keep_copies: bool = False, images: str = "") -> None:
        self.root, self.keep_copies, self.images = root, keep_copies, images

    def records(self) -> pd.DataFrame:
        """Read the three tables; see `Source.records`."""
        folder = locate(self.root, "`python -m hemblip download wbcatt` fetches WBCAtt")
        images = locate(self.images, "give the folder of the PBC images") if self.images else folder
        rows: dict[str, dict[str, object]] = {}
        for split, path in self._tables(folder).items():
            for number, (row, names) in enumerate(self._read(path, split), 1):
                cell_id = str(row["cell_id"])
                entry = f"{cell_id} ({split} row {number})"
                if flaw := "cell listed again" if cell_id in rows else self._flaw(row):
                    self.exclude(entry, flaw)
                elif image := self.image_of(entry, images, *names):
                    rows[cell_id] = row | {"image": image}
        manifest = self.manifest(rows.values(), str(folder))
        return manifest if self.keep_copies else self._without_copies(manifest)

    def _tables(self, folder: Path) -> dict[str, Path]:
        """Split -> its table, the least deep one; unpacking makes doubled folders."""
        tables = {}
        for split in ("train", "val", "test"):
            name = TABLES.format(split)
            found = [folder / name] if (folder / name).is_file() else sorted(folder.rglob(name), key=_depth)
            seen = [path for path in found if not is_hidden(path.relative_to(folder))]
            if seen:
                tables[split] = seen[0]
            else:
                self.exclude(name, "table missing")
        if not tables:
            raise DataError(f"{folder / TABLES.format('train')}: no such table; WBCAtt has it, _val.csv and _test.csv")
        return tables

    @staticmethod
    def _flaw(row: Mapping[str, object]) -> str:
        """Why a row cannot be used, empty if it can."""
        for key in _COLUMNS.values():
            if row[key] is not None and row[key] not in SCHEMA[key]:
                return f"unknown {key} '{row[key]}'"
        return ""

    def _read(self, path: Path, split: str) -> Iterator[tuple[dict[str, object], list[str]]]:
        """Rows, and the names of each one's image."""
        for record in self.table_of(path, ("img_name", "path", *_COLUMNS)).rows:
            if record["img_name"].startswith("."):  # a macOS folder's file
                continue
            row: dict[str, object] = {key: record[column].lower() or None for column, key in _COLUMNS.items()}
            for key, names in _VALUES.items():
                row[key] = names.get(str(row[key]), row[key])
            stem = Path(record["img_name"]).stem
            if row["granules"] == "absent" and row["granule_colour"] is not None:
                self.changed[f"{self.name}/{stem} granule_colour"] = "colour of absent granules, not stated"
                row["granule_colour"] = None
            row |= {"cell_id": f"{self.name}/{stem}", "source": self.name, "domain": "pbc"}
            written = record["path"].replace("\\", "/")
            yield row | {"split": split, "diagnosis": HEALTHY}, [written, written.rpartition("/")[2]]

    def _without_copies(self, manifest: pd.DataFrame) -> pd.DataFrame:
        digests = manifest["image"].map(lambda path: hashlib.md5(Path(path).read_bytes()).hexdigest())
        order = manifest["split"].map({"test": 0, "val": 1, "train": 2})
        ranked = order.to_frame("rank").assign(digest=digests).sort_values("rank", kind="stable")
        copies = ranked.index[ranked["digest"].duplicated()]
        for cell_id in manifest.loc[copies, "cell_id"]:
            self.exclude(cell_id, "byte-identical copy")
        return manifest.drop(index=copies).reset_index(drop=True)


def _depth(path: Path) -> tuple[int, str]:
    return len(path.parts), str(path)
