"""The command line: fit, validate, test and predict by LightningCLI, the other commands by jsonargparse."""

import importlib
import inspect
import itertools
import json
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from jsonargparse import ArgumentError, auto_cli

from hemblip.errors import HemblipError

COMMANDS: dict[str, tuple[str, str, str]] = {
    "prepare": (
        "hemblip.data.prepare:prepare",
        "published downloads -> one manifest and its data card",
        "--config configs/prepare_demo.yaml",
    ),
    "caption": (
        "hemblip.captions.command:caption",
        "several captions for each cell of a manifest",
        "--config configs/captions.yaml --dry-run",
    ),
    "audit": (
        "hemblip.data.audit:audit",
        "duplicates, leaks between splits and shortcuts of a manifest",
        "--config configs/audit.yaml --strict",
    ),
    "probe": (
        "hemblip.probing.probe:probe",
        "what frozen image embeddings know (Table 3)",
        "--config configs/probe.yaml",
    ),
    "compare": (
        "hemblip.reporting.compare:compare",
        "Tables 1 to 3 of several runs and their report",
        "runs/blip_lora runs/medgemma_lora",
    ),
    "sweep": (
        "hemblip.sweeping:sweep",
        "the search of a W&B sweep file on this machine, without an account",
        "--file configs/sweeps/smoke.yaml --trials 4",
    ),
    "export": (
        "hemblip.models.export:export",
        "a run -> a Hugging Face folder",
        "--run runs/smoke/version_0 --output exported",
    ),
}
"""Command -> its function, what it does, and an example of its words."""

BEST = "--ckpt_path runs/smoke/version_0/checkpoints/best.ckpt"

TRAINER_COMMANDS: dict[str, tuple[str, str]] = {
    "fit": ("train a captioner", "--config configs/smoke.yaml"),
    "validate": ("score a checkpoint on the validation cells", f"--config configs/smoke.yaml {BEST}"),
    "test": ("score a checkpoint on the test or external cells", f"--config configs/smoke.yaml {BEST}"),
    "predict": ("describe a folder of images or a manifest", f"--config configs/smoke.yaml {BEST} --images my_cells"),
}

POSITIONAL = {"compare": "runs"}
"""Command -> the list that the words before its first option make; jsonargparse has no positional lists."""

USAGE = "usage: python -m hemblip COMMAND --config CONFIG.yaml [--key value ...]\n\ncommands:\n{commands}\n\n" + (
    "example: python -m hemblip fit --config configs/smoke.yaml\n"
    "`python -m hemblip COMMAND --help` lists a command's settings, `--print_config` shows them as a config."
)


def main(args: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        args: words after `python -m hemblip`; those of this process if None.

    Returns:
        Exit code: 0, or 2 after an error that the user can mend, which is printed as one line.
    """
    command, *rest = [*(sys.argv[1:] if args is None else args)] or ["--help"]
    _quieten()
    try:
        if command in TRAINER_COMMANDS:
            from hemblip.training import HemblipCLI

            HemblipCLI([command, *rest], {name: _example(name, words) for name, (_, words) in TRAINER_COMMANDS.items()})
        elif command in COMMANDS:
            path, _, example = COMMANDS[command]
            module, function = path.split(":")
            chosen = getattr(importlib.import_module(module), function)
            strict: dict[str, Any] = {"exit_on_error": False, "allow_abbrev": False}
            rest = _named(rest, POSITIONAL[command]) if command in POSITIONAL else rest
            words = _switched(rest, chosen)
            strict |= {"prog": f"python -m hemblip {command}", "epilog": _example(command, example)}
            auto_cli(chosen, args=words, as_positional=False, **strict)
        else:
            return _usage(command)
    except Exception as error:
        mendable = _mendable(error)
        if mendable is None:
            raise
        text = " ".join(str(mendable).split())
        # jsonargparse does not say which file it could not read.
        origin = f"{', '.join(_configs(rest))}: " if "parsing config" in text else ""
        sys.stderr.write(f"error: {origin}{text}\n")
        return 2
    except SystemExit as end:  # --help and --print_config end so
        return int(end.code or 0)
    return 0


def _example(command: str, words: str) -> str:
    return f"example: python -m hemblip {command} {words}"


def _switched(words: Sequence[str], command: Callable[..., None]) -> list[str]:
    """A switch without a value is on: `--strict` means `--strict=true`; so does `--dry-run`, spelt as usual."""
    words = [f"--{word[2:].replace('-', '_')}" if re.fullmatch("--[a-z-]+", word) else word for word in words]
    switches = {f"--{name}" for name, part in inspect.signature(command).parameters.items() if part.annotation is bool}
    following = [*words[1:], "--"]
    return [
        f"{word}=true" if word in switches and after.startswith("--") else word
        for word, after in zip(words, following, strict=False)  # no words, nothing to switch
    ]


def _mendable(error: BaseException | None) -> BaseException | None:
    """Find the user's error in a chain: jsonargparse wraps those of constructors."""
    while error is not None and not isinstance(error, HemblipError | ArgumentError):
        error = error.__cause__ or error.__context__
    return error


def _named(words: Sequence[str], name: str) -> list[str]:
    """Give the words that are neither an option nor an option's value as the option `name`."""
    after_option = [False, *(word.startswith("-") and "=" not in word for word in words)]
    given = [word for word, value in zip(words, after_option, strict=False) if not (value or word.startswith("-"))]
    others = [word for word, value in zip(words, after_option, strict=False) if value or word.startswith("-")]
    return [*([f"--{name}={json.dumps(given)}"] if given else []), *others]


def _configs(words: Sequence[str]) -> list[str]:
    return [value for flag, value in itertools.pairwise(words) if flag in ("--config", "-c")]


def _usage(command: str) -> int:
    lines = {name: text for name, (text, _) in TRAINER_COMMANDS.items()}
    lines |= {name: text for name, (_, text, _) in COMMANDS.items()}
    text = USAGE.format(commands="\n".join(f"  {name:<9} {line}" for name, line in lines.items()))
    if command in ("--help", "-h"):
        sys.stdout.write(f"{text}\n")
        return 0
    sys.stderr.write(f"error: no command '{command}'; there are {', '.join(lines)}\n")
    return 2


def _quieten() -> None:
    """Libraries' tips and progress of single files would bury our own lines."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    warnings.filterwarnings("ignore", message="LightningCLI's args parameter")
    warnings.filterwarnings("ignore", message="(Experiment logs|Checkpoint) directory .* not empty")  # resumed
    warnings.filterwarnings("ignore", message=".*LeafSpec.*deprecated")  # Lightning's own business
    for name in (
        "lightning.pytorch.utilities.rank_zero",
        "lightning.pytorch.trainer.connectors.checkpoint_connector",
        "lightning.fabric.utilities.seed",
        "httpx",
    ):
        logging.getLogger(name).setLevel(logging.WARNING)
