"""Rewording by a language model behind a real HTTP server."""

import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from chat_server import reworded, serving
from morphology.attributes import LEUKEMIC, WBCATT

from hemblip.corpus.paraphrase import Paraphraser, Rewording
from hemblip.endpoint import Endpoint
from hemblip.errors import ConfigError, DataError, ModelAccessError
from hemblip.morphology.grammar import captions
from hemblip.morphology.guard import states_exactly

CELLS = [WBCATT, LEUKEMIC]
DRAFTS = [captions(cell, 4, 0, str(number)) for number, cell in enumerate(CELLS)]


@pytest.fixture
def rewording(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def make(server, drafts=DRAFTS, **settings):
        url = server if isinstance(server, str) else server.url
        given = {"batch": 3, "workers": 2, "backoff": 0.01, "cache": str(tmp_path / "cache.sqlite"), **settings}
        return Rewording(Paraphraser("tiny", url, **given), drafts, CELLS)

    return make


def every(texts):
    return [text for own in texts for text in own]


def test_good_rewordings_replace_the_drafts_and_are_kept(rewording):
    with serving() as server:
        outcome = rewording(server).run()
        assert every(outcome.captions) == [reworded(draft) for draft in every(DRAFTS)]
        assert (outcome.paraphrased, outcome.requests, outcome.malformed) == (8, 3, 0)
        assert (outcome.tokens_in, outcome.tokens_out) == (300, 150)
        assert set(server.keys) == {"Bearer sk-secret"}
        assert {body["model"] for body in server.requests} == {"tiny"}
        again = rewording(server).run()
        assert again.captions == outcome.captions and again.requests == 0 and len(server.requests) == 3


@pytest.mark.parametrize(("key", "url"), [("sk-\nsecret", None), ("sk-secret", "http://[1::2/v1"), ("sk", "http://")])
def test_a_key_or_address_that_cannot_be_sent_is_a_setting_to_mend(rewording, monkeypatch, key, url):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with serving() as server, pytest.raises(ConfigError, match="check paraphraser") as error:
        rewording(url or server).run()
    assert "secret" not in str(error.value)


def test_the_end_of_line_of_a_key_is_not_sent(rewording, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret\n")
    with serving() as server:
        rewording(server).run()
        assert set(server.keys) == {"Bearer sk-secret"}


def test_without_a_key_none_is_sent(rewording, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    with serving() as server:
        rewording(server).run()
        assert set(server.keys) == {None}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda draft: reworded(draft) + " The cell is healthy.", "diagnosis"),
        (lambda draft: draft.replace("acute", "chronic").replace("AML", "CML"), "diagnosis"),
        (lambda draft: "A white blood cell.", "cell_type"),
        (lambda draft: reworded(draft) + " Auer rods are seen.", "it adds 'auer'"),
        (lambda draft: reworded(draft) + " It measures 15 micrometres.", "it adds '15'"),
        (lambda draft: reworded(draft) + " Beautiful." * 200, "it is far longer than the caption"),
        (lambda draft: draft, "it repeats another caption of the cell"),
    ],
)
def test_a_rewording_that_changes_a_fact_is_asked_for_again_then_replaced_by_the_grammar(rewording, change, reason):
    def behave(number, drafts, asked):
        return [change(draft) for draft in drafts]

    drafts = [[], DRAFTS[1]]
    with serving(behave) as server:
        outcome = rewording(server, drafts, attempts=2).run()
        assert outcome.captions == drafts and outcome.paraphrased == 0
        assert outcome.rejected[reason] == outcome.rejected.total() == 8
        problems = [
            entry.get("problem") for body in server.requests for entry in json.loads(body["messages"][1]["content"])
        ]
        assert problems.count(None) == 4 and all(problem for problem in problems if problem is not None)


def test_a_second_attempt_can_succeed(rewording):
    def behave(number, drafts, asked):
        return [reworded(entry["caption"]) if "problem" in entry else "A cell." for entry in asked]

    with serving(behave) as server:
        outcome = rewording(server).run()
    assert outcome.paraphrased == 8 and outcome.rejected.total() == 8
    assert all(states_exactly(text, cell) for own, cell in zip(outcome.captions, CELLS, strict=True) for text in own)


def test_one_bad_rewording_of_a_batch_does_not_spoil_the_others(rewording):
    def behave(number, drafts, asked):
        return [reworded(draft) if draft != DRAFTS[0][1] else "A cell." for draft in drafts]

    with serving(behave) as server:
        outcome = rewording(server).run()
    assert outcome.paraphrased == 7 and outcome.captions[0][1] == DRAFTS[0][1]


@pytest.mark.parametrize(
    "malformed",
    [
        "I cannot help with that.",
        "[1, 2, 3]",
        '["too", "many", "of", "them"]',
        '["cut off',
        "[[]]",
        b"<html>bad gateway</html>",
        b"{}",
        b'{"choices": []}',
        b'{"choices": [{"message": {"content": null}}]}',
        b'{"choices": [{"message": {"content": "[]"}}], "usage": {"prompt_tokens": "many"}}',
        b"\xff\xfe",
        b"",
    ],
)
def test_malformed_replies_are_counted_and_the_grammar_stays(rewording, malformed):
    with serving(lambda number, drafts, asked: malformed) as server:
        outcome = rewording(server, attempts=1).run()
    assert outcome.captions == DRAFTS and outcome.malformed == 8 and outcome.paraphrased == 0


@pytest.mark.parametrize("bad", ["Sorry, I cannot.", ["", " "], b"<html>"])
def test_a_later_run_asks_again_for_what_was_malformed(rewording, bad):
    with serving(lambda number, drafts, asked: bad) as server:
        assert rewording(server).run().malformed > 0
    with serving() as server:
        outcome = rewording(server).run()
    assert outcome.paraphrased == 8 and outcome.malformed == 0 and server.drafts.total() == 8


def test_a_batch_with_a_malformed_reply_is_asked_for_in_smaller_ones(rewording):
    def behave(number, drafts, asked):
        return [reworded(draft) for draft in drafts] if len(drafts) == 1 else "Sorry, too many."

    with serving(behave) as server:
        outcome = rewording(server).run()
    assert outcome.paraphrased == 8 and outcome.malformed == 0


@pytest.mark.parametrize("frame", ["```json\n{}\n```", "Here you are:\n{}", "{}"])
def test_answers_are_read_within_what_models_put_around_them(rewording, frame):
    def behave(number, drafts, asked):
        return frame.replace("{}", json.dumps([f"  {reworded(draft)}\n\u0000\ud800" for draft in drafts], indent=1))

    with serving(behave) as server:
        outcome = rewording(server).run()
    assert every(outcome.captions) == [reworded(draft) for draft in every(DRAFTS)]


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_busy_server_is_waited_for_as_long_as_it_asks(rewording, form):
    wait = {"seconds": "1", "date": format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True)}[form]

    def behave(number, drafts, asked):
        return (429, {"Retry-After": wait}) if number == 0 else [reworded(draft) for draft in drafts]

    with serving(behave) as server:
        outcome = rewording(server, workers=1).run()
        assert outcome.paraphrased == 8
        assert server.times[1] - server.times[0] >= 0.95


def test_a_pause_holds_for_all_workers(rewording):
    def behave(number, drafts, asked):
        return (429, {"Retry-After": "0.6"}) if number == 0 else [reworded(draft) for draft in drafts]

    with serving(behave) as server:
        rewording(server, batch=1, workers=2).run()
        later = [moment for moment in server.times[2:] if moment - server.times[0] < 0.5]
        assert len(later) <= 1  # one was on its way


def test_retries_wait_twice_as_long_each_time(rewording):
    with serving(lambda number, drafts, asked: 503 if number < 4 else [reworded(draft) for draft in drafts]) as server:
        rewording(server, batch=8, backoff=0.1).run()
        gaps = [after - before for before, after in zip(server.times, server.times[1:], strict=False)]
    assert len(gaps) == 4 and all(gap >= 0.075 * 2**number for number, gap in enumerate(gaps))


def test_a_silent_server_is_asked_again(rewording):
    with serving(lambda number, drafts, asked: 1.5 if number == 0 else [reworded(d) for d in drafts]) as server:
        start = time.monotonic()
        outcome = rewording(server, batch=8, timeout=0.4).run()
        assert outcome.paraphrased == 8 and time.monotonic() - start < 1.4


def test_the_rate_is_limited(rewording):
    with serving() as server:
        rewording(server, batch=1, workers=4, requests_per_minute=600).run()
        assert len(server.times) == 8 and server.times[-1] - server.times[0] >= 0.65


def test_a_server_that_drips_is_left(rewording):
    with serving() as server, pytest.raises(ModelAccessError, match=r"no answer after 1 requests \(last: ReadTimeout"):
        server.piece, server.pause = 1, 0.05  # each byte in time, the whole in a minute
        rewording(server, timeout=0.5, retries=0).run()


def test_a_reply_of_megabytes_is_not_read(rewording):
    def behave(number, drafts, asked):
        content = json.dumps([reworded(draft) for draft in drafts])
        return json.dumps({"choices": [{"message": {"content": content}}], "more": "x" * 5_000_000}).encode()

    with serving(behave) as server:
        outcome = rewording(server, attempts=1).run()
    assert outcome.malformed == 8 and outcome.paraphrased == 0


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "refuses the key (status 401); set OPENAI_API_KEY"),
        (404, "refuses the request (status 404"),
        (302, "refuses the request (status 302"),
        (500, "no answer after 3 requests (last: 500); what is done is cached"),
        ((429, {"Retry-After": "86400"}), "asks to wait 86400 s"),
    ],
)
def test_a_closed_server_ends_the_run_with_one_line_that_keeps_the_key(rewording, status, words):
    with serving(lambda number, drafts, asked: status) as server, pytest.raises(ModelAccessError) as error:
        rewording(server, retries=2).run()
    assert words in str(error.value) and "sk-secret" not in str(error.value)


def test_a_server_that_is_not_there(rewording):
    with pytest.raises(ModelAccessError, match=r"127.0.0.1: no answer after 2 requests \(last: ConnectError\)"):
        rewording("http://127.0.0.1:9/v1", retries=1).run()


def test_what_was_answered_before_the_server_failed_is_not_asked_again(rewording):
    def behave(number, drafts, asked):
        return [reworded(draft) for draft in drafts] if number < 2 else 500

    with serving(behave) as server, pytest.raises(ModelAccessError):
        rewording(server, workers=1, retries=0).run()
    with serving() as server:
        outcome = rewording(server).run()
        assert outcome.paraphrased == 8 and outcome.requests == 1


def test_an_estimate_sends_nothing_and_knows_the_cache(rewording):
    with serving() as server:
        before = rewording(server).estimate()
        assert (before.captions, before.cached, before.requests) == (8, 0, 3) and not server.requests
        assert 200 < before.tokens_in < 2000 and 100 < before.tokens_out < 1000
        rewording(server).run()
        after = rewording(server).estimate()
        assert (after.cached, after.requests, after.tokens_in, after.tokens_out) == (8, 0, 0, 0)


def test_another_model_temperature_or_draft_is_another_question(rewording):
    with serving() as server:
        rewording(server).run()
        assert rewording(server, temperature=0.2).estimate().cached == 0
        assert rewording(server, [captions(WBCATT, 2, 9), []]).estimate().cached == 0


def test_settings_are_checked(monkeypatch):
    monkeypatch.delenv("OPENAI_MODEL", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(ConfigError, match=r"paraphraser.batch is 0"):
        Paraphraser(batch=0)
    with pytest.raises(ConfigError, match=r"paraphraser.retries is -1"):
        Paraphraser(retries=-1)
    with pytest.raises(ConfigError, match="OPENAI_MODEL"):
        Endpoint()
    with pytest.raises(ConfigError, match="OPENAI_BASE_URL"):
        Endpoint("tiny")
    with pytest.raises(ConfigError, match="ftp://x"):
        Endpoint("tiny", "ftp://x")
    monkeypatch.setenv("OPENAI_MODEL", "from-environment")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://user:password@host:1/v1")
    endpoint = Endpoint()
    assert endpoint.model == "from-environment" and endpoint.host == "host"


def test_a_cache_that_is_something_else_is_named(tmp_path):
    (tmp_path / "cache").write_text("this is no database " * 100)
    settings = Paraphraser("tiny", "http://127.0.0.1:9/v1", cache=str(tmp_path / "cache"))
    with pytest.raises(DataError, match="cache of answers cannot be used"):
        Rewording(settings, DRAFTS, CELLS)


def start(server, cache):
    """Rewording in a process of its own, which prints the captions and their count."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, server.url, str(cache)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


PROGRAM = """
import json, sys
from hemblip.morphology.grammar import captions
from hemblip.corpus.paraphrase import Paraphraser, Rewording

cell = {"cell_type": "monocyte", "nucleus_shape": "unsegmented-indented", "chromatin": "loose"}
drafts = [captions(cell, 3, 0, str(number)) for number in range(8)]
settings = Paraphraser("tiny", sys.argv[1], batch=1, workers=2, cache=sys.argv[2])
outcome = Rewording(settings, drafts, [cell] * 8).run()
print(json.dumps([outcome.captions, outcome.paraphrased]))
"""


def slowly_and_in_other_words_each_time(number, drafts, asked):
    time.sleep(0.05)
    return [draft + f" This is {('one', 'another', 'a further')[number % 3]} rewording." for draft in drafts]


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(tmp_path, rewording):
    with serving(slowly_and_in_other_words_each_time) as server:
        run = start(server, tmp_path / "cache")
        while len(server.requests) < 8:
            assert run.poll() is None, run.communicate()
            time.sleep(0.01)
        run.send_signal(signal.SIGKILL)
        run.communicate()
        time.sleep(0.2)
        assert len(server.requests) < 24
        printed, complaints = start(server, tmp_path / "cache").communicate(timeout=120)
        assert printed, complaints
        captions_of_all, paraphrased = json.loads(printed)
        assert paraphrased == 24
        assert 24 <= len(server.requests) <= 24 + 2  # what the two threads waited for was lost
        again, _ = start(server, tmp_path / "cache").communicate(timeout=120)
        assert json.loads(again) == [captions_of_all, 24] and len(server.requests) <= 24 + 2


@pytest.mark.slow
def test_processes_at_the_same_time_share_the_work_and_agree(tmp_path, rewording):
    with serving(slowly_and_in_other_words_each_time) as server:
        runs = [start(server, tmp_path / "cache")]
        while len(server.requests) < 8:
            assert runs[0].poll() is None, runs[0].communicate()
            time.sleep(0.01)
        runs.append(start(server, tmp_path / "cache"))
        (first, complaints), (second, _) = [run.communicate(timeout=120) for run in runs]
        assert first and first == second, complaints
        assert json.loads(first)[1] == 24
        # The second finds what was answered: all but the two that are on their way. It may ask for all others.
        assert 24 <= len(server.requests) <= 24 + 24 - (8 - 2)
