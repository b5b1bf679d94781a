"""The commands beside LightningCLI's: functions whose arguments are settings of the command line, by jsonargparse."""

import importlib
import inspect
import json
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from jsonargparse import auto_cli

from hemblip.cli.parser import Parser


class Command(NamedTuple):
    """One command.

    Attributes:
        function: module and name; imported only when it runs.
        purpose: one line of help.
        example: of its words.
        positional: name of the list that the words before its first option make; jsonargparse has no positional lists.
    """

    function: str
    purpose: str
    example: str
    positional: str | None = None


COMMANDS = {
    "demo": Command(
        "hemblip.cli.demo:demo",
        "train a captioner, test it on internal and external cells, and sum up",
        "--experiment configs/medgemma_smoke.yaml",
    ),
    "download": Command(
        "hemblip.data.download:download",
        "published sources, into the layout that is read",
        "wbcatt",
        positional="sources",
    ),
    "prepare": Command(
        "hemblip.corpus.prepare:prepare",
        "published downloads -> one manifest and its data card",
        "--config configs/prepare/demo.yaml",
    ),
    "caption": Command(
        "hemblip.corpus.captions:caption",
        "several captions for each cell of a manifest",
        "--config configs/caption/grammar.yaml --dry-run",
    ),
    "questions": Command(
        "hemblip.corpus.questions:questions",
        "questions about the cells of a manifest, and how far captions answer them",
        "--manifest data/manifest.parquet --output questions.jsonl",
    ),
    "audit": Command(
        "hemblip.corpus.audit:audit",
        "duplicates, leaks between splits and shortcuts of a manifest",
        "--config configs/audit/demo.yaml --strict",
    ),
    "probe": Command(
        "hemblip.probing.probe:probe",
        "what frozen image embeddings know (Table 3)",
        "--config configs/probe/demo.yaml",
    ),
    "compare": Command(
        "hemblip.reporting.compare:compare_command",
        "Tables 1 to 3 of several runs and their report",
        "runs/blip_lora runs/medgemma_lora",
        positional="runs",
    ),
    "score": Command(
        "hemblip.reporting.score:score_command",
        "scores, intervals and a report of anybody's captions",
        "captions.csv --output scores",
        positional="tables",
    ),
    "sweep": Command(
        "hemblip.cli.sweep:sweep",
        "the search of a W&B sweep file on this machine, without an account",
        "--file configs/sweeps/smoke.yaml --trials 4",
    ),
    "explain": Command(
        "hemblip.explain.explain:explain",
        "which pixels made which statement, and whether to believe it",
        "--run runs/demo/version_0 --method occlusion",
    ),
    "app": Command(
        "hemblip.app.serve:app",
        "a web page that describes cells, for this machine",
        "--run runs/demo/version_0",
    ),
    "ask": Command(
        "hemblip.explain.ask:ask",
        "what a captioner answers about cells, with probabilities",
        '--run wbcatt-compact --images my_cells --question "Is the nucleus lobed?"',
    ),
    "configs": Command(
        "hemblip.cli.configs:configs",
        "the configs that come with HemBLIP, and copies of them",
        "copy blip_lora mine.yaml",
        positional="words",
    ),
    "export": Command(
        "hemblip.export.export:export",
        "a run -> a Hugging Face folder",
        "--run runs/smoke/version_0 --output exported",
    ),
}


def run_command(name: str, words: Sequence[str]) -> None:
    """Run one of `COMMANDS`.

    Args:
        name: of the command.
        words: its part of the command line.

    Raises:
        ArgumentError: a word is no setting of the command, or its value has the wrong type.
        HemblipError: what the command finds.
    """
    command = COMMANDS[name]
    module, attribute = command.function.split(":")
    function = getattr(importlib.import_module(module), attribute)
    if command.positional:
        words = _named(words, command.positional)
    auto_cli(
        function,
        args=_switched(words, function),
        as_positional=False,
        exit_on_error=False,
        allow_abbrev=False,
        parser_class=Parser,
        prog=f"python -m hemblip {name}",
        epilog=f"example: python -m hemblip {name} {command.example}",
    )


def _switched(words: Sequence[str], function: Callable[..., None]) -> list[str]:
    """A switch without a value is on: `--strict` means `--strict=true`; so does `--dry-run`, spelt as usual."""
    words = [f"--{word[2:].replace('-', '_')}" if re.fullmatch("--[a-z-]+", word) else word for word in words]
    switches = {f"--{name}" for name, part in inspect.signature(function).parameters.items() if part.annotation is bool}
    following = [*words[1:], "--"]
    return [
        f"{word}=true" if word in switches and after.startswith("--") else word
        for word, after in zip(words, following, strict=False)  # no words, nothing to switch
    ]


def _named(words: Sequence[str], name: str) -> list[str]:
    """Give the words that are neither an option nor an option's value as the option `name`."""
    after_option = [False, *(word.startswith("-") and "=" not in word for word in words)]
    given = [word for word, value in zip(words, after_option, strict=False) if not (value or word.startswith("-"))]
    others = [word for word, value in zip(words, after_option, strict=False) if value or word.startswith("-")]
    return [*([f"--{name}={json.dumps(given)}"] if given else []), *others]
