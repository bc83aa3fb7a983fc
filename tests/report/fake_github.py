"""A server that stands in for GitHub's comments on issues, and fails as it is told to."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit


@dataclass
class FakeGitHub:
    """What it holds, and what it does next.

    Attributes:
        fails: for each request, in turn: a status with headers, ``lost`` (it is done, and the connection breaks before
            the answer), ``mute`` (it is done, and the answer says nothing of it), ``hidden`` (it is taken, and not in
            the list), ``broken`` (the connection breaks before anything is done), or an empty text (nothing fails).
        comments: texts.
        asked: method and path of each request.
        tokens: that came with requests.
    """

    fails: list[object] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    url: str = ""


@contextmanager
def fake_github(state: FakeGitHub) -> Iterator[FakeGitHub]:
    """Serve it on a port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self.take()
            asked = parse_qs(urlsplit(self.path).query)
            per_page, page = (int(asked[name][0]) for name in ("per_page", "page"))
            rows = [{"body": text, "html_url": f"https://x/{n}"} for n, text in enumerate(state.comments, 1)]
            self.end(200, rows[per_page * (page - 1) : per_page * page])

        def do_POST(self) -> None:
            text = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["body"]
            self.take()
            if self.failure in ("", "lost", "mute"):
                state.comments.append(text)
            is_said = self.failure not in ("mute", "hidden")
            self.end(201, {"html_url": f"https://x/{len(state.comments)}"} if is_said else "ok")

        def take(self) -> None:
            state.asked.append((self.command, urlsplit(self.path).path))
            state.tokens.add(self.headers.get("Authorization", ""))
            self.failure = state.fails.pop(0) if state.fails else ""

        def end(self, status: int, document: object) -> None:
            headers: dict[str, str] = {}
            if isinstance(self.failure, tuple):
                status, headers = self.failure
                document = {"message": f"no, {self.headers.get('Authorization')}"}
            if self.failure in ("lost", "broken"):
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.connection.close()
                self.close_connection = True
                return
            data = json.dumps(document).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_address[1]}"
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield state
        finally:
            server.shutdown()
