"""Micro-F1 of the extractor on a corpus of captions with the attributes that they state."""

from pathlib import Path

import yaml

from hemblip.morphology import extract_attributes


def load(name: str) -> dict[str, list[tuple[str, dict[str, str]]]]:
    return yaml.safe_load(Path(__file__).with_name(name).read_text(encoding="utf-8"))


def stated(text: str) -> dict[str, str]:
    return {key: value for key, value in extract_attributes(text).items() if value is not None}


def counts(captions) -> tuple[int, int, int]:
    """True positives, false positives and false negatives over (key, value) pairs."""
    hit = extra = missed = 0
    for text, expected in captions:
        found = stated(text)
        common = len(found.items() & expected.items())
        hit, extra, missed = hit + common, extra + len(found) - common, missed + len(expected) - common
    return hit, extra, missed


def micro_f1(captions) -> float:
    hit, extra, missed = counts(captions)
    return 1.0 if hit + extra + missed == 0 else 2 * hit / (2 * hit + extra + missed)
