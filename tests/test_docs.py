"""The site's commands and examples, its links, and what a new user comes with."""

import importlib.util
import re
import shlex
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from PIL import Image

from hemblip.cli import commands as commands_of
from hemblip.cli.main import main
from hemblip.data.download import catalogue
from hemblip.data.sources import Synthetic
from hemblip.morphology import KEYS, describe

ROOT = Path(__file__).parents[1]
PAGES = {path.name: path.read_text() for path in sorted((ROOT / "docs").glob("*.md"))}
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def commands(page):
    """(words, whether they run here) of each command of a page."""
    for kind, title, block in BLOCK.findall(PAGES[page]):
        for line in block.splitlines() if kind == "bash" else ():
            if line.startswith("python -m hemblip "):
                yield shlex.split(line, comments=True)[3:], "needs" not in title


COMMANDS = [(page, words, runs) for page in PAGES for words, runs in commands(page)]
EXAMPLES = [(page, block) for page in PAGES for kind, _, block in BLOCK.findall(PAGES[page]) if kind == "python"]


def no_anchors(loader, suffix, node):
    return None


def navigation():
    class Loader(yaml.SafeLoader):
        pass

    Loader.add_multi_constructor("!", no_anchors)

    def files(part):
        return [part] if isinstance(part, str) else [file for one in part for file in files(next(iter(one.values())))]

    return files(yaml.load((ROOT / "mkdocs.yml").read_text(), Loader)["nav"])


def new_user(folder):
    """Sixty drawn cells as new users have them: a folder, captions, class folders, another model's captions."""
    rows = []
    for number, row in enumerate(Synthetic(cells=60, size=64).records().to_dict("records")):
        name, image = f"cell_{number:03d}.png", Image.open(row["image"])
        sorted_to = folder / "class_folders" / row["cell_type"]
        for place in (folder / "my_cells", sorted_to):
            place.mkdir(parents=True, exist_ok=True)
        image.save(folder / "my_cells" / name)
        image.save(sorted_to / f"{row['group'].replace('/', '-')}_{number}.png")
        caption = describe({key: row[key] for key in KEYS if row[key]})
        rows.append({"image": name, "caption": caption, "cell_type": row["cell_type"]})
    table = pd.DataFrame(rows)
    table[["image", "caption"]].to_csv(folder / "captions.csv", index=False)
    table[["caption", "cell_type"]].to_csv(folder / "gpt.csv", index=False)
    meanings = {name: {"cell_type": name} for name in sorted(set(table["cell_type"]))}
    (folder / "classes.yaml").write_text(yaml.safe_dump({"classes": meanings, "group": "^(.+)_[0-9]+"}))


@pytest.fixture
def own_loss(tmp_path, monkeypatch):
    """The loss of `extending.md`, saved as it says."""
    (code,) = (code for page, code in EXAMPLES if page == "extending.md" and "class Focal" in code)
    (tmp_path / "focal.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("focal", None)


def test_the_navigation_has_each_page():
    shown = navigation()
    there = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    there |= {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("tutorials/*.py")}
    assert set(shown) == there and len(shown) == len(there)


def test_each_page_has_a_command_and_is_short():
    assert {page for page, *_ in COMMANDS} == set(PAGES)
    assert all(len(text.splitlines()) <= 100 for text in PAGES.values())


def written_elsewhere():
    """Words -> where they stand, of each command in configs, reported results and help."""
    found = {}
    for path in [*(ROOT / "configs").rglob("*.yaml"), *(ROOT / "experiments").rglob("README.md")]:
        for line in re.findall(r"^(?:#   )?python -m hemblip ([^`\n]+)", path.read_text(), re.MULTILINE):
            found.setdefault(tuple(shlex.split(line, comments=True)), path.relative_to(ROOT).as_posix())
    for name, command in commands_of.COMMANDS.items():
        found.setdefault((name, *shlex.split(command.example)), f"help of {name}")
    for path in (ROOT / "hemblip").rglob("*.py"):
        for line in re.findall(r"Example: `?python -m hemblip ([^`\n]+)", path.read_text()):
            found.setdefault(tuple(shlex.split(line)), path.relative_to(ROOT).as_posix())
    return found


ELSEWHERE = [(place, list(words), False) for words, place in written_elsewhere().items()]


@pytest.mark.parametrize(("page", "words", "runs"), [*COMMANDS, *ELSEWHERE], ids=lambda value: str(value)[:50])
def test_commands_are_parsed(monkeypatch, own_loss, page, words, runs):
    """Without running them: runs and configs of one's own that are not there are stood for by others."""
    monkeypatch.chdir(ROOT)
    for word in words:
        assert not word.startswith(("configs/", "experiments/")) or (ROOT / word).is_file(), word
    if words[0] == "download":
        assert set(words[1:]) <= set(catalogue())
    if words[0] in ("fit", "validate", "test", "predict") and "--run" in words and "wbcatt-compact" not in words:
        words = [words[0], "--config", "configs/smoke.yaml", *words[1 : (at := words.index("--run"))], *words[at + 2 :]]
    words = ["configs/smoke.yaml" if word == "mine.yaml" and words[0] == "fit" else word for word in words]
    meant = ["wbcatt-compact" if before == "--run" else word for before, word in zip(["", *words], words, strict=False)]
    if "--help" not in words:
        assert main([*meant, *(["--print_config"] * ("--print_config" not in words))]) == 0


def test_links_and_files_exist():
    for page, text in PAGES.items():
        for target in re.findall(r"\]\(([\w./-]+?)(?:#[\w-]+)?\)", text):
            assert (ROOT / "docs" / target).exists(), (page, target)
        for path in re.findall(r"`((?:configs|experiments|hemblip|tests)/[\w./-]+)`", text):
            assert (ROOT / path).exists(), (page, path)


def test_settings_name_what_there_is():
    for page, text in PAGES.items():
        for name in re.findall(r"^::: ([\w.]+)$", text, re.MULTILINE):
            module, _, attribute = name.rpartition(".")
            path = ROOT / (module.replace(".", "/") + ".py")
            path = path if path.exists() else ROOT / module.replace(".", "/") / "__init__.py"
            assert re.search(rf"^(?:class|def) {attribute}\b", path.read_text(), re.MULTILINE), (page, name)


def test_each_command_is_in_the_settings():
    assert all(
        f"::: {command.function.replace(':', '.')}\n" in PAGES["settings.md"]
        for command in commands_of.COMMANDS.values()
    )


def test_the_table_of_sources_is_the_catalogue():
    spec = importlib.util.spec_from_file_location("hooks", ROOT / "docs" / "hooks.py")
    hooks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hooks)
    written = hooks.on_page_markdown(PAGES["data.md"])
    assert hooks.SOURCES not in written
    for name, source in catalogue().items():
        assert f"[`{name}`]({source.page})" in written and (source.person or f"download {name}`") in written
        (line,) = (line for line in written.splitlines() if f"[`{name}`]" in line)
        assert f"| {source.size} |" in line
        assert ("SHA-256" in line) == any(file.sha256 for file in source.files)


@pytest.mark.parametrize(("page", "block"), EXAMPLES)
def test_python_examples(monkeypatch, page, block):
    monkeypatch.chdir(ROOT)
    exec(block, {"__name__": page})


def test_tutorials_are_python():
    for path in (ROOT / "docs" / "tutorials").glob("*.py"):
        text = path.read_text()
        compile(text, path, "exec")
        assert text.startswith("# %% [markdown]\n# # ")


CELLS = ["--data.init_args.sources.init_args.cells", "100"]
SHORT = ["--trainer.max_epochs", "1", "--trainer.check_val_every_n_epoch", "1"]


@pytest.mark.slow
def test_commands_run(tmp_path, monkeypatch, own_loss):
    """All that run on a laptop, in an order in which each finds what it needs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HEMBLIP_DATA", raising=False)
    for name in ("configs", "hemblip"):
        (tmp_path / name).symlink_to(ROOT / name)
    new_user(tmp_path)
    done = []
    for page in ["training.md", "paper.md", *PAGES]:
        for words, runs in commands(page):
            if not runs or words in done or words == ["demo"]:
                continue
            done.append(words)
            drawn = words[0] == "fit" and "--data.init_args.sources" not in words
            small = [*SHORT, *(CELLS if drawn else [])] if words[0] == "fit" else []
            again = ["--force", "true"] if words[0] in ("test", "predict") else []
            assert main([*words, *small, *again]) == 0, (page, words)
    assert len(done) > 15
