"""Numbers that users set, checked where they arrive."""

import operator

from hemblip.errors import ConfigError

BOUNDS = {"at_least": operator.ge, "above": operator.gt, "at_most": operator.le, "below": operator.lt}


def check_range(setting: str, value: float, **bounds: float) -> None:
    """Refuse a number out of its range.

    Args:
        setting: its name in configs.
        value: the number.
        **bounds: `at_least`, `above`, `at_most` or `below` what it must be.

    Raises:
        ConfigError: it is out of range, or not a number.
    """
    if not all(BOUNDS[bound](value, limit) for bound, limit in bounds.items()):
        allowed = " and ".join(f"{bound.replace('_', ' ')} {limit}" for bound, limit in bounds.items())
        raise ConfigError(f"{setting} is {value}; it is {allowed}")
