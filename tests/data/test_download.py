"""Downloads, from a server on this machine that misbehaves as servers do."""

import hashlib
import io
import random
import zipfile
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from data.file_server import serving
from data.wbcatt_layout import write_layout
from PIL import Image

from hemblip.cli.main import main
from hemblip.data.download import CATALOGUE, CHUNK, File, catalogue, fetch
from hemblip.data.sources.class_mapping import PUBLISHED
from hemblip.errors import DataError

CONTENT = random.Random(0).randbytes(300_000)
DROP = 6 * CHUNK


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr("hemblip.data.download.time.sleep", lambda seconds: None)


def archive(files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return packed.getvalue()


def entry(*files, **changed):
    return {
        "about": "a",
        "page": "p",
        "licence": "CC",
        "folder": "mine",
        "config": "{}",
        "files": list(files),
        **changed,
    }


def run(sources, *words, output="out"):
    Path("catalogue.yaml").write_text(yaml.safe_dump(sources))
    return main(["download", *sources, "--catalogue_file", "catalogue.yaml", "--output", output, *words])


def tree(folder):
    return {path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file()}


@pytest.mark.parametrize("sha256", [None, hashlib.sha256(CONTENT).hexdigest()])
def test_a_dropped_connection_goes_on_where_it_was(workplace, sha256):
    with serving({"a.bin": CONTENT}, drops=2, drop=DROP) as server:
        path = fetch(File(server.url("a.bin"), sha256=sha256), workplace / "a")
    assert path.read_bytes() == CONTENT
    assert [wanted for _, wanted in server.asked] == [None, f"bytes={DROP}-", f"bytes={2 * DROP}-"]
    assert server.sent == len(CONTENT)


def test_a_killed_download_goes_on_in_the_next_command(workplace, capsys):
    source = {"mine": entry()}
    with serving({"a.bin": CONTENT}, drops=99, drop=0) as server:
        source["mine"]["files"] = [{"address": server.url("a.bin"), "to": "deep/a.bin"}]
        server.drop, server.drops = DROP, 1
        silent = server.files
        real, count = dict(silent), []

        class Gone(dict):
            def get(self, name):
                count.append(name)
                return real[name] if len(count) != 2 else None

        server.files = Gone()
        assert run(source) == 2  # the second connection is refused
        assert "refused (status 404)" in capsys.readouterr().err
        assert not Path("out/mine").exists()
        assert run(source) == 0
        assert server.asked[-1] == ("a.bin", f"bytes={DROP}-")
        assert Path("out/mine/deep/a.bin").read_bytes() == CONTENT
        assert tree("out") == {"mine/deep/a.bin", "mine/.hemblip"}  # nothing of the download is left
        asked = len(server.asked)
        assert run(source) == 0 and len(server.asked) == asked
        assert run(source, "--force") == 0 and len(server.asked) == asked + 1


def test_no_ranges_start_again(workplace):
    with serving({"a.bin": CONTENT}, ranges=False, drops=1, drop=DROP) as server:
        path = fetch(File(server.url("a.bin")), workplace / "a")
    assert path.read_bytes() == CONTENT and server.sent == len(CONTENT) + DROP


def test_a_file_that_changed_meanwhile_comes_whole(workplace):
    with serving({"a.bin": bytes(150_000)}, etag='"old"', drops=1, drop=DROP) as server:
        (workplace / "a.part").write_bytes(bytes(100_000))
        (workplace / "a.json").write_text('{"validator": "\\"older\\""}')
        server.files["a.bin"], server.drops = CONTENT, 0
        assert fetch(File(server.url("a.bin")), workplace / "a").read_bytes() == CONTENT


def test_without_a_version_or_check_sum_nothing_is_joined(workplace):
    with serving({"a.bin": CONTENT}, etag="") as server:
        (workplace / "a.part").write_bytes(b"of another file")
        assert fetch(File(server.url("a.bin")), workplace / "a").read_bytes() == CONTENT
    assert server.asked == [("a.bin", None)]


def test_a_complete_part_is_taken_and_a_longer_one_is_not(workplace):
    checksum = hashlib.sha256(CONTENT).hexdigest()
    for content in (CONTENT, CONTENT + b"more"):
        with serving({"a.bin": CONTENT}) as server:
            (workplace / "a.part").write_bytes(content)
            path = fetch(File(server.url("a.bin"), sha256=checksum), workplace / "a")
        assert path.read_bytes() == CONTENT
        path.unlink()


@pytest.mark.parametrize(
    ("published", "says"),
    [({"sha256": "0" * 64}, "published is 0000"), ({"bytes": 7}, "300000 bytes, published are 7")],
)
def test_a_file_that_is_not_the_published_one_is_removed(workplace, capsys, published, says):
    with serving({"a.bin": CONTENT}) as server:
        source = {"mine": entry({"address": server.url("a.bin"), "to": "a.bin", **published})}
        assert run(source) == 2
    assert says in capsys.readouterr().err
    assert not Path("out/mine").exists() and not list(Path("out").rglob("*.part"))


@pytest.mark.parametrize("status", [403, 503])
def test_a_server_that_does_not_give(workplace, status):
    with serving({"a.bin": CONTENT}, status=status) as server, pytest.raises(DataError, match=r"a\.bin: "):
        fetch(File(server.url("a.bin")), workplace / "a")
    assert len(server.asked) == (1 if status == 403 else 5)


def test_nobody_listens(workplace):
    with serving({}) as server:
        url = server.url("a.bin")
    with pytest.raises(DataError, match="ConnectionError, 0 bytes are there; run the same command again"):
        fetch(File(url), workplace / "a")


@pytest.mark.parametrize("name", ["../evil.txt", "/evil.txt", "a/../../evil.txt", "..\\evil.txt", "C:\\evil.txt"])
def test_a_path_that_leaves_the_folder_unpacks_nothing(workplace, capsys, name):
    with serving({"a.zip": archive({"good.txt": "1", name: "2"})}) as server:
        assert run({"mine": entry({"address": server.url("a.zip"), "unpack": True})}) == 2
    assert "which leaves its folder; it was not unpacked" in capsys.readouterr().err
    assert not Path("out/mine").exists() and not list(workplace.rglob("evil*")) and not list(workplace.rglob("good*"))


def test_a_link_in_an_archive(workplace, capsys):
    link = zipfile.ZipInfo("link")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with serving({"a.zip": archive({link: "/etc"})}) as server:
        assert run({"mine": entry({"address": server.url("a.zip"), "unpack": True})}) == 2
    assert "holds the link 'link'" in capsys.readouterr().err


def test_a_damaged_archive_is_fetched_anew(workplace, capsys):
    good = archive({"a.txt": CONTENT})
    with serving({"a.zip": good[:1000] + b"?" + good[1001:]}) as server:
        source = {"mine": entry({"address": server.url("a.zip"), "unpack": True})}
        assert run(source) == 2
        assert "it was removed: try again" in capsys.readouterr().err
        server.files["a.zip"] = good
        assert run(source) == 0
    assert Path("out/mine/a.txt").read_bytes() == CONTENT


def test_an_archive_in_layers(workplace):
    files = {"repo-1/keep/a.txt": "1", "repo-1/other.txt": "2", "repo-1/keep/.DS_Store": "3", "__MACOSX/keep/b": "4"}
    with serving({"a.zip": archive(files)}) as server:
        assert run({"mine": entry({"address": server.url("a.zip"), "unpack": True, "strip": 1, "only": "keep"})}) == 0
    assert tree("out/mine") == {"keep/a.txt", ".hemblip"}


def test_a_folder_of_the_users_own_is_not_touched(workplace, capsys):
    Path("out/mine").mkdir(parents=True)
    Path("out/mine/my.txt").write_text("mine")
    with serving({"a.bin": CONTENT}) as server:
        source = {"mine": entry({"address": server.url("a.bin"), "to": "a.bin"})}
        assert run(source) == 0 and "is there already" in capsys.readouterr().out
        assert run(source, "--force") == 2
    assert tree("out/mine") == {"my.txt"}


def test_a_source_that_needs_a_person(workplace, capsys):
    assert main(["download", "leukemiaattri"]) == 2
    said = capsys.readouterr().err
    assert "cannot be fetched without a person: open https://github.com/intelligentMachines-ITU" in said
    assert "Google Drive" in said and said.count("\n") == 1


def test_names_and_catalogues_that_cannot_be_used(workplace, capsys):
    assert main(["download", "wbcat"]) == 2
    assert "no such source; there are wbcatt, pbc" in capsys.readouterr().err
    for changed, says in (
        ({"licens": "x"}, "unknown key 'licens'"),
        ({"files": []}, "either files or person"),
        ({"files": [{"address": "file:///etc/passwd"}]}, "neither http nor https"),
        ({"files": [{"address": "http://a", "to": "../b"}]}, "leaves the folder"),
        ({"folder": "../a"}, "no single name"),
    ):
        assert run({"mine": entry({"address": "http://a"}) | changed}) == 2
        assert says in capsys.readouterr().err


def test_the_table_of_sources(capsys):
    assert main(["download"]) == 0
    said = capsys.readouterr().out
    for name, published in catalogue().items():
        assert name in said and published.page in said and published.licence in said


def test_each_published_mapping_has_a_source():
    mapped = {path.stem for path in PUBLISHED.glob("*.yaml")}
    assert mapped <= set(catalogue())


def layout_of(name, folder):
    """What a source's server has: file of its address -> content."""
    image = io.BytesIO()
    Image.new("RGB", (40, 40), "pink").save(image, "JPEG")
    if name == "wbcatt":
        write_layout(folder, {"train": 4, "val": 2, "test": 2})
        served = {path.name: path.read_bytes() for path in folder.glob("*.csv")}
        images = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.jpg")}
        return served | {"file_downloaded": archive(images)}
    if name == "pbc":
        return {"file_downloaded": archive({"PBC_dataset_normal_DIB/basophil/BA_1.jpg": image.getvalue()})}
    if name == "bccd":
        return {"": archive({"BCCD-7/BCCD_cropped/Basophil/BloodImage_00008_1.jpg": image.getvalue(), "BCCD-7/x": "1"})}
    image = io.BytesIO()
    Image.new("RGB", (40, 40), "pink").save(image, "BMP")
    table = "image ID,class\r\n1,2\r\n"
    files = {"s/Class Labels of Dataset 2.csv": table, "s/Dataset 2/001.bmp": image.getvalue()}
    return {"": archive(files)}


@pytest.mark.parametrize("name", [name for name, source in catalogue().items() if source.files])
def test_what_is_downloaded_is_what_the_reader_takes(workplace, monkeypatch, name):
    """The shipped catalogue, from a mirror on this machine that has the published layout at small size."""
    written = yaml.safe_load(CATALOGUE.read_text())[name]
    served = layout_of(name, workplace / "published")
    with serving({}) as server:
        for file in written["files"]:
            base = file["address"].rpartition("/")[2]
            server.files[base] = served.get(base, served.get(""))
            file["address"], file["sha256"], file["bytes"] = server.url(base), None, None
        assert run({name: written}) == 0
    monkeypatch.setenv("HEMBLIP_DATA", "out")
    config = yaml.safe_load(written["config"])
    module, _, kind = config["class_path"].rpartition(".")
    cells = getattr(import_module(module), kind)(**config["init_args"]).records()
    assert len(cells) == (8 if name == "wbcatt" else 1) and cells["cell_type"].notna().all()
