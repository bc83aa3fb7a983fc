"""Things that are built once and reused: a directory each, with a lock and a stamp."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

STAMP = ".complete"


def cache_root() -> Path:
    """Return the cache directory."""
    if "SCAFFOLD_CACHE" in os.environ:
        return Path(os.environ["SCAFFOLD_CACHE"]).expanduser().resolve()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().resolve() / "vllm-ascend-scaffold"


def once(name: str, what: str, build: Callable[[Path], None]) -> Path:
    """Return the directory ``name`` of the cache, built by ``build`` if it is not there yet.

    Two processes may ask at once: one builds, the other waits. A build that was cut off is started over.
    """
    path = cache_root() / name
    if (path / STAMP).is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.with_name(path.name + ".lock")):
        if (path / STAMP).is_file():
            return path
        if path.exists():
            shutil.rmtree(path)
        path.mkdir()
        with timed(what):
            build(path)
        (path / STAMP).touch()
    return path


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Say what is being done, and how long it took."""
    print(f"  {what} …", file=sys.stderr, flush=True)
    start = time.monotonic()
    yield
    print(f"  {what}: {time.monotonic() - start:.1f} s", file=sys.stderr, flush=True)
