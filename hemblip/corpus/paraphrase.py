"""Captions reworded by a language model, as in the paper, each checked against the cell."""

import random
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from hemblip.corpus.prompt import INSTRUCTIONS, Task, additions, messages, read_answer
from hemblip.endpoint import Completion, Endpoint, MalformedReplyError
from hemblip.errors import ConfigError
from hemblip.morphology import Attributes
from hemblip.morphology.guard import deviations
from hemblip.store import Store, content_key

CHARACTERS_PER_TOKEN = 4
"""Of English clinical text in the usual vocabularies; only for estimates."""


@dataclass
class Paraphraser:
    """A language model that rewords captions.

    Args:
        model: name that the server knows; from the environment variable `OPENAI_MODEL` if empty.
        base_url: address up to and with `/v1`; from `OPENAI_BASE_URL` if empty. The key is always `OPENAI_API_KEY`'s.
        temperature: of sampling.
        batch: captions in one request.
        workers: requests at a time.
        attempts: rewordings of one caption before the grammar's caption stays.
        timeout: seconds for one request.
        retries: of a request while the server is busy.
        backoff: seconds before the first retry, twice as many before each further one.
        requests_per_minute: of this process; None for no limit.
        price_in: of a million tokens sent, for the estimate of costs; None if unknown.
        price_out: of a million tokens received; None if unknown.
        cache: file that keeps all answers.
    """

    model: str = ""
    base_url: str = ""
    temperature: float = 0.9
    batch: int = 8
    workers: int = 4
    attempts: int = 3
    timeout: float = 60.0
    retries: int = 6
    backoff: float = 1.0
    requests_per_minute: float | None = None
    price_in: float | None = None
    price_out: float | None = None
    cache: str = "data/paraphrases.sqlite"

    def __post_init__(self) -> None:
        for name in ("batch", "workers", "attempts", "timeout", "backoff"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"paraphraser.{name} is {getattr(self, name)}; it must be above 0")
        if self.requests_per_minute is not None and self.requests_per_minute <= 0:
            raise ConfigError(f"paraphraser.requests_per_minute is {self.requests_per_minute}; it must be above 0")
        if self.retries < 0:
            raise ConfigError(f"paraphraser.retries is {self.retries}; it cannot be negative")

    def endpoint(self) -> Endpoint:
        """The server of these settings."""
        return Endpoint(self.model, self.base_url, self.timeout, self.retries, self.backoff, self.requests_per_minute)

    def price(self, tokens_in: int, tokens_out: int) -> float | None:
        """What tokens cost, in the currency of the prices; None if both are unknown."""
        if self.price_in is None and self.price_out is None:
            return None
        return round((tokens_in * (self.price_in or 0) + tokens_out * (self.price_out or 0)) / 1e6, 4)


@dataclass
class Outcome:
    """What became of the captions of all cells.

    Args:
        captions: of each cell, in the order given.
        paraphrased: captions that a rewording replaced.
        rejected: rewordings that the guard refused, by the attribute or reason.
        malformed: rewordings that were asked for and not given.
        requests: sent now, not found in the cache.
        tokens_in: sent, as the server counts them.
        tokens_out: received.
    """

    captions: list[list[str]]
    paraphrased: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    malformed: int = 0
    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0


@dataclass
class Estimate:
    """What rewording would cost; every caption is taken to pass the guard at once."""

    captions: int
    cached: int
    requests: int
    tokens_in: int
    tokens_out: int


class _Caption(NamedTuple):
    """One caption on its way through the attempts, by its place among the cells and within its cell."""

    cell: int
    place: int
    task: Task


class Rewording:
    """Rewords the captions of many cells; all answers go through the cache, so that nothing is asked twice.

    What is malformed or empty is not kept: a later run asks for it again.

    Args:
        settings: of the model.
        drafts: captions of each cell.
        cells: attributes of each cell.
    """

    def __init__(self, settings: Paraphraser, drafts: Sequence[Sequence[str]], cells: Sequence[Attributes]) -> None:
        self._settings = settings
        self._endpoint = settings.endpoint()
        self._store = Store(Path(settings.cache))
        self._outcome = Outcome([list(texts) for texts in drafts])
        self._counting = threading.Lock()
        self._first = [
            _Caption(cell, place, Task(draft, cells[cell]))
            for cell, texts in enumerate(drafts)
            for place, draft in enumerate(texts)
        ]

    @property
    def model(self) -> str:
        """Name and server of the model, without what may be secret in the address."""
        return f"{self._endpoint.model} at {self._endpoint.host}"

    def estimate(self) -> Estimate:
        """Count what `run` would send at first, without sending anything."""
        missing = self._missing(self._first, 0)
        asked = [messages([caption.task for caption in batch]) for batch in self._batches(missing)]
        sent = sum(len(message["content"]) for chat in asked for message in chat)
        received = sum(len(caption.task.draft) + CHARACTERS_PER_TOKEN for caption in missing)
        return Estimate(
            captions=len(self._first),
            cached=len(self._first) - len(missing),
            requests=len(asked),
            tokens_in=-(-sent // CHARACTERS_PER_TOKEN),
            tokens_out=-(-received // CHARACTERS_PER_TOKEN),
        )

    def run(self) -> Outcome:
        """Ask, check, ask again; captions whose rewordings all fail stay those of the grammar.

        Raises:
            ModelAccessError: the server refuses or does not answer.
            DataError: the cache cannot be written.
        """
        pending = self._first
        for attempt in range(self._settings.attempts):
            self._fetch(self._missing(pending, attempt), attempt)
            pending = [again for caption in pending if (again := self._accept(caption, attempt)) is not None]
        return self._outcome

    def _accept(self, caption: _Caption, attempt: int) -> _Caption | None:
        """Take the answer, or return the caption with what is wrong with it."""
        text = self._store.get(self._key(caption, attempt)) or ""
        own = self._outcome.captions[caption.cell]
        if not text:
            self._outcome.malformed += 1
            return caption
        wrong = deviations(text, caption.task.attributes) + additions(text, caption.task.draft)
        wrong = wrong or (["it repeats another caption of the cell"] if text in own else [])
        if wrong:
            self._outcome.rejected[wrong[0].split(" ", 1)[0] if not wrong[0].startswith("it ") else wrong[0]] += 1
            return caption._replace(task=caption.task._replace(problem="; ".join(wrong)))
        own[caption.place] = text
        self._outcome.paraphrased += 1
        return None

    def _key(self, caption: _Caption, attempt: int) -> str:
        settings, task = self._settings, caption.task
        model = (INSTRUCTIONS, self._endpoint.model, settings.temperature)
        return content_key(model, task.draft, dict(task.attributes), task.problem, attempt)

    def _missing(self, captions: Sequence[_Caption], attempt: int) -> list[_Caption]:
        return [caption for caption in captions if self._store.get(self._key(caption, attempt)) is None]

    def _batches(self, captions: Sequence[_Caption]) -> list[Sequence[_Caption]]:
        size = self._settings.batch
        return [captions[start : start + size] for start in range(0, len(captions), size)]

    def _fetch(self, captions: Sequence[_Caption], attempt: int) -> None:
        """Ask for all `captions`, several at a time; in any order, so that several processes share the work."""
        batches = self._batches(captions)
        if not batches:
            return
        with ThreadPoolExecutor(self._settings.workers) as pool:
            futures = [pool.submit(self._ask, batch, attempt) for batch in random.sample(batches, len(batches))]
            try:
                for future in tqdm(
                    as_completed(futures), total=len(futures), desc="Rewording", leave=False, disable=None
                ):
                    future.result()
            except BaseException:
                self._endpoint.stop()
                pool.shutdown(cancel_futures=True)
                raise

    def _ask(self, batch: Sequence[_Caption], attempt: int) -> None:
        """Store the answers to a batch; if its answer is malformed, each half is asked for by itself."""
        batch = self._missing(batch, attempt)
        if not batch:
            return
        texts: list[str] | None = None
        try:
            completion = self._endpoint.complete(
                messages([caption.task for caption in batch]), self._settings.temperature
            )
            self._count(completion)
            texts = read_answer(completion.text, len(batch))
        except MalformedReplyError:
            self._count(Completion("", 0, 0))
        if texts is None and len(batch) > 1:
            middle = len(batch) // 2
            self._ask(batch[:middle], attempt)
            self._ask(batch[middle:], attempt)
            return
        answers = zip(batch, texts or [""], strict=True)
        self._store.put({self._key(caption, attempt): text for caption, text in answers if text})

    def _count(self, completion: Completion) -> None:
        with self._counting:
            self._outcome.requests += 1
            self._outcome.tokens_in += completion.tokens_in
            self._outcome.tokens_out += completion.tokens_out
