"""Ports for servers under test, which no other test takes in the meantime, in whatever worker or run."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path

FOLDER = Path("/tmp")
"""Where all runs find it, whatever ``TMPDIR`` each has."""
FROM, TO = 20_000, 30_000
"""Below what Linux gives to outgoing connections (32768 and up), so that none of these is given away by chance."""


def free_port() -> int:
    """Return a port that nobody listens on, and that is this process's own until it ends: a file stays locked."""
    start = os.getpid() * 61 % (TO - FROM)
    for step in range(TO - FROM):
        port = FROM + (start + step) % (TO - FROM)
        if _is_ours(port):
            return port
    raise LookupError(f"no free port from {FROM} to {TO}")


def _is_ours(port: int) -> bool:
    folder = FOLDER / f"scaffold-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    lock = os.open(folder / str(port), os.O_WRONLY | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except OSError:
        os.close(lock)
        return False
    return True
