"""Words for cells: the schema, attributes -> caption (`describe`), caption -> attributes (`extract_attributes`)."""

from hemblip.morphology.describe import STYLES, describe
from hemblip.morphology.extract import extract_attributes
from hemblip.morphology.schema import HEALTHY, KEYS, NEGATIVE_VALUES, SCHEMA, Attributes, complete

__all__ = [
    "HEALTHY",
    "KEYS",
    "NEGATIVE_VALUES",
    "SCHEMA",
    "STYLES",
    "Attributes",
    "complete",
    "describe",
    "extract_attributes",
]
