"""A captioner behind an OpenAI-compatible address: the zero- and few-shot row beside the trained ones."""

import base64
import io
import threading
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

import lightning as L
import pandas as pd
from PIL import Image
from torch import Tensor

from hemblip.data.datamodules import CellDataModule
from hemblip.data.dataset import Batch
from hemblip.data.images import Pixels
from hemblip.data.preparation import Preparation
from hemblip.data.records import QUESTION as ASKED
from hemblip.data.sources.manifest import read_manifest
from hemblip.endpoint import Completion, Endpoint, MalformedReplyError
from hemblip.errors import ConfigError, check_range
from hemblip.models.captioner import Captioner, Generation, Pooling
from hemblip.models.decoding import Generated
from hemblip.models.gemma_prompt import QUESTION, SYSTEM_PROMPT
from hemblip.morphology import describe
from hemblip.morphology.spelling import printed
from hemblip.plain_text import plain
from hemblip.store import Store, content_key

CHARACTERS_PER_TOKEN = 4
"""Of English text in the usual vocabularies; only for estimates."""

ATTEMPTS = 3
"""Requests for one cell while the replies are no completions; then its caption is empty, until the next run asks."""

ONLY_CAPTIONS = "an endpoint gives captions only; take another captioner, or test, predict and compare with this one"


class ApiCaptioner(Captioner):
    """A vision-language model that is asked over the network, with or without example cells.

    Nothing is trained, losses and confidences are not known, and so nothing can be abstained from. Answers are cached
    by all that they depend on, images included: a stopped `test` or `predict` asks for what is missing only. The key is
    read from the environment (`OPENAI_API_KEY`) and stands in no setting, cache or log.

    Args:
        model: name that the server knows; from `OPENAI_MODEL` if empty.
        base_url: address up to and with `/v1`; from `OPENAI_BASE_URL` if empty.
        question: what it is asked about each cell that comes without a question.
        system_prompt: who it is; may be empty.
        shots: example cells with their captions before each question, of as many cell types as there are.
        examples: manifest whose training cells are the examples; those of the cells' own training split if left out.
        temperature: of sampling; 0 takes the likeliest words, None leaves it to a model that allows no other.
        max_tokens: most that it writes a cell, what it thinks included.
        image_size: side in pixels at which cells are sent.
        workers: requests at a time.
        timeout: seconds for one request.
        retries: of a request while the server is busy.
        backoff: seconds before the first retry, twice as many before each further one.
        requests_per_minute: of this process; None for no limit.
        price_in: of a million tokens sent, for the estimate of costs; None if unknown.
        price_out: of a million tokens received; None if unknown.
        image_tokens: that an image counts as, for the estimate; it depends on the server.
        cache: file that keeps all answers.
        dry_run: say what would be asked and what it would cost, and ask nothing.

    Raises:
        ConfigError: there is no model or address, or a number is out of range.
        DataError: the cache or the examples cannot be read.
    """

    answers_questions = True

    def __init__(
        self,
        model: str = "",
        base_url: str = "",
        question: str = QUESTION,
        system_prompt: str = SYSTEM_PROMPT,
        shots: int = 0,
        examples: str | None = None,
        temperature: float | None = 0.0,
        max_tokens: int = 200,
        image_size: int = 384,
        workers: int = 4,
        timeout: float = 60.0,
        retries: int = 6,
        backoff: float = 1.0,
        requests_per_minute: float | None = None,
        price_in: float | None = None,
        price_out: float | None = None,
        image_tokens: int = 300,
        cache: str = "data/answers.sqlite",
        dry_run: bool = False,
    ) -> None:
        super().__init__()
        for name, value in (("shots", shots), ("temperature", temperature), ("retries", retries)):
            if value is not None:
                check_range(f"model.init_args.{name}", value, at_least=0)
        for name, value in (("max_tokens", max_tokens), ("image_size", image_size), ("workers", workers)):
            check_range(f"model.init_args.{name}", value, at_least=1)
        for name, limit in (("timeout", timeout), ("backoff", backoff), ("requests_per_minute", requests_per_minute)):
            if limit is not None:
                check_range(f"model.init_args.{name}", limit, above=0)
        self.image_size, self.revision, self.adaptation = image_size, None, "base"
        self.question, self.system_prompt = question, system_prompt
        self.shots, self.examples, self.temperature, self.max_tokens = shots, examples, temperature, max_tokens
        self.workers, self.dry_run = workers, dry_run
        self.price_in, self.price_out, self.image_tokens = price_in, price_out, image_tokens
        self.endpoint = Endpoint(model, base_url, timeout, retries, backoff, requests_per_minute, "model.init_args")
        self.pretrained = self._settings["model"] = self.endpoint.model
        self.asked, self.spent = 0, Completion("", 0, 0)
        self._store, self._counting = Store(Path(cache)), threading.Lock()
        self._shown: list[tuple[Pixels, str]] | None = None if shots else []

    def configure_callbacks(self) -> list[L.Callback]:
        """Nothing trains, and captions have no limit of the model's."""
        return []

    def take_examples(self, cells: CellDataModule | None) -> None:
        """Choose the example cells: the first by a hash of their ids, of one cell type after the other.

        Args:
            cells: that are described; None takes those of `examples`.

        Raises:
            ConfigError: there are no training cells to take.
        """
        if self._shown is not None:
            return
        if self.examples is not None:
            manifest = read_manifest(Path(self.examples))
        else:
            manifest = cells.manifest if cells is not None else pd.DataFrame(columns=["split"])
        manifest = manifest[manifest["split"] == "train"]
        if manifest.empty:
            raise ConfigError(
                f"model.init_args.shots is {self.shots}, and there are no training cells; set model.init_args.examples "
                "to a manifest that has some"
            )
        prepared = cells.preparation if cells is not None else Preparation(self.image_size)
        rows = [row | {"place": zlib.crc32(row["cell_id"].encode())} for row in manifest.to_dict("records")]
        turn = pd.DataFrame(rows).sort_values("place").groupby("cell_type", dropna=False).cumcount()
        chosen = sorted(range(len(rows)), key=lambda index: (turn[index], rows[index]["place"]))[: self.shots]
        self._shown = [(prepared.of_cell(rows[index]), _caption(rows[index])) for index in chosen]

    def messages(self, pixels: Pixels, question: str = "") -> list[dict[str, Any]]:
        """Write the chat of one cell (H, W, 3): asked a question of its own, or to be described."""
        assert self._shown is not None
        chat: list[dict[str, Any]] = []
        if self.system_prompt:
            chat.append({"role": "system", "content": self.system_prompt})
        for example, caption in self._shown:
            chat += [self._turn(example, self.question), {"role": "assistant", "content": caption}]
        return [*chat, self._turn(pixels, question or self.question)]

    def _turn(self, pixels: Pixels, question: str) -> dict[str, Any]:
        picture = {"type": "image_url", "image_url": {"url": _data_url(pixels)}}
        return {"role": "user", "content": [picture, {"type": "text", "text": question}]}  # as ours are trained

    def plan(self, cells: CellDataModule, stage: str) -> str:
        """Say what `validate`, `test` or `predict` of these cells, which are set up, would ask at most."""
        self.take_examples(cells)
        split = {"validate": "val", "test": getattr(cells, "split", "test"), "predict": "external"}[stage]
        rows = cells.rows[cells.rows["split"] == split]
        return self.estimate(rows[ASKED].tolist() if ASKED in rows else [""] * len(rows))

    def estimate(self, questions: Sequence[str]) -> str:
        """Say how many calls questions take at most, empty ones being descriptions, and what they cost."""
        assert self._shown is not None
        calls, shots = len(questions), len(self._shown)
        before = len(self.system_prompt) + sum(len(self.question) + len(caption) for _, caption in self._shown)
        letters = calls * before + sum(len(question or self.question) for question in questions)
        sent = letters // CHARACTERS_PER_TOKEN + calls * (shots + 1) * self.image_tokens
        received = calls * self.max_tokens
        told = (
            f"at most {calls:,} calls to {self.endpoint.model} at {self.endpoint.host}, {shots} examples in "
            f"each, about {sent:,} tokens sent ({self.image_tokens} an image) and at most {received:,} received"
        )
        if self.price_in is None and self.price_out is None:
            return f"{told}; cost: model.init_args.price_in and price_out are not set"
        return f"{told}; cost: at most {self._price(sent, received):.2f}"

    def _price(self, sent: int, received: int) -> float:
        return (sent * (self.price_in or 0) + received * (self.price_out or 0)) / 1e6

    def describe_batch(self, batch: Batch) -> list[Generation]:
        """Ask for the captions of a batch, several at a time; how sure they are is not known.

        Raises:
            ModelAccessError: the server refuses, or stays busy or silent; what it answered is kept.
        """
        self.take_examples(None)
        asked = batch.get("questions", [""] * len(batch["images"]))
        images = [image.permute(1, 2, 0).cpu().numpy() for image in batch["images"]]
        chats = [self.messages(image, question) for image, question in zip(images, asked, strict=True)]
        with ThreadPoolExecutor(self.workers) as pool:
            futures = [pool.submit(self._ask, chat) for chat in chats]
            try:
                return [Generation(future.result(), []) for future in futures]
            except BaseException:
                self.endpoint.stop()
                pool.shutdown(cancel_futures=True)
                raise

    def _ask(self, chat: list[dict[str, Any]]) -> str:
        key = content_key("caption", self.endpoint.model, self.temperature, self.max_tokens, chat)
        if (known := self._store.get(key)) is not None:
            return known
        for _ in range(ATTEMPTS):
            try:
                answer = self.endpoint.complete(chat, self.temperature, self.max_tokens)
            except MalformedReplyError:
                self._count(Completion("", 0, 0))
                continue
            self._count(answer)
            if caption := printed(" ".join(plain(answer.text).split())):
                self._store.put({key: caption})
                return caption
        return ""

    def _count(self, answer: Completion) -> None:
        with self._counting:
            self.asked += 1
            spent = self.spent
            self.spent = Completion("", spent.tokens_in + answer.tokens_in, spent.tokens_out + answer.tokens_out)

    def setup(self, stage: str) -> None:
        """Choose the examples before anything is asked, and say what it will cost."""
        super().setup(stage)
        if stage not in ("validate", "test", "predict"):
            return
        cells: CellDataModule = self.trainer.datamodule  # type: ignore[attr-defined]
        self.trainer.print(self.plan(cells, stage))

    def teardown(self, stage: str) -> None:
        """Say what was asked, and what the server counted."""
        if stage in ("validate", "test", "predict"):
            told = f"{self.asked:,} calls, {self.spent.tokens_in:,} tokens sent, {self.spent.tokens_out:,} received"
            known = self.price_in is not None or self.price_out is not None
            price = f", cost {self._price(self.spent.tokens_in, self.spent.tokens_out):.2f}" if known else ""
            self.trainer.print(f"{told}{price}; all other captions were cached")

    def _count_losses(self, batch: Batch, first: bool) -> None:
        """Losses are not known: no tokens count."""
        self.losses = dict.fromkeys(batch["cell_ids"], (0.0, 0))

    def _none(self) -> NoReturn:
        raise ConfigError(f"{self.endpoint.model} at {self.endpoint.host}: {ONLY_CAPTIONS}")

    def configure_optimizers(self) -> NoReturn:
        """Nothing can be trained."""
        self._none()

    def answer_ids(self, captions: list[str]) -> Tensor:
        """Words are the server's."""
        self._none()

    def answer_logits(self, batch: Batch, answers: Tensor) -> Tensor:
        """Probabilities are the server's."""
        self._none()

    def encode(self, images: Tensor) -> Tensor:
        """Features are the server's."""
        self._none()

    def generate_tokens(self, batch: Batch, chances: Tensor | None = None) -> list[list[Generated]]:
        """Tokens are the server's; see `describe_batch`."""
        self._none()

    def generate_beams(self, batch: Batch) -> list[list[list[Generated]]]:
        """Beams are the server's."""
        self._none()

    def embed(self, batch: Batch, pooling: Pooling = "mean") -> Tensor:
        """Features are the server's."""
        self._none()


def _caption(row: dict[str, Any]) -> str:
    """The first caption of a cell of a manifest; one of its attributes if it has none."""
    captions = row.get("captions")
    written = [] if captions is None else list(captions)
    return str(written[0]) if written and written[0] else describe(row)


def _data_url(pixels: Pixels) -> str:
    """Write pixels as a PNG within an address."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
