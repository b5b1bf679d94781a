"""Caption -> attributes: reads what free text states of the cell described.

The text is split into sentences, sentences that are not about the cell are left out, and in each of the others every
modifier is given to its noun. The first statement of a key wins.
"""

from functools import lru_cache

from hemblip.morphology.clauses import Reader
from hemblip.morphology.schema import KEYS
from hemblip.morphology.scope import is_differential, is_general, is_prompt, without_label
from hemblip.morphology.tokens import items, normalise, sentences


def extract_attributes(text: str) -> dict[str, str | None]:
    """Read the attributes that `text` states.

    Args:
        text: any text; letter case does not matter.

    Returns:
        Exactly the 15 schema keys; `None` where the text states nothing, or does not decide.
    """
    found: dict[str, str] = {}
    for tokens in sentences(normalise(text)):
        for key, value in _read(tokens):
            found.setdefault(key, value)
    if found.get("granules") == "absent":
        found.pop("granule_colour", None)
    return {key: found.get(key) for key in KEYS}


@lru_cache(maxsize=16384)
def _read(tokens: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The statements of one sentence, in order; captions repeat sentences, so they are remembered."""
    tokens = without_label(tokens)
    if is_prompt(tokens) or is_differential(tokens):
        return ()
    found = items(tokens)
    if is_general(tokens, found):
        return ()
    return tuple((statement.key, statement.value) for statement in Reader(found).read())
