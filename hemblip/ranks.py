"""Values of all processes of a run."""

from typing import Any, TypeVar

from torch import distributed

Value = TypeVar("Value")


def gather(value: Value) -> list[Value]:
    """Give the values of all ranks, in their order, to each of them; alone, the one value."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return [value]
    gathered: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(gathered, value)
    return gathered
