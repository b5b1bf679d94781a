"""Settings and classes that are not there: where they were given, and what was meant."""

import dataclasses
import importlib
import inspect
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

import yaml
from jsonargparse import ArgumentError

from hemblip.cli.config_files import config_files

UNKNOWN_WORD = re.compile(r"unrecognized arguments: (\S+)")
UNKNOWN_SETTING = re.compile(r"(?:\w+ '[^']+' does not accept option|Option) '([^']+)'( is not accepted)?")
UNKNOWN_CLASS = re.compile(r"(?:Expected a dot import path string: |module '([\w.]+)' has no attribute ')(\w+)'?")
CLASS = re.compile(r"Problem with given class_path '([\w.]+)'")
EXPECTED = re.compile(r"Subtypes: \[<class '([\w.]+)'>")
OURS = ("hemblip.models", "hemblip.data", "hemblip.data.sources", "hemblip.data.countermeasures")
"""Modules whose classes configs name."""


def told(error: ArgumentError, text: str, words: Sequence[str]) -> str:
    """Say where an unknown name or a wrong value was given, and which name is near.

    Args:
        error: of the parser; `hemblip.cli.help.check_names` has refused most misspelt names before it.
        text: what is said of it, one line.
        words: of the command line after the command.
    """
    if found := UNKNOWN_WORD.search(text):
        word = found[1].split("=")[0]
        if not word.startswith("-"):
            return f"'{word}' on the command line belongs to no setting; settings are --name value"
        return f"{word} on the command line is no setting{near(word, [])}"
    if found := UNKNOWN_SETTING.search(text):
        name = found[1]
        kinds = CLASS.findall(str(error))
        known = _parameters(kinds[-1]) if kinds else []
        return f"{_origin(name.rsplit('.', 1)[-1], None, words)}{text}{near(name, known)}"
    if (found := UNKNOWN_CLASS.search(text)) and (settings := _settings(str(error))):
        way, value = text[: found.start()].removesuffix(": "), found[2]
        names = ", ".join(f"{way.rsplit(' ', 1)[-1]}.{name}" for name in settings)
        return f"{_origin(value, None, words)}{way}: {value} is no value for it; its settings are {names}"
    if found := UNKNOWN_CLASS.search(text):
        modules = [found[1]] if found[1] else OURS
        return f"{_origin(found[2], None, words)}{text.split('. Got value')[0]}{near(found[2], _classes(modules))}"
    value = re.search(r"[Gg]ot value: (.*)$", text)
    return f"{_origin(text.split(':')[0], value and value[1], words)}{text}"


def _settings(text: str) -> list[str]:
    """Name the fields of the group of settings that the parser expected last; none if it expected something else."""
    for path in reversed(EXPECTED.findall(text)):
        module, _, name = path.rpartition(".")
        if not module.startswith("hemblip."):
            continue
        kind = getattr(importlib.import_module(module), name)
        return [field.name for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else []
    return []


def near(name: str, known: Iterable[str]) -> str:
    """Name what was meant: the setting, or the group that it begins with."""
    known = list(known)
    first, *rest = name.split(".")
    near = get_close_matches(name, known, 1, cutoff=0.7)
    if rest and not near and first not in known:
        near = [".".join([group, *rest]) for group in get_close_matches(first, known, 1, cutoff=0.7)]
    return f"; did you mean {near[0]}?" if near else "; --help lists the settings"


def _parameters(kind: str) -> list[str]:
    """Name the parameters of a class and of those that it hands others on to."""
    module, _, name = kind.rpartition(".")
    names: list[str] = []
    with suppress(ImportError, AttributeError, ValueError):
        for part in inspect.getmro(getattr(importlib.import_module(module), name)):
            names += [key for key in inspect.signature(part.__init__).parameters if key != "self"]  # type: ignore[misc]
    return names


def _classes(modules: Iterable[str]) -> Iterator[str]:
    for module in modules:
        with suppress(ImportError):
            place = importlib.import_module(module)
            yield from getattr(place, "__all__", None) or [
                name for name, one in vars(place).items() if inspect.isclass(one)
            ]


def _origin(name: str, value: str | None, words: Sequence[str]) -> str:
    """Name the config files where a setting stands, nothing if the command line has it.

    Args:
        name: of the setting, with or without those above it; or a word of its value.
        value: that is wrong, if it is known.
        words: of the command line.
    """
    configs = list(config_files(words))
    line = [*words]
    for place, word in enumerate(line):
        if word in ("--config", "-c") or word.startswith("--config="):
            line[place : place + 2 - ("=" in word)] = [""] * (2 - ("=" in word))
    here = any(_names(word, name) for word in line)
    if here and (value is None or any(value in word for word in line)):
        return ""
    own = [path for path in configs if _stands(Path(path), name)]
    return f"{', '.join(own or configs)}: " if configs else ""


def _names(word: str, name: str) -> bool:
    """Whether a word of the command line names a setting, one below it, or a value."""
    key, _, given = word.partition("=")
    return key.startswith(f"--{name}") or key.endswith(f".{name}") or name in (word, given)


def _stands(path: Path, name: str) -> bool:
    """Whether a key or value of a config has the last part of a setting's name."""
    last = name.rsplit(".", 1)[-1]
    with suppress(OSError, yaml.YAMLError, UnicodeDecodeError):
        events = yaml.parse(path.read_text(encoding="utf-8-sig"), yaml.SafeLoader)
        return any(isinstance(event, yaml.ScalarEvent) and event.value.endswith(last) for event in events)
    return False
