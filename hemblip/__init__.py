"""HemBLIP: vision-language models that describe white blood cells.

The front door; each name is loaded when it is first used, so that scoring captions needs no torch:

    load(run, checkpoint or exported folder)    a captioner, whose `describe` takes paths, pictures and arrays
    score(captions, references, annotations)    scores and intervals of anybody's captions
    compare(runs and tables)                    the same of several, side by side
    rows(captions, ...)                         prediction rows of anybody's captions
    Run(folder)                                 a run: settings, weights, curves, predictions, scores
    extract_attributes(text), describe(attributes)    caption -> attributes, attributes -> caption
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

_HOMES = {
    "load": "hemblip.models.loading",
    "score": "hemblip.reporting.score",
    "compare": "hemblip.reporting.compare",
    "rows": "hemblip.predictions",
    "Run": "hemblip.run",
    "describe": "hemblip.morphology",
    "extract_attributes": "hemblip.morphology",
}
"""Name -> module that defines it."""

__all__ = ["Run", "__version__", "compare", "describe", "extract_attributes", "load", "rows", "score"]

if TYPE_CHECKING:
    from hemblip.models.loading import load
    from hemblip.morphology import describe, extract_attributes
    from hemblip.predictions import rows
    from hemblip.reporting.compare import compare
    from hemblip.reporting.score import score
    from hemblip.run import Run


def __getattr__(name: str) -> Any:
    """Load a name of the front door."""
    if name not in _HOMES:
        raise AttributeError(f"module 'hemblip' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
