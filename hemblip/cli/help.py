"""`COMMAND --help`, and the answer to a misspelt setting: told from source text, without torch, in 0.1 s."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any, NamedTuple

import yaml

from hemblip.cli.commands import COMMANDS
from hemblip.cli.config_files import config_files
from hemblip.cli.configs import resolved
from hemblip.cli.signatures import Setting, Signature, signature
from hemblip.cli.typos import near
from hemblip.errors import ConfigError

HELP = ("--help", "-h")

GO_ON = "Go on: fit with the newest run of that name, the others with what a killed one has left."


class Own(NamedTuple):
    """A setting that no class or function has."""

    name: str
    type: Any
    value: Any
    told: str
    command: str = ""
    """The only one that has it; all four if empty."""


OWN = (
    Own("name", str, "run", "Name of the run; results go to runs/<name>/version_<n>."),
    Own("resume", bool, False, GO_ON),
    Own("force", bool, False, "test, predict: replace captions of other cells, and the output."),
    Own(
        "stress",
        bool | list[str],
        False,
        "Describe cells under bad conditions as well: true for all, or a list, as in [blur,jpeg].",
        "test",
    ),
    Own("wandb", str | None, None, "W&B project to log to as well."),
    Own("group", str | None, None, "W&B group; the name of the run if left out."),
)
"""Settings of fit, validate, test and predict that are ours."""

SHARED = (
    Setting("config", "path", None, "YAML with settings, as those in configs/; a later one has precedence."),
    Setting("print_config", "switch", None, "Print the settings as a config, and end."),
)

GROUPS = {
    "trainer": "lightning.pytorch.Trainer",
    "early_stopping": "lightning.pytorch.callbacks.EarlyStopping",
    "checkpoint": "lightning.pytorch.callbacks.ModelCheckpoint",
    "evaluation": "hemblip.callbacks.CaptionEvaluation",
    "report": "hemblip.callbacks.RunReport",
    "resume_point": "hemblip.callbacks.ResumePoint",
}
"""Sections of a config -> their class."""

CHOSEN = {"model": "hemblip.models", "data": "hemblip.data"}
"""Sections of a config whose class is chosen -> where ours are."""

OTHERS = ("seed_everything", "help", "run", "runs", *CHOSEN, *GROUPS)

MOVED = {("evaluation", "features"): ("report", "features")}
"""Settings of version 0.1 -> what they are called today."""

GONE = ("optimizer", "lr_scheduler")
"""Settings that config.yaml of earlier runs has, without a value: captioners have their own."""

FIRST = {
    "trainer": (
        *("max_epochs", "max_steps", "accelerator", "devices", "strategy", "precision"),
        *("accumulate_grad_batches", "gradient_clip_val", "check_val_every_n_epoch"),
    ),
    "early_stopping": ("monitor", "patience"),
    "evaluation": ("validation_cells", "bertscore", "multi_reference"),
}
"""Settings of sections that users change first."""

HANDED_ON = ("model", "datamodule", "train_dataloaders", "val_dataloaders", "dataloaders", "return_predictions")
"""Arguments of the trainer's methods that are no settings."""

EXAMPLE_CONFIG = "configs/smoke.yaml"

LONGEST = 60
"""Letters of a value that are shown."""


class Chosen(NamedTuple):
    """The captioner or the cells that a command line chooses: its class, if it can be read, and its settings there."""

    path: str
    found: Signature | None
    given: dict[str, Any]


def asked(words: Sequence[str]) -> bool:
    """Whether the short help is asked for, not that of `--help all` or of one class."""
    return any(word in HELP and after != "all" for word, after in zip(words, [*words[1:], ""], strict=False))


def without_all(words: Sequence[str]) -> list[str]:
    """Let `--help all` ask the parser."""
    return [word for before, word in zip(["", *words], words, strict=False) if not (before in HELP and word == "all")]


def help_text(command: str, words: Sequence[str], example: str) -> str:
    """Tell the settings of a command: of fit, validate, test and predict those that users change first."""
    if command in COMMANDS:
        found = signature(COMMANDS[command].function.replace(":", "."))
        assert found is not None
        body = ["", fill(found.told, 100), "", *_lines([SHARED[0], *found.settings.values(), SHARED[1]])]
        return "\n".join([f"usage: python -m hemblip {command} [--key value ...]", *body, "", f"example: {example}"])
    usage = f"usage: python -m hemblip {command} --config CONFIG.yaml [--key value ...]"
    seed = Setting("seed_everything", "int", "0", "Seed of all random numbers.")
    own = [
        Setting(one.name, getattr(one.type, "__name__", str(one.type)), str(one.value), one.told)
        for one in own_settings(command)
    ]
    body = ["", *_lines([SHARED[0], *_of_method(command), *own, seed, SHARED[1]])]
    configs = list(config_files(words)) or [EXAMPLE_CONFIG]
    for section in CHOSEN:
        chosen = _chosen(section, words)
        if chosen.found is not None:
            body += ["", f"{section}: {chosen.path}, as in {', '.join(configs)}. {chosen.found.told}"]
            body += _lines(chosen.found.settings.values(), f"{section}.init_args.", chosen.given)
    given = _given(words)
    for section, names in FIRST.items():
        known = signature(GROUPS[section])
        values = given.get(section) if isinstance(given.get(section), dict) else {}
        shown = [known.settings[name] for name in names if name in known.settings] if known else []
        body += ["", f"{section}:", *_lines(shown, f"{section}.", values)]
    rest = f"`python -m hemblip {command} --help all` lists all settings, `--model.help CLASS` those of another class."
    return "\n".join([usage, *body, "", rest, f"example: {example}"])


def own_settings(command: str) -> list[Own]:
    """Those of `OWN` that a command has."""
    return [setting for setting in OWN if setting.command in ("", command)]


def _lines(settings: Any, prefix: str = "", values: dict[str, Any] | None = None) -> Iterator[str]:
    for name, kind, default, told in settings:
        yield f"  --{prefix}{name} {name.upper()}" if kind != "switch" else f"  --{prefix}{name}"
        facts = [kind] if kind not in ("", "switch") else []
        facts += [f"default: {_short(default)}"] if default is not None else []
        facts += [f"config: {_short(values[name])}"] if values and name in values else []
        yield fill(
            f"{told} ({', '.join(facts)})" if facts else told, 112, initial_indent=" " * 6, subsequent_indent=" " * 6
        )


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def check_names(command: str, words: Sequence[str]) -> None:
    """Refuse names of settings that there are not, before anything is imported that would refuse them as well.

    Raises:
        ConfigError: it names the setting, where it was given, and what was meant.
    """
    if command in COMMANDS:
        found = signature(COMMANDS[command].function.replace(":", "."))
        known = {*(found.settings if found else ()), "config", "print_config", "help", "runs"}
        for word in _options(words):
            if found and word.replace("-", "_").split(".")[0] not in known:
                raise ConfigError(
                    f"--{word} on the command line is no setting{near(f'--{word}', _dashed(found.settings))}"
                )
        return
    sections = {name: set(found.settings) for name, path in GROUPS.items() if (found := signature(path)) is not None}
    chosen = {section: _chosen(section, words) for section in CHOSEN}
    inner = {name: set(one.found.settings) for name, one in chosen.items() if one.found and one.found.whole}
    top = {
        *OTHERS,
        *(one.name for one in own_settings(command)),
        *(one.name for one in (*SHARED, *_of_method(command))),
    }
    every = [*top, *(f"{name}.{part}" for name, parts in sections.items() for part in parts)]
    every += [f"{name}.init_args.{part}" for name, parts in inner.items() for part in parts]
    for word in _options(words):
        if not _is_known(word.split("."), top, sections, inner):
            raise ConfigError(f"--{word} on the command line is no setting{near(f'--{word}', _dashed(every))}")
    for path in config_files(words):
        for section, value in (yaml.safe_load(Path(path).read_text(encoding="utf-8-sig")) or {}).items():
            if section in GONE and value is None:
                continue
            if section not in top:
                raise ConfigError(f"{path}: Option '{section}' is not accepted{near(str(section), every)}")
            if section in (*sections, *CHOSEN) and not isinstance(value, dict | str):
                raise ConfigError(
                    f"{path}: {section} is {value!r}; it is a group of settings: leave it out, or give some of them"
                )
            for name in value if isinstance(value, dict) and section in sections else ():
                if name not in sections[section] and (section, name) not in MOVED:
                    told = f"Option '{section}.{name}' is not accepted{near(f'{section}.{name}', every)}"
                    raise ConfigError(f"{path}: {told}")
            if section in CHOSEN:
                _check_arguments(section, value, words, path)


def _check_arguments(section: str, value: object, words: Sequence[str], path: str) -> None:
    """Refuse names that the class of a section in a config does not have."""
    if not isinstance(value, dict) or not isinstance(given := value.get("init_args"), dict):
        return
    found = signature(str(value["class_path"])) if "class_path" in value else _chosen(section, words).found
    if found is None or not found.whole:
        return
    for name in given:
        if name not in found.settings:
            kind = str(value.get("class_path", section)).rpartition(".")[2]
            raise ConfigError(f"{path}: {kind}: Option '{name}' is not accepted{near(str(name), found.settings)}")


def _is_known(parts: Sequence[str], top: set[str], sections: dict[str, set[str]], inner: dict[str, set[str]]) -> bool:
    """Whether a dotted name is one of a setting, as far as it can be told without its class."""
    first, *rest = parts
    if first not in top or not rest or rest[-1] == "help":
        return first in top
    if first in sections:
        return rest[0] in sections[first] or (first, rest[0]) in MOVED
    if first in inner:
        name = rest[1] if rest[0] == "init_args" and len(rest) > 1 else rest[0]
        return name in inner[first] or name in ("class_path", "init_args", "dict_kwargs")
    return True


def _options(words: Sequence[str]) -> Iterator[str]:
    """Names of the options of a command line, without what makes them longer lists."""
    for word in words:
        if word.startswith("--") and len(word) > 2:
            yield word[2:].split("=")[0].rstrip("+")


def _dashed(names: Any) -> list[str]:
    return [f"--{name}" for name in names]


def _of_method(command: str) -> list[Setting]:
    """Settings of the trainer's method, those of `predict` ours."""
    owner = "hemblip.cli.trainer.HemblipTrainer" if command == "predict" else GROUPS["trainer"]
    found = signature(f"{owner}.{command}")
    return [setting for name, setting in found.settings.items() if name not in HANDED_ON] if found else []


def _given(words: Sequence[str]) -> dict[str, Any]:
    """The sections of the configs of a command line; a later one has precedence."""
    given: dict[str, Any] = {}
    for path in config_files(words):
        for section, value in (yaml.safe_load(Path(path).read_text(encoding="utf-8-sig")) or {}).items():
            before = given.get(section)
            given[section] = {**before, **value} if isinstance(before, dict) and isinstance(value, dict) else value
    return given


def _chosen(section: str, words: Sequence[str]) -> Chosen:
    """The class of a section: named on the command line, or in its configs, else that of the example."""
    given = _given(words).get(section)
    for word, after in zip(words, [*words[1:], ""], strict=False):
        name, _, value = word.partition("=")
        if name in (f"--{section}", f"--{section}.class_path"):
            given = value or after
    if isinstance(given, str) and Path(given).is_file():
        given = yaml.safe_load(Path(given).read_text(encoding="utf-8-sig"))
        given = given.get(section, given) if isinstance(given, dict) else given
    if given is None and not any(word.startswith("--run") for word in words):
        given = yaml.safe_load(Path(resolved(EXAMPLE_CONFIG)).read_text(encoding="utf-8")).get(section)
    if isinstance(given, str):
        given = {"class_path": given}
    path = str(given.get("class_path", "")) if isinstance(given, dict) else ""
    path = path if "." in path or not path else f"{CHOSEN[section]}.{path}"
    values = given.get("init_args") if isinstance(given, dict) else None
    return Chosen(path, signature(path) if path else None, values if isinstance(values, dict) else {})
