"""`describe` states every given attribute and nothing else: what it writes is read back exactly."""

import pandas as pd
import pytest
from hypothesis import given, settings
from morphology.cells import cells

from hemblip.data import sources
from hemblip.errors import ConfigError, DataError, HemblipError
from hemblip.morphology import KEYS, SCHEMA, STYLES, complete, describe, extract_attributes


@pytest.mark.parametrize("style", range(STYLES))
@settings(max_examples=400, deadline=None)
@given(cell=cells)
def test_every_style_reads_back(style, cell):
    assert extract_attributes(describe(cell, style)) == cell


@pytest.mark.parametrize("style", range(STYLES))
@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in SCHEMA.items() for value in values])
def test_every_value_alone_reads_back(style, key, value):
    assert extract_attributes(describe({key: value}, style)) == complete({key: value})


@pytest.mark.parametrize("style", range(STYLES))
def test_nothing_given_is_still_a_sentence(style):
    text = describe({}, style)
    assert text[0].isupper()
    assert text.endswith(".")
    assert extract_attributes(text) == dict.fromkeys(KEYS)


def test_styles_differ():
    cell = {key: values[0] for key, values in SCHEMA.items() if key not in ("granules", "granule_colour")}
    assert len({describe(cell, style) for style in range(STYLES)}) == STYLES >= 6


@pytest.mark.real
def test_every_wbcatt_row_reads_back_in_every_style():
    try:
        rows = sources.WBCAtt(keep_copies=True).records()
    except HemblipError as missing:
        pytest.skip(str(missing))
    table = rows[list(KEYS)].astype(object).where(pd.notna(rows[list(KEYS)]), None)
    distinct = table.drop_duplicates().to_dict("records")
    assert len(rows) >= 100
    for cell in distinct:
        for style in range(STYLES):
            assert extract_attributes(describe(cell, style)) == cell


@pytest.mark.parametrize("style", [-1, STYLES, 1.5, "0"])
def test_unknown_style_is_named(style):
    with pytest.raises(ConfigError, match=f"0 to {STYLES - 1}"):
        describe({}, style)


@pytest.mark.parametrize(
    ("cell", "named"),
    [
        ({"cell_type": "heterophil"}, "heterophil"),
        ({"colour": "blue"}, "colour"),
        ({"granules": "absent", "granule_colour": "pink"}, "pink"),
    ],
)
def test_values_outside_the_schema_are_named(cell, named):
    with pytest.raises(DataError, match=named):
        describe(cell)
