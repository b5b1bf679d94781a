"""`python -m hemblip caption`: a manifest in, the same with captions out."""

import json
import sqlite3
from errno import ENOSPC
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from chat_server import reworded, serving
from jsonargparse import auto_cli
from morphology.attributes import LEUKEMIC, WBCATT

from hemblip.cli.main import main
from hemblip.corpus.captions import caption
from hemblip.corpus.paraphrase import Paraphraser
from hemblip.corpus.prepare import SCHEMA
from hemblip.data.sources import Manifest
from hemblip.errors import ConfigError, DataError
from hemblip.morphology.grammar import captions
from hemblip.morphology.guard import states_exactly

OWN = ["A large neutrophil, as a reader described it."]


def write_manifest(path, cells=6):
    rows = [
        {
            "cell_id": f"set/{number}",
            "image": f"images/{number}.png",
            "bbox": [0.0, 1.0, 20.0, 30.0] if number % 2 else None,
            "width_factor": 1.5,
            "source": "set",
            "domain": "",
            "group": f"slide-{number // 2}",
            "split": "train" if number else "test",
            **(WBCATT if number % 2 else LEUKEMIC),
            "captions": OWN if number == 2 else [],
        }
        for number in range(cells)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), path)


@pytest.fixture
def manifest(workplace, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("OPENAI_MODEL", "tiny")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    write_manifest(workplace / "data" / "manifest.parquet")
    return workplace / "data" / "manifest.parquet"


def run_caption(*words):
    auto_cli(caption, args=list(words), as_positional=False)


def rows_of(path):
    return {row["cell_id"]: row for row in pd.read_parquet(path).to_dict("records")}


def test_each_cell_gets_captions_and_all_else_stays(manifest, capsys):
    caption(str(manifest), "data/captioned.parquet", k=4, seed=3)
    before, after = pq.read_table(manifest), pq.read_table("data/captioned.parquet")
    assert after.schema == before.schema and after.drop(["captions"]) == before.drop(["captions"])
    rows = rows_of("data/captioned.parquet")
    assert list(rows["set/2"]["captions"]) == OWN
    for name, row in rows.items():
        attributes = WBCATT if row["cell_type"] == "neutrophil" else LEUKEMIC
        if name != "set/2":
            assert list(row["captions"]) == captions(attributes, 4, 3, name)
    assert len(rows["set/0"]["captions"]) == 4
    printed = capsys.readouterr().out
    assert "20 captions of 5 cells: 20 by the grammar, 0 paraphrased\n1 cells keep captions of their own" in printed
    record = json.loads((manifest.parent / "captioned_captions.json").read_text())
    assert record["counts"]["grammar"] == 20 and record["settings"] == {"k": 4, "seed": 3, "model": None}
    assert sorted(path.name for path in manifest.parent.iterdir() if not path.name.startswith(".")) == [
        "captioned.parquet",
        "captioned_captions.json",
        "manifest.parquet",
    ]


def test_it_writes_the_same_bytes_again(manifest):
    caption(str(manifest), "data/a.parquet")
    caption(str(manifest), "data/b.parquet")
    assert (manifest.parent / "a.parquet").read_bytes() == (manifest.parent / "b.parquet").read_bytes()


def test_the_result_is_a_manifest_to_train_on(manifest):
    caption(str(manifest), "data/captioned.parquet", k=2)
    cells = Manifest("data/captioned.parquet").records()
    assert cells["captions"].map(len).tolist() == [2, 2, 1, 2, 2, 2]


def test_the_shipped_config_works_offline(manifest, monkeypatch):
    config = str(Path(__file__).parents[2] / "configs" / "caption" / "grammar.yaml")
    monkeypatch.setattr("requests.Session.post", None)
    run_caption("--config", config)
    assert rows_of("data/captioned.parquet")["set/0"]["captions"].shape == (5,)


def test_a_dry_run_writes_and_sends_nothing(manifest, capsys):
    with serving() as server:
        settings = Paraphraser(base_url=server.url, price_in=1000.0, price_out=2000.0, requests_per_minute=1)
        caption(str(manifest), "data/captioned.parquet", k=4, paraphraser=settings, dry_run=True)
        assert not Path(settings.cache).exists()
        assert not server.requests
    assert not (manifest.parent / "captioned.parquet").exists()
    printed = capsys.readouterr().out
    assert "20 captions, 0 of them cached: 3 requests, about" in printed and "at least 3 minutes" in printed
    assert captions(LEUKEMIC, 1, 0, "set/0")[0] in printed and "sk-secret" not in printed


def test_costs_without_prices_are_unknown(manifest, capsys):
    settings = Paraphraser(base_url="http://127.0.0.1:9/v1")
    caption(str(manifest), "data/captioned.parquet", k=4, paraphraser=settings, dry_run=True)
    assert "cost unknown (set paraphraser.price_in and price_out)" in capsys.readouterr().out


def test_a_model_rewords_and_everything_is_counted(manifest, capsys):
    def behave(number, drafts, asked):
        return [reworded(draft) if "neutrophil" in draft.lower() else "A healthy basophil." for draft in drafts]

    with serving(behave) as server:
        words = ["--manifest", str(manifest), "--k", "3", "--paraphraser.base_url", server.url]
        run_caption(*words, "--paraphraser.attempts", "2", "--paraphraser.price_in", "10000")
    rows = rows_of("data/captioned.parquet")
    assert all(text.endswith(" This is a rewording.") for text in rows["set/1"]["captions"])
    assert list(rows["set/0"]["captions"]) == captions(LEUKEMIC, 3, 0, "set/0")
    assert all(states_exactly(text, WBCATT) for text in rows["set/3"]["captions"])
    record = json.loads((manifest.parent / "captioned_captions.json").read_text())
    assert record["settings"]["model"] == "tiny at 127.0.0.1"
    counts = record["counts"]
    assert (counts["grammar"], counts["paraphrased"], counts["rejected"]) == (6, 9, 12)
    assert counts["cost"] > 0 and counts["rejected_because_of"] == {"cell_type": 12}
    printed = capsys.readouterr().out
    assert "15 captions of 5 cells: 6 by the grammar, 9 paraphrased\n12 paraphrases rejected (cell_type 12)" in printed
    everything = printed + "".join(path.read_text("latin-1") for path in manifest.parent.iterdir())
    assert "sk-secret" not in everything


@pytest.mark.parametrize(
    ("settings", "kind", "words"),
    [
        ({"k": 0}, ConfigError, "--k 0"),
        ({"output": "data/x.csv"}, ConfigError, r"--output data/x.csv"),
        ({"output": "data/../data/manifest.parquet"}, ConfigError, "is the manifest itself"),
        ({"manifest": "nowhere.parquet"}, DataError, "nowhere.parquet: no such manifest"),
    ],
)
def test_bad_settings_are_one_line(manifest, settings, kind, words):
    with pytest.raises(kind, match=words):
        caption(**{"manifest": "data/manifest.parquet", **settings})


def full(*_, **__):
    raise OSError(ENOSPC, "No space left on device")


def test_an_output_that_cannot_be_written_is_told_before_the_work(manifest, monkeypatch, capsys):
    Path("file").write_text("not a folder")
    monkeypatch.setattr("hemblip.corpus.captions.captions", None)
    words = ["--manifest", str(manifest), "--output"]
    assert main(["caption", *words, "file/x.parquet"]) == 2
    said = "error: file/x.parquet: cannot be written (file is a file); make room or choose another folder\n"
    assert capsys.readouterr().err.endswith(said)
    monkeypatch.setattr("hemblip.atomic.TemporaryFile", full)
    assert main(["caption", *words, "data/x.parquet"]) == 2
    assert "data/x.parquet: cannot be written (No space left on device)" in capsys.readouterr().err


def test_a_disk_that_fills_up_leaves_the_captions_of_before(manifest, monkeypatch, capsys):
    caption(str(manifest), "data/captioned.parquet", k=2)
    before = {path.name: path.read_bytes() for path in manifest.parent.iterdir()}
    write = pq.write_table

    def fill(table, path):
        write(table, path)
        Path(path).write_bytes(Path(path).read_bytes()[:100])
        full()

    monkeypatch.setattr("hemblip.corpus.captions.pq.write_table", fill)
    assert main(["caption", "--manifest", str(manifest), "--output", "data/captioned.parquet", "--k", "4"]) == 2
    assert "error: data/captioned.parquet: cannot be written (No space left" in capsys.readouterr().err.splitlines()[-1]
    assert {path.name: path.read_bytes() for path in manifest.parent.iterdir()} == before


def test_a_cache_on_a_full_disk_keeps_what_it_has(manifest, monkeypatch, capsys):
    connect = sqlite3.connect

    def connect_to_full_disk(*place, **settings):
        database = connect(*place, **settings)
        database.execute("PRAGMA max_page_count = 8")  # of 4 kB: SQLite then says what it says of a full disk
        return database

    with serving() as server:
        words = ["--manifest", str(manifest), "--k", "12", "--paraphraser.base_url", server.url]
        words += ["--paraphraser.workers", "1", "--paraphraser.batch", "2"]
        with monkeypatch.context() as patch:
            patch.setattr("sqlite3.connect", connect_to_full_disk)
            assert main(["caption", *words]) == 2
        said = "paraphrases.sqlite: the cache of answers cannot be used (database or disk is full); make room"
        assert capsys.readouterr().err.splitlines()[-1].endswith(said)
        assert not Path("data/captioned.parquet").exists()
        assert len(server.requests) > 2
        assert main(["caption", *words]) == 0
        # Only the batch that was not kept, and one that was asked for before this was told.
        assert sum(times > 1 for times in server.drafts.values()) <= 4
    assert rows_of("data/captioned.parquet")["set/0"]["captions"].shape == (12,)


@pytest.mark.parametrize("name", ["captioned.parquet", "captioned_captions.json"])
def test_files_that_caption_did_not_make_are_not_replaced(manifest, name):
    mine = manifest.with_name(name)
    mine.write_text("my own\n")
    with pytest.raises(DataError, match="no earlier result of `caption`"):
        caption(str(manifest), str(manifest.with_name("captioned.parquet")), k=1)
    assert mine.read_text() == "my own\n"
