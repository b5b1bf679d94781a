"""Random cells that the schema allows."""

from hypothesis import strategies as st

from hemblip.morphology import SCHEMA, complete

WBCATT = complete(
    {
        "cell_type": "neutrophil",
        "diagnosis": "healthy",
        "cell_size": "large",
        "cell_shape": "round",
        "nucleus_shape": "segmented-multilobed",
        "nuclear_cytoplasmic_ratio": "low",
        "chromatin": "dense",
        "cytoplasm_texture": "clear",
        "cytoplasm_colour": "light blue",
        "cytoplasm_vacuoles": "absent",
        "granules": "small",
        "granule_colour": "pink",
    }
)
LEUKEMIC = complete(
    {
        "cell_type": "myeloblast",
        "diagnosis": "AML",
        "cell_size": "large",
        "nucleus_shape": "irregular",
        "chromatin": "open",
        "nucleoli": "prominent",
        "cytoplasm_amount": "scanty",
        "cytoplasm_basophilia": "moderate",
        "cytoplasm_vacuoles": "present",
    }
)


@st.composite
def cells(draw):
    cell = {key: draw(st.sampled_from((None, *values))) for key, values in SCHEMA.items()}
    if cell["granules"] == "absent":
        cell["granule_colour"] = None
    return complete(cell)
