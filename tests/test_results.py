"""A command replaces its own earlier results, and nothing else."""

import shutil
from errno import ENOSPC
from pathlib import Path

import pytest

from hemblip.errors import DataError
from hemblip.results import check_files, check_folder, replacing_files, replacing_folder


def write_folder(text, maker="audit"):
    with replacing_folder(Path("made"), maker) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "a.md").write_text(text)


def write_files(text, maker="prepare"):
    paths = [Path("m.parquet"), Path("m.md")]
    with replacing_files(paths, maker) as partial:
        for path in paths:
            partial(path).write_text(f"{path} {text}")


def contents(folder="."):
    return {str(path): path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file()}


def test_a_folder_of_the_same_command_is_replaced(workplace):
    write_folder("one")
    write_folder("two")
    assert Path("made/deep/a.md").read_text() == "two"
    with pytest.raises(DataError, match=r"^made: holds deep/a\.md, which is no earlier result of `compare`; move it"):
        check_folder(Path("made"), "compare")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda made: (made / "mine.txt").write_text("mine"), "holds mine.txt, which is no earlier result of `audit`"),
        (lambda made: (made / "deep/a.md").write_text("mine"), "holds deep/a.md, which was changed since `audit`"),
        (lambda made: (made / ".hemblip").unlink(), "holds deep/a.md, which is no earlier result of `audit`"),
        (lambda made: (made / ".hemblip").write_text("[1]"), "holds deep/a.md, which is no earlier result of `audit`"),
    ],
)
def test_what_the_user_added_or_changed_in_a_folder_stays(workplace, change, why):
    write_folder("one")
    change(Path("made"))
    before = contents()
    for write in (lambda: check_folder(Path("made"), "audit"), lambda: write_folder("two")):
        with pytest.raises(DataError, match=why):
            write()
    assert contents() == before


def test_what_a_file_manager_left_is_in_nobodys_way(workplace):
    write_folder("one")
    Path("made/.DS_Store").write_bytes(b"Bud1")
    write_folder("two")
    assert Path("made/deep/a.md").read_text() == "two" and not Path("made/.DS_Store").exists()


def test_a_copied_result_may_be_replaced(workplace):
    write_folder("one")
    shutil.copytree("made", "copy")
    check_folder(Path("copy"), "audit")


def test_a_failure_leaves_the_folder_before_and_names_the_users_file(workplace):
    write_folder("one")
    before = contents()
    with pytest.raises(DataError, match=r"^made/a\.md: full"), replacing_folder(Path("made"), "audit") as folder:
        raise DataError(f"{folder / 'a.md'}: full")
    with pytest.raises(DataError, match=r"^made: cannot be written \(No sp"), replacing_folder(Path("made"), "audit"):
        raise OSError(ENOSPC, "No space left on device")
    assert contents() == before and {path.name for path in workplace.iterdir() if "made" in path.name} == {"made"}


def test_files_of_the_same_command_are_replaced(workplace):
    write_files("one")
    write_files("two")
    assert Path("m.md").read_text() == "m.md two"
    assert {path.name for path in workplace.iterdir() if path.name.strip(".").startswith("m.")} == {
        "m.parquet",
        "m.md",
        ".m.parquet.hemblip",
    }
    with pytest.raises(DataError, match=r"^m\.parquet, m\.md: no earlier result of `caption`, or changed since; move"):
        check_files([Path("m.parquet"), Path("m.md")], "caption")


@pytest.mark.parametrize("name", ["m.parquet", "m.md"])
def test_files_of_the_user_stay(workplace, name):
    Path(name).write_text("mine")
    with pytest.raises(DataError, match=f"^{name}: no earlier result"):
        write_files("one")
    assert contents().keys() == {name}
    Path(name).unlink()
    write_files("one")
    Path(name).write_text("mine")
    with pytest.raises(DataError, match=f"^{name}: no earlier result of `prepare`, or changed since"):
        write_files("two")
    assert Path(name).read_text() == "mine"


@pytest.mark.parametrize("renamed", [0, 1, 2])
def test_files_of_a_killed_command_may_be_replaced(workplace, monkeypatch, renamed):
    write_files("one")
    left, rename = [renamed], Path.replace

    def killed(path, target):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return rename(path, target)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "replace", killed)
        write_files("two")
    assert not Path("m.parquet").exists()  # files of two calls are never taken for one result
    write_files("three")
    assert Path("m.md").read_text() == "m.md three" and Path("m.parquet").read_text() == "m.parquet three"
