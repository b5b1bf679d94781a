"""The errors that a user can cause; the command line prints them as one line and exits with their code."""


class HemblipError(Exception):
    """Base of all errors whose message names the value, where it came from and the fix."""

    exit_code = 2


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
