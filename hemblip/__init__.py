"""HemBLIP: vision-language models that describe white blood cells."""

__version__ = "0.1.0"
