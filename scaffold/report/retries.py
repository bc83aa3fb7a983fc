"""When a request to GitHub is worth another attempt, and after how long."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from httpx import Response

ATTEMPTS = 5
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 120.0
"""Seconds. Whoever is asked to wait for longer is told so, and calls again."""
PASSING = (408, 425, 429, 500, 502, 503, 504)


class Again(Exception):  # noqa: N818 - it is no error yet
    """An attempt that says nothing about the next one; ``headers`` may say when that is."""

    def __init__(self, why: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(why)
        self.why, self.headers = why, headers or {}


def is_passing(answer: Response) -> bool:
    """Return whether an answer is about the moment: the server's trouble, or a limit of requests.

    GitHub says 403 for its limits as well (docs.github.com: rest/using-the-rest-api/rate-limits-for-the-rest-api).
    """
    is_limit = "retry-after" in answer.headers or answer.headers.get("x-ratelimit-remaining") == "0"
    return answer.status_code in PASSING or (answer.status_code == 403 and is_limit)


def pause(again: Again, attempt: int) -> float | None:
    """Return how many seconds to wait before the next attempt; None where there is to be none.

    Args:
        again: the attempt that was made.
        attempt: its number, from 0.
    """
    if attempt + 1 >= ATTEMPTS:
        return None
    asked = _asked(again.headers)
    seconds = FIRST_PAUSE * 2**attempt if asked is None else max(0.0, asked)
    return seconds if seconds <= LONGEST_PAUSE else None


def _asked(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that the server asks for: ``Retry-After``, or the end of a limit; None where it does not."""
    after = headers.get("retry-after", "")
    try:
        if after:
            return float(after) if after.isdecimal() else _until(after)
        if headers.get("x-ratelimit-remaining") == "0":
            return float(headers.get("x-ratelimit-reset", "")) - time.time()
    except (ValueError, TypeError):
        pass
    return None


def _until(date: str) -> float:
    moment = parsedate_to_datetime(date)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.timestamp() - time.time()
