"""Chat completions of any OpenAI-compatible server: patient with a busy one, clear about a closed one.

Requests, replies and their errors are those of the `openai` client; vLLM, SGLang, llama.cpp, Ollama and most vendors
offer the same interface. What the client lacks is here: a bound on the time and size of a whole reply, and a pause
and a rate that hold for all threads.
"""

import os
import random
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai

from hemblip.errors import ConfigError, ModelAccessError

KEY_VARIABLE, URL_VARIABLE, MODEL_VARIABLE = "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL"

BUSY = frozenset((408, 409, 425, 429, 500, 502, 503, 504, 529))
"""Statuses after which the same request may succeed."""

RENAMED = "max_completion_tokens"
"""What OpenAI's reasoning models call `max_tokens`, which others alone know; a refusal names it."""

LONGEST_WAIT = 600.0
"""Seconds; a server that asks for more is out of quota rather than busy."""

LARGEST_REPLY = 4_000_000
"""Bytes."""

AGAIN = "what is done is cached: run the same command again to go on"


class MalformedReplyError(Exception):
    """The server answered, but not with a completion."""


@dataclass(frozen=True)
class Completion:
    """The text of a reply and the tokens that it cost; 0 where the server does not count them."""

    text: str
    tokens_in: int
    tokens_out: int


class Endpoint:
    """One model behind one server; may be used from several threads.

    Args:
        model: name that the server knows; from `OPENAI_MODEL` if empty.
        base_url: address up to and with `/v1`; from `OPENAI_BASE_URL` if empty. The key is read from `OPENAI_API_KEY`
            and sent to this address only; without one none is sent, as local servers want it.
        timeout: seconds for one whole request.
        retries: of one request, while the server is busy or cannot be reached.
        backoff: seconds before the first retry, twice as many before each further one.
        requests_per_minute: of this process; None for no limit.
        settings: name of the section that these settings are in, for errors.

    Attributes:
        host: the server, without what may be secret in its address.

    Raises:
        ConfigError: there is no model or no usable address.
    """

    def __init__(
        self,
        model: str = "",
        base_url: str = "",
        timeout: float = 60.0,
        retries: int = 6,
        backoff: float = 1.0,
        requests_per_minute: float | None = None,
        settings: str = "paraphraser",
    ) -> None:
        self.model = model or os.environ.get(MODEL_VARIABLE, "")
        base_url = base_url or os.environ.get(URL_VARIABLE, "")
        self._settings = settings
        if not self.model:
            raise ConfigError(f"{settings}.model is empty; set it or the environment variable {MODEL_VARIABLE}")
        if not base_url.startswith(("http://", "https://")):
            raise ConfigError(
                f"{settings}.base_url is '{base_url}'; set it or the environment variable {URL_VARIABLE}, "
                "for example to http://localhost:8000/v1"
            )
        self._retries, self._backoff, self._limit = retries, backoff, "max_tokens"
        self._turns = _Turns(requests_per_minute)
        key = _key()
        self._headers = {} if key else {"Authorization": openai.Omit()}
        try:
            self.host = urlsplit(base_url).hostname or ""
            if not (self.host and key.isascii() and key.isprintable()):
                raise ValueError
            self._client = openai.OpenAI(
                api_key=key or "none",
                base_url=base_url,
                max_retries=0,  # `complete` knows the pauses of all threads
                http_client=openai.DefaultHttpxClient(
                    transport=_Bounded(timeout), timeout=timeout, follow_redirects=False
                ),
            )
        except (ValueError, httpx2.InvalidURL) as error:  # whose texts may hold the key
            raise ConfigError(
                f"{type(error).__name__}: check {settings}.base_url, {URL_VARIABLE} and {KEY_VARIABLE}"
            ) from None

    def complete(
        self, messages: Sequence[dict[str, Any]], temperature: float | None, max_tokens: int | None = None
    ) -> Completion:
        """Ask for one completion.

        Args:
            messages: of the chat, as OpenAI's interface has them; their contents may hold images.
            temperature: of sampling; None leaves it to the server.
            max_tokens: most that is written; None leaves it to the server.

        Raises:
            MalformedReplyError: the answer is no completion.
            ModelAccessError: the server refuses, or stays busy or silent through all retries.
        """
        limit = self._limit
        optional = {"temperature": temperature, limit: max_tokens}
        asked: dict[str, Any] = {"model": self.model, "messages": list(messages)}
        asked |= {name: value for name, value in optional.items() if value is not None}
        last: object = None
        for attempt in range(self._retries + 1):
            self._turns.wait()
            wait = None
            try:
                return _completion(self._client.chat.completions.create(**asked, extra_headers=self._headers))
            except openai.APIStatusError as error:
                last = error.status_code
                if last == 400 and RENAMED in error.response.text and limit != RENAMED:
                    self._limit = RENAMED
                    return self.complete(messages, temperature, max_tokens)
                if last not in BUSY:
                    raise ModelAccessError(self._refusal(error)) from None
                wait = _seconds(error.response.headers.get("Retry-After"))
            except (openai.APIResponseValidationError, ValueError) as error:  # no JSON, or of another form
                raise MalformedReplyError(str(error)) from None
            except openai.APIConnectionError as error:
                last = type(error.__cause__ or error).__name__
            except httpx2.HTTPError as error:  # while the reply was read
                last = type(error).__name__
            if wait is not None and wait > LONGEST_WAIT:
                raise ModelAccessError(f"{self.host}: asks to wait {wait:.0f} s (status {last}); {AGAIN} then")
            # The jitter keeps several workers from coming back at once.
            pause = self._backoff * 2**attempt * random.uniform(0.75, 1.25)
            self._turns.pause(min(LONGEST_WAIT, pause) if wait is None else wait)
        raise ModelAccessError(f"{self.host}: no answer after {self._retries + 1} requests (last: {last}); {AGAIN}")

    def stop(self) -> None:
        """Wake and end the threads that wait for their turn."""
        self._turns.stop()

    def _refusal(self, error: openai.APIStatusError) -> str:
        if error.status_code in (401, 403):
            return (
                f"{self.host}: refuses the key (status {error.status_code}); set {KEY_VARIABLE} to one that may use "
                f"{self.model}"
            )
        said = " ".join(error.response.text.split())[:200]
        said = said.replace(_key(), "***") if _key() else said
        return (
            f"{self.host}: refuses the request (status {error.status_code}: {said}); check {self._settings}.model "
            f"'{self.model}' and {self._settings}.base_url"
        )


def _key() -> str:
    """The secret, without the line end that it often has from a file."""
    return os.environ.get(KEY_VARIABLE, "").strip()


def _completion(reply: Any) -> Completion:
    try:
        text, usage = reply.choices[0].message.content, reply.usage
        tokens = (int(usage.prompt_tokens), int(usage.completion_tokens)) if usage else (0, 0)
        completion = Completion(text, *tokens)
    except (ValueError, IndexError, TypeError, AttributeError) as error:  # the client does not check what it is sent
        raise MalformedReplyError(str(error)) from error
    if not isinstance(text, str):
        raise MalformedReplyError("no text")
    return completion


def _seconds(retry_after: str | None) -> float | None:
    """Seconds from now of a Retry-After header, which holds seconds or a date."""
    if not retry_after:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


class _Turns:
    """Lets threads pass one after the other at a limited rate, and none during a pause."""

    def __init__(self, per_minute: float | None) -> None:
        self._gap = 60 / per_minute if per_minute else 0.0
        self._next = self._resume = 0.0
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def wait(self) -> None:
        """Return when it is this thread's turn; ModelAccessError after `stop`."""
        with self._lock:
            turn = max(self._next, time.monotonic())
            self._next = turn + self._gap
        while (left := max(turn, self._resume) - time.monotonic()) > 0 and not self._stopped.wait(left):
            pass
        if self._stopped.is_set():
            raise ModelAccessError("stopped")

    def pause(self, seconds: float) -> None:
        """Let nobody pass for `seconds`."""
        with self._lock:
            self._resume = max(self._resume, time.monotonic() + seconds)
            self._next = max(self._next, self._resume)

    def stop(self) -> None:
        self._stopped.set()


class _Bounded(httpx2.HTTPTransport):
    """Ends replies that take too long as a whole, or too much; the client's own limits are from byte to byte.

    Args:
        timeout: seconds for a request with its reply.
    """

    def __init__(self, timeout: float) -> None:
        super().__init__()
        self._timeout = timeout

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request, and bound the reading of its reply."""
        deadline = time.monotonic() + self._timeout
        reply = super().handle_request(request)
        assert isinstance(reply.stream, httpx2.SyncByteStream)
        reply.stream = _BoundedStream(reply.stream, deadline)
        return reply


class _BoundedStream(httpx2.SyncByteStream):
    def __init__(self, stream: httpx2.SyncByteStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for chunk in self._stream:
            size += len(chunk)
            if time.monotonic() > self._deadline:
                raise httpx2.ReadTimeout("the reply takes too long")
            if size > LARGEST_REPLY:
                raise MalformedReplyError("too long")
            yield chunk

    def close(self) -> None:
        self._stream.close()
