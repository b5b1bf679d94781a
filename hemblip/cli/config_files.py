"""The words of a command line, and the config files that they name: local, of a usual size, without YAML's tricks."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from hemblip.errors import ConfigError

LARGEST = 1_000_000
"""Bytes of a config."""

DEEPEST = 40
"""Levels of a config."""

LONGEST_SHOWN = 60
"""Letters of a value that are shown."""

MOST = 100_000
"""Values of a config, those that aliases repeat included."""


def check_words(words: Sequence[str]) -> None:
    """Check the words of a command line, and the configs that they name, before a parser reads them.

    Raises:
        ConfigError: a word holds a NUL, `--config` has no value, or a config cannot be read; it is named.
    """
    for word in words:
        if "\0" in word:
            raise ConfigError(f"{word!r} on the command line holds a NUL; leave it out")
    for path in config_files(words):
        check_config(path)


def option(words: Sequence[str], name: str) -> tuple[str | None, list[str]]:
    """Take an option out of a command line: its last value, if it is there, and the other words.

    Raises:
        ConfigError: it has no value.
    """
    value, kept = None, list[str]()
    rest = iter(words)
    for word in rest:
        if word != name and not word.startswith(f"{name}="):
            kept.append(word)
            continue
        value = next(rest, "") if word == name else word.partition("=")[2]
        if not value or value.startswith("--"):
            raise ConfigError(f"{name} on the command line has no value; give {name} VALUE")
    return value, kept


def config_files(words: Sequence[str]) -> Iterator[str]:
    """Name the config files of a command line, in their order.

    Raises:
        ConfigError: the last word is `--config`.
    """
    for place, word in enumerate(words):
        if word.startswith("--config="):
            yield word.removeprefix("--config=")
        elif word in ("--config", "-c"):
            if place + 1 == len(words) or words[place + 1].startswith("--"):
                raise ConfigError(f"{word} on the command line names no file; give a config, as those in configs/")
            yield words[place + 1]


def check_config(given: str) -> None:
    """Refuse a config that is no local file, holds no settings, or whose YAML unfolds without end.

    Raises:
        ConfigError: it names the file, and the line where there is one.
    """
    if "://" in given:
        raise ConfigError(f"{given}: configs are read from local files; download it first")
    path = Path(given)
    if not path.exists() or not path.is_file():
        raise ConfigError(f"{given}: {'no regular file' if path.exists() else 'no such file'}; give a config")
    if path.stat().st_size > LARGEST:
        raise ConfigError(f"{given}: {path.stat().st_size:,} bytes; a config has {LARGEST:,} at most")
    try:
        text = path.read_text(encoding="utf-8-sig")
        root = _compose(text, given)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{given}: not a text in UTF-8; save it in this encoding") from error
    except yaml.YAMLError as error:
        raise _yaml_error(error, given) from error
    if not isinstance(root, yaml.MappingNode):
        held = "" if root is None else f" but {text[:50].strip()!r}"
        raise ConfigError(
            f"{given}: holds no settings{held}; a config has `setting: value` lines, as those in configs/ do"
        )
    _size(root, given, {}, set())
    _check_classes(root, given)
    try:
        _Values("").construct_document(root)
    except ConfigError as error:
        raise ConfigError(f"{given}: {error}") from error
    except yaml.YAMLError as error:  # a tag of another program
        raise _yaml_error(error, given) from error


def _yaml_error(error: yaml.YAMLError, given: str) -> ConfigError:
    mark: yaml.Mark | None = getattr(error, "problem_mark", None)
    where = f" line {mark.line + 1}, column {mark.column + 1}:" if mark else ""
    problem = " ".join(str(getattr(error, "problem", None) or error).split())
    return ConfigError(f"{given}:{where} {problem}")


class _Values(yaml.SafeLoader):
    """Make values of nodes, and tell where one stands of which none can be made."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ConfigError, yaml.YAMLError):
            raise
        except Exception as error:  # of many kinds: a thirteenth month, a number without digits
            told = f"line {node.start_mark.line + 1}: {_short(node)} is no value that YAML knows; put it in quotes"
            raise ConfigError(told) from error


def _check_classes(node: yaml.Node, given: str) -> None:
    """Refuse names that are no text, and classes whose settings have no names: parsers tell no value of these."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name, where = key.value, f"{given}: line {value.start_mark.line + 1}:"
            if not isinstance(key, yaml.ScalarNode):
                raise ConfigError(f"{where} {_short(key)} stands where the name of a setting is expected")
            if name == "init_args" and not isinstance(value, yaml.MappingNode):
                raise ConfigError(f"{where} init_args are `setting: value` lines, not {_short(value)}")
            if name == "class_path" and value.tag != "tag:yaml.org,2002:str":
                raise ConfigError(f"{where} class_path is the name of a class, not {_short(value)}")
            _check_classes(value, given)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _check_classes(value, given)


def _short(node: yaml.Node) -> str:
    """What a node holds, as it stands there if it is short."""
    if isinstance(node, yaml.CollectionNode):
        return "a list" if isinstance(node, yaml.SequenceNode) else "settings"
    if not node.value:
        return "nothing"
    return repr(str(node.value)[:LONGEST_SHOWN])


def _compose(text: str, given: str) -> yaml.Node | None:
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ConfigError(f"{given}: more than {DEEPEST} levels of settings")
    node: yaml.Node | None = yaml.compose(text, yaml.SafeLoader)
    return node


def _size(node: yaml.Node, given: str, known: dict[int, int], above: set[int]) -> int:
    """Count the values below a node, each as often as aliases repeat it."""
    if id(node) in above:
        raise ConfigError(f"{given}: line {node.start_mark.line + 1}: an alias of what it stands in")
    if id(node) not in known:
        above.add(id(node))
        children: list[yaml.Node] = []
        if isinstance(node, yaml.SequenceNode):
            children = node.value
        elif isinstance(node, yaml.MappingNode):
            children = [part for pair in node.value for part in pair]
        known[id(node)] = 1 + sum(_size(child, given, known, above) for child in children)
        above.remove(id(node))
    if known[id(node)] > MOST:
        raise ConfigError(f"{given}: line {node.start_mark.line + 1}: its aliases repeat more than {MOST:,} values")
    return known[id(node)]
