"""The offline captions: a small grammar that says the same cell in many ways."""

import random

from hemblip.errors import ConfigError
from hemblip.morphology import Attributes, complete
from hemblip.morphology.guard import states_exactly
from hemblip.morphology.plans import PLANS
from hemblip.morphology.spelling import british
from hemblip.morphology.wording import Wording

ATTEMPTS = 60
"""Draws for one caption before the cell counts as exhausted; only cells that state next to nothing are."""


def captions(attributes: Attributes, k: int, seed: int = 0, cell_id: str = "") -> list[str]:
    """Write `k` different captions of one cell, each stating exactly its attributes.

    Caption i depends on the attributes, seed, cell id and i alone, so fewer captions are the first of more.

    Args:
        attributes: any subset of the 15 schema keys; `None` means not stated.
        k: how many, at least 1.
        seed: of all choices.
        cell_id: gives cells with equal attributes different captions.

    Returns:
        `k` captions of one to six sentences; fewer if the cell states so little that there are not so many.

    Raises:
        ConfigError: `k` is below 1.
        DataError: a key or value is not in the schema.
    """
    if k < 1:
        raise ConfigError(f"k is {k}; a cell needs at least 1 caption")
    cell = complete(attributes)
    written: list[str] = []
    for index in range(k):
        for attempt in range(ATTEMPTS):
            text = write(cell, random.Random(f"{seed}/{cell_id}/{index}/{attempt}"))
            if text not in written and states_exactly(text, cell):
                written.append(text)
                break
        else:
            break
    return written


def write(cell: dict[str, str | None], draw: random.Random) -> str:
    """Draw one caption; it may fail the guard where wordings clash."""
    wording = Wording(cell, draw)
    text = draw.choice(PLANS)(wording)
    return british(text) if draw.random() < 0.5 else text
