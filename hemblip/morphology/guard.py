"""What a caption must not do: state another fact than the annotation, leave one out, or contradict itself."""

from collections.abc import Iterator

from hemblip.morphology import NEGATIVE_VALUES, Attributes, complete, extract_attributes
from hemblip.morphology.extract import read_sentences


def deviations(text: str, attributes: Attributes) -> list[str]:
    """Say where `text` departs from the cell.

    Args:
        text: a caption.
        attributes: any subset of the 15 schema keys; `None` means not stated.

    Returns:
        One line, beginning with the attribute's key, for each attribute that is missing, changed, invented or
        contradicted; empty if the caption states exactly the attributes.
    """
    if not text.strip():
        return ["text is empty"]
    expected, found = complete(attributes), extract_attributes(text)
    wrong = {
        key: f"{key} {_said(found[key])}" + (f", the cell's is {value}" if value is not None else "")
        for key, value in expected.items()
        if found[key] != value
    }
    for key, value in _statements(text):
        if value != expected[key]:
            wrong.setdefault(key, f"{key} is also stated as {value}")
    return list(wrong.values())


def states_exactly(text: str, attributes: Attributes) -> bool:
    """Whether a caption states the given attributes and nothing else of the schema."""
    return not deviations(text, attributes)


def _statements(text: str) -> Iterator[tuple[str, str]]:
    """All statements, not only the first of each key as `extract_attributes` has them.

    Of things that can be denied only the first in each sentence counts: "no vacuoles are seen" is one statement.
    """
    for _, _, stated in read_sentences(text):
        denied: set[str] = set()
        for statement in stated:
            if statement.key not in denied:
                yield statement.key, statement.value
            denied |= {statement.key} & NEGATIVE_VALUES.keys()


def _said(value: str | None) -> str:
    return "is not stated" if value is None else f"is stated as {value}"
