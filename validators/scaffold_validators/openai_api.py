"""The requests of a gate, through the server's OpenAI-compatible API."""

from __future__ import annotations

import base64
import ssl
import struct
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

MAX_TOKENS = 16
REQUEST_SECONDS = 600.0


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


class Client:
    """Sends requests; gives up at once when the server is gone."""

    def __init__(self, base_url: str, alive: Callable[[], bool]) -> None:
        self.base_url, self.alive = base_url, alive

    def is_ready(self) -> bool:
        """Return whether ``GET /v1/models`` answers 200."""
        return self.send("/v1/models", None, 5.0).status == 200

    def send(self, path: str, payload: dict[str, Any] | None, seconds: float = REQUEST_SECONDS) -> Exchange:
        """Send a request and wait for its answer or for the end of the server."""
        started = time.monotonic()
        answer: list[tuple[int, Any, bool]] = []
        thread = threading.Thread(target=self._send, args=(path, payload, seconds, answer), daemon=True)
        thread.start()
        while thread.is_alive() and self.alive():
            thread.join(0.05)
        thread.join(0.3)
        status, body, timed_out = answer[0] if answer else (0, "the server died during the request", False)
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
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def text_request(model: str, chat: bool) -> tuple[str, dict[str, Any]]:
    """Return path and body of the text request: chat where there is a chat template."""
    common = {"model": model, "temperature": 0, "max_tokens": MAX_TOKENS}
    if chat:
        return "/v1/chat/completions", {
            **common,
            "messages": [{"role": "user", "content": "say hi"}],
        }
    return "/v1/completions", {**common, "prompt": "The future of AI is"}


def image_request(model: str) -> tuple[str, dict[str, Any]]:
    """Return path and body of a text+image request with a small picture made here."""
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
