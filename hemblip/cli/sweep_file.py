"""Sweep files: the part of W&B's format that both `wandb agent` and our own search understand."""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from hemblip.errors import ConfigError

if TYPE_CHECKING:
    import optuna

METHODS = ("grid", "random", "bayes")

RANGES = ("log_uniform_values", "uniform", "int_uniform")

KEYS = {"program", "name", "description", "method", "metric", "parameters", "command", "early_terminate", "run_cap"}
"""Known ones; what ends W&B's runs early (`early_terminate`, `run_cap`) is left out here: early stopping ends ours."""


@dataclass(frozen=True)
class Sweep:
    """What is searched.

    Attributes:
        name: of the sweep.
        method: `grid`, `random` or `bayes`.
        metric: a logged value.
        minimize: whether less of it is better.
        parameters: dotted setting -> `value`, `values`, or `min`, `max` and `distribution`.
        fit: words of the command line after `fit` that all runs share.
    """

    name: str
    method: str
    metric: str
    minimize: bool
    parameters: dict[str, dict[str, Any]]
    fit: tuple[str, ...]

    @property
    def goal(self) -> str:
        """As Lightning names it."""
        return "min" if self.minimize else "max"

    def points(self) -> list[dict[str, Any]]:
        """Give every combination of listed values."""
        lists = [parameter["values"] for parameter in self.parameters.values()]
        return [dict(zip(self.parameters, point, strict=True)) for point in itertools.product(*lists)]

    def distributions(self) -> "dict[str, optuna.distributions.BaseDistribution]":
        """Give the parameters as Optuna names them."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        found: dict[str, optuna.distributions.BaseDistribution] = {}
        for name, parameter in self.parameters.items():
            if "values" in parameter:
                found[name] = CategoricalDistribution(parameter["values"])
            elif parameter["distribution"] == "int_uniform":
                found[name] = IntDistribution(parameter["min"], parameter["max"])
            else:
                log = parameter["distribution"] == "log_uniform_values"
                found[name] = FloatDistribution(float(parameter["min"]), float(parameter["max"]), log=log)
        return found


def read_sweep(path: Path) -> Sweep:
    """Read a sweep file.

    Raises:
        ConfigError: it is missing, not YAML, or uses what our own search does not know.
    """
    if not path.is_file():
        raise ConfigError(f"--file {path}: no such sweep file; there are {_others(path)}")
    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not readable as YAML ({' '.join(str(error).split())[:150]})") from error
    missing = {"name", "method", "metric", "parameters", "command"} - set(content if isinstance(content, dict) else ())
    if missing:
        raise ConfigError(f"{path}: lacks {', '.join(sorted(missing))}; see configs/sweeps/blip_lora.yaml")
    unknown = set(content) - KEYS
    if unknown:
        raise ConfigError(f"{path}: {', '.join(sorted(unknown))} is not known here; use `wandb sweep` for it")
    if content["method"] not in METHODS:
        raise ConfigError(f"{path}: method {content['method']} is none of {', '.join(METHODS)}")
    parameters = {name: _parameter(path, name, given) for name, given in content["parameters"].items()}
    if content["method"] == "grid" and any("values" not in parameter for parameter in parameters.values()):
        raise ConfigError(f"{path}: a grid needs `values` for every parameter; or set method: random")
    return Sweep(
        name=str(content["name"]),
        method=content["method"],
        metric=content["metric"]["name"],
        minimize=content["metric"].get("goal", "minimize") == "minimize",
        parameters=parameters,
        fit=_shared(path, [str(word) for word in content["command"]]),
    )


def _others(path: Path) -> str:
    return ", ".join(sorted(str(other) for other in path.parent.glob("*.yaml"))) or "none in that folder"


def _parameter(path: Path, name: str, given: dict[str, Any]) -> dict[str, Any]:
    if "value" in given:
        return {"values": [given["value"]]}
    if "values" in given:
        return {"values": list(given["values"])}
    whole = all(isinstance(given.get(end), int) for end in ("min", "max"))
    kind = given.get("distribution", "int_uniform" if whole else "uniform")
    if kind not in RANGES or not {"min", "max"} <= set(given):
        raise ConfigError(f"{path}: {name} needs `values`, or `min`, `max` and one of {', '.join(RANGES)}")
    return {"distribution": kind, "min": given["min"], "max": given["max"]}


def _shared(path: Path, command: list[str]) -> tuple[str, ...]:
    """Words between `fit` and the trial's own; names, groups and W&B projects are given by whoever searches."""
    if "fit" not in command or "${args}" not in command:
        raise ConfigError(f"{path}: its command has to hold `fit` and ${{args}}")
    words = command[command.index("fit") + 1 :]
    own = ("--wandb=", "--name=", "--group=", "--resume=")
    return tuple(word for word in words if word != "${args}" and not word.startswith(own))
