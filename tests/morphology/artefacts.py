"""What tokenizers, typesetting and models do to a caption without changing what it states."""

import re


def spaced(text):
    """As BLIP's tokenizer decodes: lower case, blanks around punctuation and hyphens."""
    return re.sub(r"([.,;:()/-])", r" \1 ", text.lower())


ARTEFACTS = {
    "upper case": str.upper,
    "lower case": str.lower,
    "decoded": spaced,
    "blanks doubled": lambda text: text.replace(" ", "  "),
    "special tokens": lambda text: f"[CLS] {spaced(text)} [SEP]",
    "turn markers": lambda text: f"<start_of_turn>model\n{text}<end_of_turn>",
    "bold": lambda text: f"**{text}**",
    "quoted": lambda text: f'"{text}"',
    "blanks around": lambda text: f"\n  {text}\t",
    "non-breaking hyphens": lambda text: text.replace("-", "\u2011"),
    "en dashes": lambda text: text.replace("-", "\u2013"),
    "repeated": lambda text: f"{text} {text} {text}",
    "wrapped lines": lambda text: text.replace(". ", ".\n"),
}
