"""American and British spelling of what captions are written with."""

import re

_BRITISH = {
    "leukemia": "leukaemia",
    "leukocyte": "leucocyte",
    "color": "colour",
    "characterized": "characterised",
    "recognized": "recognised",
    "visualized": "visualised",
    "hematologic": "haematologic",
}
_WORDS = re.compile("|".join(_BRITISH))


def british(text: str) -> str:
    """Spell `text` as in Britain: leukaemia, colour, characterised."""
    return _WORDS.sub(lambda match: _BRITISH[match[0]], text)
