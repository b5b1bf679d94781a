"""Parquet tables whose texts repeat, read so that equal texts are one object: a million captions take no gigabyte."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq


def read_arrow(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a Parquet file; columns of text hold each text once, and its number in each row."""
    schema = pq.read_schema(path)
    texts = [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)]
    return pq.read_table(path, columns=None if columns is None else list(columns), read_dictionary=texts)


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """Make a data frame of `read_arrow`'s table; texts are objects that rows share, None where there is none."""
    frame = table.to_pandas(split_blocks=True)
    for name, column in frame.items():
        if isinstance(column.dtype, pd.CategoricalDtype):
            values = column.cat.categories.to_numpy(dtype=object)
            texts = pd.Series([*values, None], dtype=object).to_numpy()
            frame[name] = pd.Series(texts[column.cat.codes.to_numpy()], frame.index, dtype=object)  # no copies of them
    return frame
