"""American and British spelling of what captions are written with."""

import re

_BRITISH = {"leukemia": "leukaemia", "leukocyte": "leucocyte", "color": "colour", "characterized": "characterised"}
_WORDS = re.compile("|".join(_BRITISH), re.IGNORECASE)


def british(text: str) -> str:
    """Spell `text` as in Britain: leukaemia, colour, characterised."""
    return _WORDS.sub(_respell, text)


def _respell(match: re.Match[str]) -> str:
    word = _BRITISH[match[0].lower()]
    return word.capitalize() if match[0][0].isupper() else word
