"""What tells contents apart."""

from __future__ import annotations

import hashlib


def sha256(content: bytes) -> str:
    """Digest bytes, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def digest_of(content: bytes | None) -> str | None:
    """Digest what a file holds; None of one that is not there."""
    return None if content is None else sha256(content)
