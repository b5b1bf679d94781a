"""Who may import whom: from the ground up, and never in a circle."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import hemblip

ROOT = Path(hemblip.__file__).parent

FLOORS = (
    {"errors", "atomic", "results", "ranks", "plain_text", "splits", "versions"},
    {"morphology"},
    {"data", "predictions", "parts", "shared_texts", "endpoint", "store", "exported"},
    {"metrics"},
    {"corpus", "run", "models"},
    {"explain", "probing", "reporting", "export"},
    {"callbacks"},
    {"app", "cli"},
)
"""Packages and modules, each of which imports from its own floor and those below it."""


def modules() -> dict[str, Path]:
    """Dotted name of each module -> its file."""
    found = {}
    for path in ROOT.rglob("*.py"):
        if path.is_relative_to(ROOT / "weights"):  # code that goes with a shipped model
            continue
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(statements: list[ast.stmt]) -> Iterator[str]:
    """Names of HemBLIP that are imported when a module is: not within functions, nor for type checkers alone."""
    for statement in statements:
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith("hemblip"):
            yield from (f"{statement.module}.{name.name}" for name in statement.names)
        elif isinstance(statement, ast.Import):
            yield from (name.name for name in statement.names if name.name.startswith("hemblip"))
        elif isinstance(statement, ast.If | ast.Try | ast.With) and "TYPE_CHECKING" not in ast.dump(statement):
            yield from imported(statement.body)


def graph() -> dict[str, set[str]]:
    """Each module -> those that it imports."""
    known = modules()
    found = {}
    for module, path in known.items():
        names = imported(ast.parse(path.read_text(encoding="utf-8")).body)
        found[module] = {name if name in known else name.rsplit(".", 1)[0] for name in names} & known.keys() - {module}
    return found


def test_no_module_imports_in_a_circle():
    assert len(list(TopologicalSorter(graph()).static_order())) > 200


def test_packages_import_from_their_floor_and_those_below():
    floors = {name: floor for floor, names in enumerate(FLOORS) for name in names}
    parts = {module: module.split(".")[1] for module in graph() if "." in module and module != "hemblip.__main__"}
    assert set(parts.values()) == set(floors)
    against = [
        f"{module} imports {other}"
        for module, others in graph().items()
        for other in others
        if module in parts and other in parts and floors[parts[module]] < floors[parts[other]]
    ]
    assert not against
