"""In which dtype a server computes: what its log says, as ``--dtype auto`` leaves it to the engine and the device."""

from __future__ import annotations

import re

_CONFIG = re.compile(r"^.*\bengine\b.*\bwith config: .*?\bdtype=torch\.(\w+)", re.MULTILINE)
"""vllm/v1/engine/core.py logs the whole config (vllm/config/vllm.py, ``__str__``)."""


def served_dtype(log: str) -> str | None:
    """Return the dtype in torch's words; None where the log does not say it."""
    found = _CONFIG.search(log)
    return found[1] if found else None
