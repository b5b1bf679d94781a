"""How captions are spelt: American or British, and as printed where a tokenizer without capitals wrote them."""

import re

_BRITISH = {"leukemia": "leukaemia", "leukocyte": "leucocyte", "color": "colour", "characterized": "characterised"}
_WORDS = re.compile("|".join(_BRITISH), re.IGNORECASE)


def british(text: str) -> str:
    """Spell `text` as in Britain: leukaemia, colour, characterised."""
    return _WORDS.sub(_respell, text)


_JOINED = re.compile(r"(?<=\w) ([-/:]) (?=\w)")
_CAPITALS = re.compile(r"\b(?:aml|apml|apl|cll|cml|n[:/]c)\b|\(all\)|(?:^|(?<=[.!?] ))[a-z]")
_OPEN, _CLOSED = re.compile(r"\( "), re.compile(r" (?=[),.;!?])")


def printed(caption: str) -> str:
    """Give a caption without any capital letter its capitals, and take the blanks from around its hyphens.

    Tokenizers without capitals decode "Unsegmented-band." as "unsegmented - band."; other captions stay as they are.
    Only white space and case change.
    """
    caption = caption.strip()
    if caption != caption.lower():
        return caption
    caption = _CLOSED.sub("", _OPEN.sub("(", _JOINED.sub(_close, caption)))
    return _CAPITALS.sub(lambda match: match[0].upper(), caption)


def _close(match: re.Match[str]) -> str:
    """A colon is closed up in "n : c" only."""
    ratio = match.string.startswith("n", match.start() - 1) and match.string.startswith("c", match.end())
    return match[1] if match[1] != ":" or ratio else ": "


def _respell(match: re.Match[str]) -> str:
    word = _BRITISH[match[0].lower()]
    return word.capitalize() if match[0][0].isupper() else word
