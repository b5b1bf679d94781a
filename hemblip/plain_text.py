"""Text from outside stays text: nothing in it acts on a terminal, a page, a LaTeX run or a spreadsheet."""

import re

import pandas as pd

ACTING = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
"""Control characters, and marks that turn the direction of what follows."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First letters of what a spreadsheet computes: https://owasp.org/www-community/attacks/CSV_Injection."""

QUOTE = "'"
"""Before a formula it makes a text of it."""


def plain(text: str) -> str:
    """Leave out the characters that act instead of being shown; line breaks and tabs stay."""
    return ACTING.sub("", text)


def csv_text(table: pd.DataFrame, float_format: str | None = None) -> str:
    """Write a table as CSV that a spreadsheet shows as it is; `as_written` takes its quotation marks away again."""
    kept = table.rename(columns=_quoted)
    for place, kind in enumerate(kept.dtypes):
        if not pd.api.types.is_numeric_dtype(kind):
            kept.isetitem(place, kept.iloc[:, place].map(_quoted))
    return str(kept.to_csv(index=False, float_format=float_format, lineterminator="\n"))


def as_written(cell: str) -> str:
    """Give what a cell of `csv_text` held."""
    return cell[1:] if cell.startswith(QUOTE) and _quoted(cell[1:]) == cell else cell


def _quoted(value: object) -> object:
    """Text that would be a formula gets a quotation mark; so does what already looks quoted, to be told apart."""
    if not isinstance(value, str) or not value.lstrip(QUOTE).startswith(FORMULA) or _is_number(value):
        return value
    return QUOTE + value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
