"""What a captioner was made with, as a config and a checkpoint hold it."""

import inspect
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any


def arguments_of(made: object) -> dict[str, Any]:
    """Arguments of the outermost constructor that is making an object, by name; call it in one of them."""
    frame, found = inspect.currentframe(), None
    frame = frame.f_back if frame else None
    while frame is not None and frame.f_code.co_name == "__init__" and frame.f_locals.get("self") is made:
        found, frame = frame, frame.f_back
    if found is None:
        return {}
    given = inspect.getargvalues(found)
    named = {name: given.locals[name] for name in given.args if name != "self"}
    return {name: _plain(value) for name, value in {**named, **given.locals.get(given.keywords or "", {})}.items()}


def _plain(value: Any) -> Any:
    """Turn a setting into what YAML and a checkpoint hold."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, Path) else value
