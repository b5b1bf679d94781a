"""The declared table of which parts of a cell each statement may depend on: `parts.yaml`."""

from functools import cache
from importlib.resources import files

import yaml

PARTS_OF_CELL = ("nucleus", "cytoplasm")


@cache
def allowed_parts() -> dict[str, tuple[str, ...]]:
    """Attribute, or `caption`, -> the parts that may matter to it."""
    text = files("hemblip.explain").joinpath("parts.yaml").read_text(encoding="utf-8")
    return {key: tuple(parts) for key, parts in yaml.safe_load(text).items()}
