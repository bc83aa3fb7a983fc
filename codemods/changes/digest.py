"""What tells contents apart."""

from __future__ import annotations

import hashlib


def sha256(content: bytes) -> str:
    """Digest bytes, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()
