"""The settings of classes and functions, read from source text: importing them brings torch, which takes seconds."""

import ast
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from docstring_parser import parse


class Setting(NamedTuple):
    """One argument: its name, the text of its type and of its default (None without one), and what is told of it."""

    name: str
    kind: str
    default: str | None
    told: str


class Signature(NamedTuple):
    """Arguments of a class or a function.

    Attributes:
        told: first line of its docstring.
        settings: name -> argument, those of base classes that it hands others on to included.
        whole: whether these are all; else it takes others that the text does not name.
    """

    told: str
    settings: dict[str, Setting]
    whole: bool


@cache
def signature(path: str) -> Signature | None:
    """Read the arguments of a class, a function or a method.

    Args:
        path: its dotted name, as `hemblip.models.BlipCaptioner` or `lightning.pytorch.Trainer.fit`.

    Returns:
        None if there is no such text.
    """
    module, _, name = path.rpartition(".")
    if module and (found := _find(module, name)) is not None:
        return _signature(*found)
    owner = _find(*module.rpartition(".")[::2]) if "." in module else None
    if owner is None or not isinstance(owner[1], ast.ClassDef):
        return None
    method = next((part for part in owner[1].body if isinstance(part, ast.FunctionDef) and part.name == name), None)
    return None if method is None else _signature(owner[0], method)


Node = ast.ClassDef | ast.FunctionDef


def _find(module: str, name: str) -> tuple[str, Node] | None:
    """Find where a name that a module defines or imports is defined."""
    tree = _tree(module)
    if tree is None:
        return None
    for part in tree.body:
        if isinstance(part, ast.ClassDef | ast.FunctionDef) and part.name == name:
            return module, part
    for origin, original in _imports(tree, name):
        if (found := _find(origin, original)) is not None:
            return found
    return None


def _imports(tree: ast.Module, name: str) -> Iterator[tuple[str, str]]:
    for part in ast.walk(tree):
        if isinstance(part, ast.ImportFrom) and part.module and not part.level:
            yield from ((part.module, one.name) for one in part.names if name == (one.asname or one.name))


@cache
def _tree(module: str) -> ast.Module | None:
    top, *rest = module.split(".")
    spec = find_spec(top)
    if spec is None or not spec.submodule_search_locations:
        return None
    base = Path(spec.submodule_search_locations[0], *rest)
    path = next((one for one in (base.with_suffix(".py"), base / "__init__.py") if one.is_file()), None)
    return None if path is None else ast.parse(path.read_text(encoding="utf-8"))


def _signature(module: str, node: Node) -> Signature:
    made = node
    if isinstance(node, ast.ClassDef):
        inner = [part for part in node.body if isinstance(part, ast.FunctionDef) and part.name == "__init__"]
        if not inner:
            return _of_bases(module, node, {})
        made = inner[0]
    assert isinstance(made, ast.FunctionDef)
    docs = [parse(ast.get_docstring(part) or "") for part in dict.fromkeys((node, made))]
    told = {one.arg_name: (one.description or "").split(".. note")[0] for doc in docs for one in doc.params}
    spec, settings = made.args, {}
    arguments = [*spec.posonlyargs, *spec.args]
    defaults: list[ast.expr | None] = [*[None] * (len(arguments) - len(spec.defaults)), *spec.defaults]
    for argument, default in [
        *zip(arguments, defaults, strict=True),
        *zip(spec.kwonlyargs, spec.kw_defaults, strict=True),
    ]:
        if argument.arg not in ("self", "cls"):
            kind = ast.unparse(argument.annotation) if argument.annotation else ""
            text = None if default is None else ast.unparse(default)
            settings[argument.arg] = Setting(argument.arg, kind, text, " ".join(told.get(argument.arg, "").split()))
    short = next((doc.short_description for doc in docs if doc.short_description), "")
    if spec.kwarg is None or not isinstance(node, ast.ClassDef):
        return Signature(short, settings, spec.kwarg is None)
    above = _of_bases(module, node, settings)
    return Signature(short, above.settings, above.whole)


def _of_bases(module: str, node: ast.ClassDef, settings: dict[str, Setting]) -> Signature:
    """Add the arguments of base classes."""
    told, whole = parse(ast.get_docstring(node) or "").short_description or "", True
    for base in node.bases:
        found = _find(module, base.id) if isinstance(base, ast.Name) else None
        if found is None:
            whole = False
            continue
        above = _signature(*found)
        settings = {**settings, **{name: one for name, one in above.settings.items() if name not in settings}}
        whole = whole and above.whole
    return Signature(told, settings, whole)
