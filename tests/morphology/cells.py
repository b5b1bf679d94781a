"""Random cells: attribute sets that the schema allows."""

from hypothesis import strategies as st

from hemblip.morphology import SCHEMA

cells = st.fixed_dictionaries({key: st.none() | st.sampled_from(values) for key, values in SCHEMA.items()}).map(
    lambda cell: cell | {"granule_colour": None} if cell["granules"] == "absent" else cell
)
