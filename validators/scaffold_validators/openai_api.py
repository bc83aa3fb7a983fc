"""The requests of a gate, through the server's OpenAI-compatible API."""

from __future__ import annotations

import base64
import struct
import threading
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl

MAX_TOKENS = 16
REQUEST_SECONDS = 600.0
READY_SECONDS = 5.0


@dataclass(frozen=True)
class Exchange:
    """A request and what came back. ``status`` 0: nothing did, and ``body`` says why.

    ``timed_out`` is true where nothing came back within the request's own limit.
    """

    path: str
    request: Mapping[str, Any] | None
    status: int
    body: Any
    seconds: float
    timed_out: bool = False

    @property
    def content(self) -> str:
        """Return the generated text, empty if there is none."""
        try:
            choice = self.body["choices"][0]
            message = choice.get("message") or {}
            return str(choice.get("text") or message.get("content") or message.get("reasoning") or "")
        except (KeyError, IndexError, TypeError):
            return ""

    @property
    def answered(self) -> bool:
        """Return whether the answer is 200 with some output."""
        return self.status == 200 and bool(self.content)

    @property
    def finish_reason(self) -> str:
        """Return why the answer ended: ``stop`` or ``length``; empty if it does not say."""
        return str(_dig(self.body, "choices", 0, "finish_reason") or "")

    @property
    def tokens(self) -> int | None:
        """Return how many tokens were generated, None if the answer does not say."""
        found = _dig(self.body, "usage", "completion_tokens")
        return found if type(found) is int else None

    @property
    def prompt_tokens(self) -> int | None:
        """Return how many tokens the prompt had, None if the answer does not say."""
        found = _dig(self.body, "usage", "prompt_tokens")
        return found if type(found) is int else None


def _dig(value: Any, *path: str | int) -> Any:
    """Return what lies at a path of a JSON value, None if nothing does."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


Request = tuple[str, dict[str, Any]]
"""Path and body."""


class Client:
    """Sends requests; gives up at once when the server is gone, and at the limit when it does not answer.

    Args:
        base_url: of the server.
        alive: whether it still runs.
        seconds: for an answer.
    """

    def __init__(self, base_url: str, alive: Callable[[], bool], seconds: float = REQUEST_SECONDS) -> None:
        self.base_url, self.alive, self.seconds = base_url, alive, seconds

    def models(self) -> tuple[str, ...] | None:
        """Return the names that ``GET /v1/models`` lists; None where it does not answer 200 yet."""
        said = self.send("/v1/models", None, READY_SECONDS)
        if said.status != 200:
            return None
        listed = _dig(said.body, "data")
        rows = listed if isinstance(listed, list) else []
        return tuple(str(_dig(row, "id")) for row in rows)

    def metrics(self) -> str:
        """Return what ``GET /metrics`` says, empty if it does not answer."""
        said = self.send("/metrics", None, READY_SECONDS)
        return str(said.body) if said.status == 200 else ""

    def send_all(self, requests: Sequence[Request]) -> tuple[Exchange, ...]:
        """Send requests at the same time, and wait for all."""
        if not requests:
            return ()
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(len(requests)) as pool:
            return tuple(pool.map(lambda request: self.send(*request), requests))

    def send(self, path: str, payload: dict[str, Any] | None, seconds: float | None = None) -> Exchange:
        """Send a request, and wait for its answer, for the end of the server, or for the limit."""
        limit = self.seconds if seconds is None else seconds
        started = time.monotonic()
        answer: list[tuple[int, Any, bool]] = []
        thread = threading.Thread(target=self._send, args=(path, payload, limit, answer), daemon=True)
        thread.start()
        while thread.is_alive() and self.alive() and time.monotonic() - started < limit:
            thread.join(0.05)
        thread.join(0.3)
        late = time.monotonic() - started >= limit
        none = (0, f"no answer within {limit:.0f} s" if late else "the server died during the request", late)
        status, body, timed_out = answer[0] if answer else none
        return Exchange(path, payload, status, body, round(time.monotonic() - started, 3), timed_out)

    def _send(
        self,
        path: str,
        payload: dict[str, Any] | None,
        seconds: float,
        answer: list[tuple[int, Any, bool]],
    ) -> None:
        import httpx

        try:
            with httpx.Client(timeout=seconds, trust_env=False, verify=_without_authorities()) as http:
                url = self.base_url + path
                response = http.get(url) if payload is None else http.post(url, json=payload)
                is_json = "json" in response.headers.get("content-type", "")
                answer.append((response.status_code, response.json() if is_json else response.text, False))
        except (httpx.HTTPError, ValueError) as error:
            timed_out = isinstance(error, httpx.TimeoutException)
            answer.append((0, f"{type(error).__name__}: {error}", timed_out))


@cache
def _without_authorities() -> ssl.SSLContext:
    """Return a context that trusts nobody: the server is on this machine and speaks HTTP.

    httpx would read the list of all certificate authorities for each client, which takes longer than the request.
    """
    import ssl

    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def text_request(model: str, chat: bool, text: str = "", **more: Any) -> Request:
    """Return a request for text: chat where there is a chat template. ``more`` are further fields of its body."""
    common = {"model": model, "temperature": 0, "max_tokens": MAX_TOKENS, **more}
    if chat:
        return "/v1/chat/completions", {**common, "messages": [{"role": "user", "content": text or "say hi"}]}
    return "/v1/completions", {**common, "prompt": text or "The future of AI is"}


def image_request(model: str) -> Request:
    """Return a text+image request with a small picture made here."""
    url = "data:image/png;base64," + base64.b64encode(red_square(32)).decode()
    content = [
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "text", "text": "What colour is this?"},
    ]
    message = {"role": "user", "content": content}
    body = {"model": model, "temperature": 0, "max_tokens": MAX_TOKENS, "messages": [message]}
    return "/v1/chat/completions", body


def red_square(size: int) -> bytes:
    """Return a PNG file (RFC 2083) of one red square of ``size`` × ``size`` pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    rows = (b"\0" + b"\xff\0\0" * size) * size
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
