"""`python -m hemblip configs`: the configs that come with the package."""

import re
from importlib.resources import files
from itertools import takewhile
from pathlib import Path

from hemblip.atomic import write_text
from hemblip.errors import ConfigError

MOVED = {
    "configs/audit.yaml": "configs/audit/wbcatt.yaml",
    "configs/audit_sources.yaml": "configs/audit/sources.yaml",
    "configs/captions.yaml": "configs/caption/grammar.yaml",
    "configs/decoding.yaml": "configs/parts/decoding.yaml",
    "configs/prepare.yaml": "configs/prepare/published.yaml",
    "configs/prepare_demo.yaml": "configs/prepare/demo.yaml",
    "configs/probe.yaml": "configs/probe/demo.yaml",
    "configs/probe_paper.yaml": "configs/probe/paper.yaml",
    "configs/data/external.yaml": "configs/parts/external.yaml",
    "configs/data/synthetic_external.yaml": "configs/parts/synthetic_external.yaml",
    "configs/data/wbcatt.yaml": "configs/parts/wbcatt.yaml",
}
"""Names of version 0.1 -> those of today."""

LINE = 120
"""Letters of a config's description, where its first sentence is not longer."""


def folder() -> Path:
    """Give the folder of the configs: in a clone beside the package, installed in it."""
    package = Path(str(files("hemblip")))
    beside = package.parent / "configs"
    return beside if (package.parent / "pyproject.toml").is_file() and beside.is_dir() else package / "configs"


def resolved(word: str) -> str:
    """Find a config that is named as in a clone, `configs/...`, from anywhere; give other words as they are."""
    if not word.startswith("configs/") or Path(word).exists():
        return word
    packaged = folder() / Path(MOVED.get(word, word)).relative_to("configs")
    return str(packaged) if packaged.is_file() else word


def configs(words: list[str] | None = None) -> None:
    """List the configs that come with HemBLIP, or copy one to change it.

    Example: `python -m hemblip configs copy blip_lora mine.yaml`

    Args:
        words: nothing for a list; `copy NAME FILE` for a copy, which stands on its own.

    Raises:
        ConfigError: there is no such config, or the file exists.
    """
    known = {path.relative_to(folder()).with_suffix("").as_posix(): path for path in sorted(folder().rglob("*.yaml"))}
    if not words:
        for name, path in known.items():
            print(f"{name:<30} {_about(path)}")
        print("\npython -m hemblip fit --config configs/NAME.yaml runs one, `configs copy NAME FILE` makes it yours")
        return
    if len(words) != 3 or words[0] != "copy":
        raise ConfigError(f"configs {' '.join(words)}: give nothing, or `copy NAME FILE`")
    name, target = words[1].removeprefix("configs/").removesuffix(".yaml"), Path(words[2])
    if name not in known:
        raise ConfigError(f"configs copy {words[1]}: no such config; there are {', '.join(known)}")
    if target.exists() or target.is_symlink():
        raise ConfigError(f"{target}: exists already; give another file")
    write_text(target, _on_its_own(known[name]))
    print(f"{target}   change it, then: python -m hemblip fit --config {target}")


def _about(path: Path) -> str:
    """First sentences of what a config says of itself, those that fit into a line."""
    lines = takewhile(lambda line: line.startswith("# "), path.read_text(encoding="utf-8").splitlines())
    first, *further = re.split(r"(?<=[.:]) ", " ".join(line.removeprefix("# ").strip() for line in lines))
    for sentence in further:
        if len(first) + len(sentence) >= LINE:
            break
        first += f" {sentence}"
    return first.rstrip(":")


def _on_its_own(path: Path) -> str:
    """A config's text, with the part that it points to written into it."""
    text, part = path.read_text(encoding="utf-8"), "parts/decoding.yaml"
    lines = (folder() / part).read_text(encoding="utf-8").splitlines()
    settings = ", ".join(line for line in lines if line and not line.startswith("#"))
    return text.replace(f"decoding: {part}", f"decoding: {{{settings}}}")
