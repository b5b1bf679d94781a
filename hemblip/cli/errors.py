"""What a user reads of an error: one line with the value, where it came from, and what is wrong."""

import errno
import os
import re
import tempfile
import traceback
from collections.abc import Sequence

from jsonargparse import ArgumentError

from hemblip.cli.typos import told
from hemblip.errors import HemblipError, shown

OUTER = re.compile(
    r"Subtypes: |Errors:|Given value|(- )?Does not validate|- Expected a <class 'NoneType'>|- Expected a path but"
)
"""Starts of jsonargparse's lines that tell what it tried, not what is wrong."""

MISSING = re.compile(r"(?:the following )?arguments are required: (.+)")
"""Of the command line itself; what a class within a setting lacks is told with the way to it."""

LONGEST = 300
"""Letters of an unexpected error that are shown."""

MOST = 4000
"""Letters of a line about what the user gave."""

SHOW = "HEMBLIP_TRACEBACK"
"""Environment variable: with 1, the traceback of an unexpected error is printed."""

MENDS = {
    errno.ENOSPC: "make room or choose another folder",
    errno.EDQUOT: "make room or choose another folder",
    errno.EACCES: "choose a place that you may read and write, or change its permissions",
    errno.EPERM: "choose a place that you may read and write, or change its permissions",
    errno.EROFS: "choose a folder that can be written to",
    errno.ENAMETOOLONG: "choose a shorter name",
}
"""What a user can do about an error of the system, by its number."""


def error_line(error: BaseException, words: Sequence[str], example: str = "") -> str | None:
    """Put an error that the user can mend in one line; None for other errors.

    Args:
        error: perhaps wrapped in others: jsonargparse wraps those of constructors.
        words: of the command line after the command.
        example: of a command line.
    """
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, HemblipError):
            return " ".join(str(link).split())
        if isinstance(link, ArgumentError):
            text = _innermost(str(link))
            if missing := MISSING.match(text):
                names = ", ".join(f"--{name}" for name in missing[1].split(", "))
                what = "--config" if missing[1].endswith((".data", ".model")) else names
                return f"no {what} on the command line; for example: {example}"
            return shown(told(link, text, words), MOST)
        if isinstance(link, RuntimeError) and str(link).startswith("operator torchvision::"):
            fix = "install the torchvision that was built for this torch, or remove it"
            return shown(f"the torchvision here does not fit torch ({link}); {fix}", MOST)
        if isinstance(link, OSError) and (link.filename or link.errno in MENDS):
            place = f"{os.fsdecode(link.filename)}: " if isinstance(link.filename, str | bytes | os.PathLike) else ""
            return shown(f"{place}{link.strerror}; {MENDS.get(link.errno or 0, 'give another path')}", MOST)
        link = link.__cause__ or link.__context__
    return None


def unexpected_line(error: BaseException) -> str:
    """Put an error that nobody foresaw in one line, and its traceback in a file that it names."""
    told = "".join(traceback.format_exception(error))
    if os.environ.get(SHOW) == "1":
        return f"unexpected {type(error).__name__}\n{told}"
    text = shown(" ".join(str(error).split())[:LONGEST])
    try:
        with tempfile.NamedTemporaryFile("wb", prefix="hemblip-", suffix="-traceback.txt", delete=False) as file:
            file.write(told.encode(errors="backslashreplace"))
        where = f"The traceback is in {file.name}; please report it ({SHOW}=1 shows it here)"
    except OSError as full:
        where = f"The traceback could not be saved ({full.strerror}); {SHOW}=1 shows it here, please report it"
    return f"unexpected {type(error).__name__}: {text}; nothing written before is lost. {where}"


def _innermost(text: str) -> str:
    """Leave of jsonargparse's tree the way to the setting and what is wrong with it."""
    lines = text.splitlines()
    told = [line.strip() for line in lines if line.strip() and not OUTER.match(line.strip())]
    line = re.sub(r'Parser key "([^"]*)":', r"\1:", " ".join(told))
    line = re.sub(r"Problem with given class_path '[\w.]*?(\w+)':", r"\1:", line).replace(" - ", " ")
    line = re.sub(r"(?:a )?<class '([\w.]+)'>", r"\1", line).replace("typing.", "")
    values = [line.strip() for line in lines if line.strip().startswith("Given value:")]
    if values and "Expected" in line and "value" not in line:
        line += f". Got {values[0].removeprefix('Given ')}"  # the innermost comes first
    line = re.sub("([Gg]ot value: )None$", r"\1null", " ".join(line.split()))
    return re.sub(r"(Expected str\. Got value: [^\[{]*)$", r"\1; put it in quotes if it is text", line)
