"""A captioner over the network, against a real server on this machine."""

import base64
import io
import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from local_server import running
from PIL import Image

import hemblip
from hemblip.cli.main import main
from hemblip.errors import ConfigError, ModelAccessError
from hemblip.models import ApiCaptioner
from hemblip.models.gemma_prompt import QUESTION, SYSTEM_PROMPT
from hemblip.predictions import read_predictions
from hemblip.run import Run

TINY = Path(__file__).parents[1] / "conf" / "tiny.yaml"
CAPTION = "A large monocyte with an unsegmented-indented nucleus."


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        with server.lock:
            server.asked.append(body)
            server.keys.append(self.headers.get("Authorization"))
            number = len(server.asked)
        status, text = server.behave(number, body)
        reply = {"choices": [{"message": {"content": text}}], "usage": {"prompt_tokens": 300, "completion_tokens": 20}}
        content = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


def serving(behave=lambda number, body: (200, f"  {CAPTION}\n")):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.keys, server.lock, server.behave = [], [], threading.Lock(), behave
    server.url = f"http://127.0.0.1:{server.server_port}/v1"
    return running(server)


@pytest.fixture
def config(workplace, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def write(server, **settings):
        told = yaml.safe_load(TINY.read_text())
        given = {"model": "served", "base_url": server.url, "image_size": 32, "backoff": 0.01, "retries": 1, **settings}
        told |= {"name": "api", "model": {"class_path": "hemblip.models.ApiCaptioner", "init_args": given}}
        Path("api.yaml").write_text(yaml.safe_dump(told))
        return ["--config", "api.yaml"]

    return write


def images(body):
    """Images and assistant turns of a chat, in order."""
    told = []
    for turn in body["messages"]:
        if turn["role"] == "assistant":
            told.append(turn["content"])
        for part in turn["content"] if isinstance(turn["content"], list) else []:
            if part["type"] == "image_url":
                content = base64.b64decode(part["image_url"]["url"].split(",")[1])
                told.append(np.asarray(Image.open(io.BytesIO(content))))
    return told


def test_it_is_tested_compared_and_asked_for_once(config, capsys):
    with serving() as server:
        words = config(server, price_in=2.0, price_out=10.0)
        assert main(["test", *words]) == 0
        rows = read_predictions(Run(Run.newest("api").folder).rows_of("test"))
        assert set(rows["caption"]) == {CAPTION} and len(rows) == len(server.asked) == 24
        assert rows["confidence"].isna().all() and set(rows["cell_type"]) == {"monocyte"}
        told = capsys.readouterr().out
        # 24 cells at 300 tokens an image, the question and the system prompt; 200 written at most
        assert "at most 24 calls to served at 127.0.0.1, 0 examples in each" in told
        sent = 24 * (len(SYSTEM_PROMPT) + len(QUESTION)) // 4 + 24 * 300
        assert f"about {sent:,} tokens sent (300 an image) and at most 4,800 received" in told
        assert f"cost: at most {(sent * 2 + 4800 * 10) / 1e6:.2f}" in told
        assert "24 calls, 7,200 tokens sent, 480 received, cost 0.02; all other captions were cached" in told
        scores = Run.newest("api").scores["test"]["model"]
        share = (rows["true_cell_type"] == "monocyte").mean()
        assert scores["attributes"]["cell_type"]["accuracy"] == pytest.approx(share)
        assert main(["test", *words]) == 0 and len(server.asked) == 24
        assert main(["compare", "runs/api", "--output", "tables"]) == 0
    assert set(server.keys) == {"Bearer sk-secret"}
    written = [path.read_bytes() for path in Path().rglob("*") if path.is_file()]
    assert not [content for content in written if b"sk-secret" in content]


def test_the_picture_that_is_sent_is_the_cell(config):
    with serving() as server:
        config(server)
        captioner = ApiCaptioner("served", server.url, image_size=32)
        pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
        cell = captioner.describe([pixels])[0]
    assert cell.caption == CAPTION and cell.attributes["cell_type"] == "monocyte" and not cell.confidence
    (sent,) = images(server.asked[0])
    assert np.array_equal(sent, pixels)
    assert server.asked[0]["temperature"] == 0 and server.asked[0]["max_tokens"] == 200


def test_examples_are_training_cells_of_one_type_after_the_other(config, no_report):
    with serving() as server:
        assert main(["test", *config(server, shots=3)]) == 0
        first, *others = [images(body) for body in server.asked]
        assert len(first) == 7 and all(len(one) == 7 for one in others)
        shown = first[:6]
        for one in others:  # the same examples before each cell
            assert (
                all(np.array_equal(a, b) for a, b in zip(shown[::2], one[:6:2], strict=True))
                and shown[1::2] == one[1:6:2]
            )
        types = [hemblip.extract_attributes(caption)["cell_type"] for caption in shown[1::2]]
        assert len(set(types)) == 3
        rows = read_predictions(Run.newest("api").rows_of("test"))
        assert not set(shown[1::2]) & {None} and len(rows) == 24
        assert main(["predict", "--config", "api.yaml", "--images", "data/synthetic", "--output", "o.csv"]) == 2


def test_questions_are_asked_and_counted(config, no_report, capsys):
    """Those of a cell beside its description, and right answers are right."""

    def behave(number, body):
        question = body["messages"][-1]["content"][-1]["text"]
        return 200, CAPTION if question == QUESTION else "yes" if question.startswith("I") else "large"

    with serving(behave) as server:
        words = [*config(server), "--data.init_args.questions", "true", "--data.init_args.limit", "2"]
        assert main(["test", *words]) == 0
        told, run = capsys.readouterr().out, Run.newest("api")
        cells, answers = run.predictions("test"), run.answers("test")
        assert f"at most {len(server.asked)} calls" in told and len(server.asked) == len(cells) + len(answers) > 15
        sent = [body["messages"][-1]["content"][-1]["text"] for body in server.asked]
        assert Counter(sent) == Counter([QUESTION] * len(cells) + answers["question"].tolist())
        letters = sum(map(len, sent)) + len(sent) * len(SYSTEM_PROMPT)
        assert f"about {letters // 4 + 300 * len(sent):,} tokens sent" in told
    assert set(cells["caption"]) == {CAPTION}
    said = dict(zip(answers["question"], answers["caption"], strict=True))
    assert set(said.values()) == {"Yes", "Large"}  # as captions are printed
    assert all((answer == "Yes") == question.startswith("I") for question, answer in said.items())


def test_a_dry_run_asks_nothing_and_leaves_nothing(config, capsys):
    with serving() as server:
        words = config(server, shots=1)
        assert main(["test", *words, "--dry-run"]) == 0
        assert "at most 24 calls to served at 127.0.0.1, 1 examples in each" in capsys.readouterr().out
        config(server)
        assert main(["predict", *words, "--images", "data/synthetic", "--dry-run"]) == 0
        assert "at most 120 calls" in capsys.readouterr().out
        assert not server.asked and not list(Path("runs").rglob("*.parquet")) and not Path("captions.csv").exists()
        assert main(["test", "--config", str(TINY), "--dry-run"]) == 2


def test_a_reasoning_model_is_asked_in_its_own_words(config):
    """It knows no `max_tokens` and no temperature; several requests learn it at a time, and later ones know it."""

    def behave(number, body):
        old = "max_tokens" in body
        return (400, "Use 'max_completion_tokens' instead.") if old or "temperature" in body else (200, CAPTION)

    with serving(behave) as server:
        config(server)
        captioner = ApiCaptioner("served", server.url, image_size=8, temperature=None, retries=0)
        cells = [np.full((8, 8, 3), grey, np.uint8) for grey in range(6)]
        assert [one.caption for one in captioner.describe(cells)] == [CAPTION] * 6
        answered = [body for body in server.asked if "max_completion_tokens" in body]
        assert len(answered) == 6 and len(server.asked) <= 6 + captioner.workers
        assert all(body["max_completion_tokens"] == 200 and "temperature" not in body for body in answered)
        config(server)
        with pytest.raises(ModelAccessError, match="Use 'max_completion_tokens' instead"):
            ApiCaptioner("served", server.url, image_size=8).describe(cells[:1])


def test_a_server_that_fails_ends_the_test_which_goes_on_later(config, no_report, capsys):
    with serving(lambda number, body: (200, CAPTION) if number <= 10 else (401, "")) as server:
        words = config(server, workers=1)
        assert main(["test", *words]) == 2
        assert "refuses the key (status 401); set OPENAI_API_KEY" in capsys.readouterr().err
        server.behave = lambda number, body: (200, CAPTION)
        before = len(server.asked)
        assert main(["test", *words, "--resume", "true"]) == 0
        assert len(server.asked) - before == 24 - 10


def test_a_reply_without_text_is_an_empty_caption_until_the_next_run(config):
    with serving(lambda number, body: (200, None)) as server:
        config(server)
        captioner = ApiCaptioner("served", server.url, image_size=32)
        blank = np.zeros((32, 32, 3), np.uint8)
        assert captioner.describe([blank])[0].caption == "" and len(server.asked) == 3
        server.behave = lambda number, body: (200, CAPTION)
        assert captioner.describe([blank])[0].caption == CAPTION


def test_what_an_endpoint_cannot_do(config, capsys):
    with serving() as server:
        words = config(server)
        assert main(["fit", *words]) == 2
        assert "an endpoint gives captions only" in capsys.readouterr().err
        config(server, shots=-1)
        assert main(["test", *words]) == 2 and "shots is -1" in capsys.readouterr().err
        with pytest.raises(ConfigError, match="there are no training cells; set model"):
            ApiCaptioner("served", server.url, shots=2).describe([np.zeros((8, 8, 3), np.uint8)])
        with pytest.raises(ModelAccessError, match="no answer after 1 requests"):
            unreachable = ApiCaptioner("served", "http://127.0.0.1:9/v1", retries=0, image_size=8)
            unreachable.describe([np.zeros((8, 8, 3), np.uint8)])


def test_the_config_names_a_real_captioner(workplace):
    told = yaml.safe_load((Path(hemblip.__file__).parents[1] / "configs" / "api_zero_shot.yaml").read_text())
    settings = told["model"]["init_args"]
    assert ApiCaptioner("served", "http://127.0.0.1:9/v1", **settings).shots == 0
    assert pd.isna(settings["price_in"])
