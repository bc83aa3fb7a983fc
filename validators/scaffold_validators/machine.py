"""Which machine this is, as far as it can be told: evidence of one does not count on another."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

IDENTITIES = (Path("/sys/class/dmi/id/product_uuid"), Path("/etc/machine-id"))
"""The board's own id, which containers of one machine share (root reads it), and the installation's."""


def machine_digest(identities: Sequence[Path] = IDENTITIES) -> str:
    """Return a SHA-256 of the machine's id; where it has none, of its name. The id itself is not shown."""
    for path in identities:
        with suppress(OSError, UnicodeDecodeError):
            said = path.read_text(encoding="ascii").strip()
            if said:
                return hashlib.sha256(f"{path.name} {said}".encode()).hexdigest()
    return hashlib.sha256(f"name {platform.node()}".encode()).hexdigest()
