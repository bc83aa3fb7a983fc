"""Secrets taken out of whatever is kept: logs, command lines, verdicts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

PLACEHOLDER = "<redacted>"
_KEEP_NAME = re.compile(
    r"(?i)((?:--api-key|--hf-token|authorization:|bearer|"
    r"(?<![\w-])[\w-]*(?:token|secret|password|api[_-]?key)[\"']?\s*[=:])[\s=]*[\"']?(?:bearer\s+)?)"
    r"(?!None\b|null\b|False\b|True\b|\d+\b)([^\s\"',)\]}]{6,})"
)
_WHOLE = re.compile(r"\b(?:hf_[A-Za-z0-9]{8,}|sk-[A-Za-z0-9_-]{8,}|gh[pousr]_[A-Za-z0-9]{16,})")


def redact(text: str) -> str:
    """Return the text with tokens, keys and passwords replaced; their names stay."""
    return _WHOLE.sub(PLACEHOLDER, _KEEP_NAME.sub(rf"\1{PLACEHOLDER}", text))


def redact_all(value: Any, name: str = "") -> Any:
    """Return a value of JSON with each text in it redacted, those under a name such as ``api_key`` too."""
    if isinstance(value, str):
        return redact(f"{name}: {value}")[len(name) + 2 :] if name else redact(value)
    if isinstance(value, Mapping):
        return {key: redact_all(item, key) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact_all(item, name) for item in value]
    return value
