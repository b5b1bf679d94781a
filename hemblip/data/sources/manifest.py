"""The manifest that `python -m hemblip prepare` writes."""

import json
import os
from pathlib import Path
from typing import Literal

import pandas as pd

from hemblip.data.records import validate
from hemblip.data.sources.source import Source
from hemblip.data.tables import read_table
from hemblip.errors import DataError


class Manifest(Source):
    """Prepared cells with their splits and captions.

    Args:
        path: Parquet file, relative to here; the images in it are relative to `$HEMBLIP_DATA` if set, else to here.
        split: "internal" for the cells to train, validate and test on, "external" for those only tested on, "all".
    """

    name = "manifest"

    def __init__(
        self, path: str = "data/manifest.parquet", split: Literal["internal", "external", "all"] = "internal"
    ) -> None:
        self.path, self.split = path, split

    def records(self) -> pd.DataFrame:
        """Read the file; see `Source.records`."""
        table = read_manifest(Path(self.path))
        outside = table["split"] == "external"
        chosen = {"internal": ~outside, "external": outside, "all": outside | ~outside}[self.split]
        if not chosen.any():
            raise DataError(f"{self.path}: holds no {self.split} cells; prepare it with sources of that kind")
        return table[chosen].reset_index(drop=True)


def read_manifest(path: Path) -> pd.DataFrame:
    """Read a manifest, its images and masks relative to the data folder made into paths.

    Raises:
        DataError: the file is missing, damaged, or lacks a column.
    """
    if not path.is_file():
        raise DataError(
            f"{path}: no such manifest; make it with `python -m hemblip prepare`, see configs/prepare/published.yaml"
        )
    table = read_table(path)
    rows = [{name: _value(name, text) for name, text in row.items()} for row in table.rows]
    manifest = validate(pd.DataFrame(rows, columns=table.columns), str(path))
    root = Path(os.environ.get("HEMBLIP_DATA", "."))
    masks = [mask and str(root / mask) for mask in manifest["masks"]]
    return manifest.assign(
        image=[str(root / image) for image in manifest["image"]],
        masks=pd.Series(masks, manifest.index, dtype=object),  # a column of texts would have NaN for none
    )


def _value(name: str, text: str) -> object:
    """A value as it was before it was written; `validate` says what is wrong with others."""
    try:
        if name == "width_factor":
            return float(text)
        return json.loads(text) if name in ("bbox", "captions") and text else text or None
    except (ValueError, RecursionError):
        return text
