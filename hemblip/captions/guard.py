"""What a caption must not do: state another fact than the annotation, or leave one out."""

from hemblip.morphology import Attributes, complete, extract_attributes


def deviations(text: str, attributes: Attributes) -> list[str]:
    """Say where `text` departs from the cell.

    Args:
        text: a caption.
        attributes: any subset of the 15 schema keys; `None` means not stated.

    Returns:
        One line an attribute that is missing, changed or invented; empty if the caption states exactly the attributes.
    """
    if not text.strip():
        return ["the text is empty"]
    expected, found = complete(attributes), extract_attributes(text)
    return [
        f"{key} {_said(found[key])}, the cell's is {value}" if value is not None else f"{key} {_said(found[key])}"
        for key, value in expected.items()
        if found[key] != value
    ]


def states_exactly(text: str, attributes: Attributes) -> bool:
    """Whether a caption states the given attributes and nothing else of the schema."""
    return not deviations(text, attributes)


def _said(value: str | None) -> str:
    return "is not stated" if value is None else f"is stated as {value}"
