"""``scaffold inspect`` on one mutated checkpoint: a clean result or one clean error, in bounded time."""

from __future__ import annotations

import json
import time
import traceback
from pathlib import Path

from tests.runner import invoke

SECONDS = 2.0
"""Of the processor: what passes on an idle machine. On a busy one more passes, up to `WALL_SECONDS`."""
WALL_SECONDS = 20.0
MEGABYTES = 500


def judge(directory: Path) -> tuple[str | None, float]:
    """Return what is wrong with the answer, or None; and the processor seconds it took."""
    started, wall = time.process_time(), time.monotonic()
    result = invoke(["inspect", "--json", str(directory)])
    seconds = time.process_time() - started
    if time.monotonic() - wall > WALL_SECONDS:
        return f"{time.monotonic() - wall:.1f} s passed", seconds
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        return "".join(traceback.format_exception(result.exception)), seconds
    return _wrong(result.exit_code, result.stdout, result.stderr, seconds), seconds


def _wrong(code: int, stdout: str, stderr: str, seconds: float) -> str | None:
    if code not in (0, 2):
        return f"exit code {code}"
    if seconds > SECONDS:
        return f"{seconds:.1f} s"
    document = json.loads(stdout)
    if code == 2:
        error = document["error"]
        if stderr.count("error: ") != 1 or not all(error[key] for key in ("found", "where", "expected", "remedy")):
            return f"no clean error: {stderr}"
        if len(stderr) > 5000 or not stderr.replace("\n", "").isprintable():
            return f"an error that is too long, or that a terminal would act on: {stderr[:500]!r}"
    return None
