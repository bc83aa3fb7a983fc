"""What vLLM's log says of lengths: what would fit, what fits, what the model's own limit is."""

from __future__ import annotations

import re

_FITS = re.compile(r"estimated maximum model length is (\d+)")
"""vLLM: v1/core/kv_cache_utils.py, `_check_enough_kv_cache_memory`."""
_DERIVED = re.compile(r"greater than the derived max_model_len \(\w+=(\d+)")
"""vLLM: config/model.py."""
_TOKENS = re.compile(r"KV cache size: ([\d,]+) tokens")


def fits(log: str) -> int | None:
    """Return the length that would fit, where the KV cache was too small for the one asked for."""
    return _number(_FITS, log)


def derived(log: str) -> int | None:
    """Return the model's own limit, where a longer one was asked for."""
    return _number(_DERIVED, log)


def kv_cache_tokens(log: str) -> int | None:
    """Return how many tokens the KV cache holds; of several ranks the smallest."""
    found = [int(number.replace(",", "")) for number in _TOKENS.findall(log)]
    return min(found, default=None)


def _number(pattern: re.Pattern[str], log: str) -> int | None:
    found = pattern.search(log)
    return int(found[1]) if found else None
