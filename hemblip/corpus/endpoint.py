"""Chat completions of any OpenAI-compatible server: patient with a busy one, clear about a closed one.

The request and reply are those of https://platform.openai.com/docs/api-reference/chat, which vLLM, llama.cpp, Ollama
and most vendors offer as well.
"""

import json
import os
import random
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import requests

from hemblip.errors import ConfigError, ModelAccessError

KEY_VARIABLE, URL_VARIABLE, MODEL_VARIABLE = "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL"

BUSY = frozenset((408, 409, 425, 429, 500, 502, 503, 504, 529))
"""Statuses after which the same request may succeed."""

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
    ) -> None:
        self.model = model or os.environ.get(MODEL_VARIABLE, "")
        base_url = base_url or os.environ.get(URL_VARIABLE, "")
        if not self.model:
            raise ConfigError(f"paraphraser.model is empty; set it or the environment variable {MODEL_VARIABLE}")
        if not base_url.startswith(("http://", "https://")):
            raise ConfigError(
                f"paraphraser.base_url is '{base_url}'; set it or the environment variable {URL_VARIABLE}, "
                "for example to http://localhost:8000/v1"
            )
        self._url = f"{base_url.rstrip('/')}/chat/completions"
        self._timeout, self._retries, self._backoff = timeout, retries, backoff
        self._turns = _Turns(requests_per_minute)
        self._sessions = threading.local()

    @property
    def host(self) -> str:
        """The server, without what may be secret in its address."""
        return urlsplit(self._url).hostname or "?"

    def complete(self, messages: list[dict[str, str]], temperature: float) -> Completion:
        """Ask for one completion.

        Raises:
            MalformedReplyError: the answer is no completion.
            ModelAccessError: the server refuses, or stays busy or silent through all retries.
        """
        body = {"model": self.model, "messages": messages, "temperature": temperature}
        for attempt in range(self._retries + 1):
            self._turns.wait()
            try:
                status, wait, content = self._post(body)
            except ValueError as error:  # requests' word for an address or key that cannot be sent
                raise ConfigError(
                    f"{type(error).__name__}: check paraphraser.base_url, {URL_VARIABLE} and {KEY_VARIABLE}"
                ) from None
            except requests.RequestException as error:
                status, wait, content = type(error).__name__, None, b""
            if status == 200:
                return _completion(content)
            if isinstance(status, int) and status not in BUSY:
                raise ModelAccessError(self._refusal(status, content))
            if wait is not None and wait > LONGEST_WAIT:
                raise ModelAccessError(f"{self.host}: asks to wait {wait:.0f} s (status {status}); {AGAIN} then")
            # The jitter keeps several workers from coming back at once.
            pause = self._backoff * 2**attempt * random.uniform(0.75, 1.25)
            self._turns.pause(min(LONGEST_WAIT, pause) if wait is None else wait)
        raise ModelAccessError(f"{self.host}: no answer after {self._retries + 1} requests (last: {status}); {AGAIN}")

    def stop(self) -> None:
        """Wake and end the threads that wait for their turn."""
        self._turns.stop()

    def _post(self, body: object) -> tuple[int | str, float | None, bytes]:
        """Status, seconds to wait if the server says so, and content, all within the timeout."""
        deadline = time.monotonic() + self._timeout
        if not hasattr(self._sessions, "session"):
            self._sessions.session = requests.Session()
        key = _key()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        with self._sessions.session.post(
            self._url, json=body, headers=headers, timeout=self._timeout, stream=True, allow_redirects=False
        ) as reply:
            content = b""
            for chunk in reply.iter_content(65536):
                content += chunk
                if time.monotonic() > deadline:
                    raise requests.Timeout
                if len(content) > LARGEST_REPLY:
                    raise MalformedReplyError("too long")
            return reply.status_code, _seconds(reply.headers.get("Retry-After")), content

    def _refusal(self, status: int, content: bytes) -> str:
        if status in (401, 403):
            return (
                f"{self.host}: refuses the key (status {status}); set {KEY_VARIABLE} to one that may use {self.model}"
            )
        said = " ".join(content.decode("utf-8", "replace").split())[:200]
        said = said.replace(_key(), "***") if _key() else said
        return (
            f"{self.host}: refuses the request (status {status}: {said}); check paraphraser.model '{self.model}' and "
            "paraphraser.base_url"
        )


def _key() -> str:
    """The secret, without the line end that it often has from a file."""
    return os.environ.get(KEY_VARIABLE, "").strip()


def _completion(content: bytes) -> Completion:
    try:
        reply = json.loads(content)
        text = reply["choices"][0]["message"]["content"]
        usage = reply.get("usage") or {}
        completion = Completion(text, int(usage.get("prompt_tokens", 0)), int(usage.get("completion_tokens", 0)))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
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
