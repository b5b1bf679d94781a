"""Answers that were paid for are kept, and those that are damaged are not believed."""

from contextlib import closing

import pytest

from hemblip.errors import DataError
from hemblip.store import Store, content_key

TEXT = "A large lymphocyte with a round nucleus."


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "answers.sqlite"
    store = Store(path)
    store.put({f"key {number}": f"{TEXT} {number}" for number in range(200)})
    store.close()
    return path


def notes(capsys):
    return capsys.readouterr().err.splitlines()


def test_what_is_put_is_there_the_first_wins(path, capsys):
    store = Store(path)
    store.put({"key 3": "another"})
    assert store.get("key 3") == f"{TEXT} 3" and store.get("none") is None and not notes(capsys)


@pytest.mark.parametrize("how", ["empty", "cut", "overwritten", "flipped page"])
def test_a_damaged_file_is_put_aside_and_begun_again(path, capsys, how):
    data = path.read_bytes()
    flipped = bytearray(data)
    flipped[4096] ^= 0xFF  # kind of the first page of texts
    damaged = {"empty": b"", "cut": data[: len(data) // 2], "overwritten": b"x" * len(data), "flipped page": flipped}
    path.write_bytes(damaged[how])
    store = Store(path)
    found = {key: text for number in range(200) if (text := store.get(key := f"key {number}"))}
    assert found == {key: f"{TEXT} {key[4:]}" for key in found}
    store.put({"key 199": "new", "another": "text"})
    assert store.get("another") == "text" and store.get("key 199") == found.get("key 199", "new")
    (line,) = notes(capsys)
    told = f"damaged; put aside as answers.sqlite.damaged, and begun again with the {len(found)} texts that are whole"
    assert line == f"note: {path}: {told}"
    assert path.with_name("answers.sqlite.damaged").read_bytes() == damaged[how]


def test_any_flipped_bit_costs_at_most_what_it_is_in(tmp_path, capsys):
    path = tmp_path / "answers.sqlite"
    texts = {f"key {number}": f"{TEXT} {number}" for number in range(5)}
    with closing(Store(path)) as store:
        store.put(texts)
    data = path.read_bytes()
    marks = (
        b"answers",
        b"checksum",
        b"autoindex",
        b"key 3",
        TEXT.encode(),
        content_key("key 3", texts["key 3"]).encode(),
    )
    places = [18, *(place(mark) for mark in marks for place in (data.index, data.rindex))]  # in tables and in the index
    for place in places:
        flipped = bytearray(data)
        flipped[place] ^= 128
        path.unlink()
        path.write_bytes(flipped)
        with closing(Store(path)) as store:
            found = {key: store.get(key) for key in texts}
            assert all(text in (None, texts[key]) for key, text in found.items()), place
            store.put(texts)
            assert {key: store.get(key) for key in texts} == texts, place
        assert len(notes(capsys)) <= 1, place


def test_a_flipped_bit_in_a_text_is_noticed(path, capsys):
    data = bytearray(path.read_bytes())
    data[data.index(b"lymphocyte with a round nucleus. 3")] ^= 1
    path.write_bytes(data)
    store = Store(path)
    found = [store.get(f"key {number}") for number in range(200)]
    lost = [number for number, text in enumerate(found) if text is None]
    assert len(lost) == 1 and all(text in (None, f"{TEXT} {number}") for number, text in enumerate(found))
    assert notes(capsys) == [f"note: {path}: one text is damaged; it is asked for again"]
    store.put({f"key {lost[0]}": "again"})
    assert store.get(f"key {lost[0]}") == "again"


def test_a_file_that_is_no_cache_is_left_alone(tmp_path):
    path = tmp_path / "manifest.parquet"
    path.write_text("somebody's table")
    with pytest.raises(DataError, match=r"manifest\.parquet: the cache of answers cannot be used"):
        Store(path)
    assert path.read_text() == "somebody's table"
