"""The errors that a user can cause; the command line prints them as one line and exits with their code."""

import operator


def shown(text: str, longest: int = 300) -> str:
    """Text that may come from outside, as a terminal can show it: one line, control characters escaped, not endless."""
    cut = text if len(text) <= longest else f"{text[: longest // 2]}...{text[-longest // 2 :]}"
    line = " ".join(cut.split("\n")).strip()
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in line)


class HemblipError(Exception):
    """Base of all errors whose message, one line, names the value, where it came from and the fix."""

    exit_code = 2

    def __init__(self, message: str = "") -> None:
        super().__init__(shown(message, longest=4000))


class ConfigError(HemblipError):
    """A setting is unknown, misspelt, out of range, or does not fit another setting."""


class DataError(HemblipError):
    """A file, table, image or label cannot be used as it is."""


class ImageError(DataError):
    """An image file, or a box in it, cannot be used.

    Args:
        message: path, reason and fix.
        kind: what such images have in common, to be counted.
    """

    def __init__(self, message: str, kind: str = "image not readable") -> None:
        super().__init__(message)
        self.kind = kind


class ModelAccessError(HemblipError):
    """Pretrained weights cannot be reached: no network, no token, or a licence not accepted."""


class CheckpointError(HemblipError):
    """A checkpoint is missing, incomplete, or belongs to another model."""


class TrainingError(HemblipError):
    """Training cannot go on: the loss is not finite."""


LARGEST = 2**63
"""Of numbers of 64 bits, one more."""

BOUNDS = {"at_least": operator.ge, "above": operator.gt, "at_most": operator.le, "below": operator.lt}


def check_range(setting: str, value: float, **bounds: float) -> None:
    """Refuse a number out of its range.

    Args:
        setting: its name in configs.
        value: the number.
        **bounds: `at_least`, `above`, `at_most` or `below` what it must be.

    Raises:
        ConfigError: it is out of range, of more than 64 bits, or not a number.
    """
    if not abs(value) < LARGEST or not all(BOUNDS[bound](value, limit) for bound, limit in bounds.items()):
        allowed = " and ".join(f"{bound.replace('_', ' ')} {limit}" for bound, limit in bounds.items())
        written = int(value) if isinstance(value, float) and value.is_integer() else value  # 0 is 0.0 to a parser
        raise ConfigError(f"{setting} is {shown(str(written), 60)}; it is {allowed}")
