"""What every source promises, checked on one: for the tests of a class of your own, and of ours."""

import inspect
import pickle

import pandas as pd

from hemblip.data.images import read_cell
from hemblip.data.records import MANIFEST_COLUMNS, QUESTION, validate
from hemblip.data.sources.source import Source
from hemblip.errors import DataError


def check_source(source: Source, images: int = 20) -> pd.DataFrame:
    """Check that a source keeps the contract of `Source`; it is read twice.

        def test_my_clinic():
            cells = check_source(MyClinic("tests/clinic"))
            assert len(cells) == 3

    Args:
        source: of at least one cell.
        images: cells, evenly spaced, whose images are opened.

    Returns:
        Its manifest (`hemblip.data.records`), for what only the dataset's own test can know.

    Raises:
        AssertionError: the contract is broken; it says how, and what to do.
        DataError: the dataset is not as its source expects it.
    """
    kind = type(source).__name__
    assert isinstance(source, Source), f"{kind} is no subclass of hemblip.data.sources.Source"
    assert isinstance(source.name, str) and source.name.strip(), f"{kind}.name is empty: name the source"
    for name, parameter in list(inspect.signature(type(source).__init__).parameters.items())[1:]:
        assert parameter.annotation is not parameter.empty, f"{kind}: annotate '{name}', so that a config can set it"
    first = source.records()
    assert isinstance(first, pd.DataFrame), f"{kind}.records gives a {type(first).__name__}, not a DataFrame"
    assert tuple(first.columns.drop(QUESTION, errors="ignore")) == MANIFEST_COLUMNS, (
        f"{kind}.records: end with self.manifest(rows, origin)"
    )
    assert len(first), f"{kind}.records found no cell: raise a DataError that says where it looked"
    try:
        validate(first, kind)
    except DataError as error:
        raise AssertionError(f"{kind}.records: {error}") from error
    _check_splits(first, kind)
    for row in first.iloc[:: max(1, len(first) // images)].to_dict("records"):
        try:
            read_cell(row["image"], row["bbox"], float(row["width_factor"]))
        except DataError as error:
            raise AssertionError(f"{kind}: cell '{row['cell_id']}' cannot be read ({error}); exclude it") from error
    excluded, changed = dict(source.excluded), dict(source.changed)
    for entry, reason in [*excluded.items(), *changed.items()]:
        assert reason.strip(), f"{kind}: '{entry}' is excluded or changed without a reason"
    again = source.records()
    assert first.equals(again), f"{kind}.records gives another table the second time: sort what a folder lists"
    assert (excluded, changed) == (source.excluded, source.changed), f"{kind}: reading twice excludes other entries"
    try:
        pickle.dumps(source)  # workers of a loader get a copy
    except Exception as error:
        raise AssertionError(f"{kind} cannot be pickled ({error}); keep no open files in it") from error
    return first


def _check_splits(cells: pd.DataFrame, kind: str) -> None:
    """A group in two splits would test on patients that were trained on."""
    split = cells[cells["split"].isin(["train", "val", "test"])]
    several = split.groupby("group")["split"].nunique()
    assert not (several > 1).any(), f"{kind}: group '{several.idxmax()}' is in several splits; leave its split None"
