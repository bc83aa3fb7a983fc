"""Bounded reading of JSON files from untrusted sources."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scaffold.checkpoint.files import read_bytes
from scaffold.checkpoint.text import shown
from scaffold.common.errors import CheckpointError

MAX_BYTES = 32_000_000
"""A config has some kilobytes; the largest tokenizer configs some megabytes."""
SMALL_BYTES = 10_000_000
"""A document of this size needs less than 300 MB of memory, whatever its content."""
MAX_VALUES = 8_000_000
"""Commas in a document: as many as a header of 100 MB with a million tensors has; this bounds the memory."""
MAX_DEPTH = 64
"""Levels of lists and objects; a published config has six."""
MAX_CONTAINERS = 2_500_000
"""Lists and objects in a document; a tensor in a header needs three."""


def read_object(path: Path, purpose: str, limit: int = MAX_BYTES) -> dict[str, Any]:
    """Read a JSON object from a file of a checkpoint.

    Args:
        path: the file, directly in the checkpoint's directory.
        purpose: what the file is, for the message ("the model's config").
        limit: the largest size in bytes.

    Raises:
        CheckpointError: the file is missing, outside its directory, too large, not JSON, or not an object.
    """
    expected = f"a JSON object, {purpose}"
    remedy = f"download {path.name} again, or pass the directory of a complete checkpoint"
    return parse_object(read_bytes(path.parent, path.name, expected, limit), path.name, expected, remedy)


def parse_object(data: bytes, where: str, expected: str, remedy: str) -> dict[str, Any]:
    """Parse the bytes of a JSON object; duplicate keys are an error, because readers would disagree on them.

    ``Infinity`` is accepted, because Python's own ``json`` writes it and configs of published models have it
    (Mamba-2: ``"time_step_limit": [0.0, Infinity]``); the boundary of the config refuses it for keys that are used.

    Raises:
        CheckpointError: not UTF-8, not JSON, not an object, nested too deeply, too many values, or a duplicate key.
    """
    try:
        value = careful(decoded(data))
    except (ValueError, RecursionError) as error:
        raise invalid(error, where, expected, remedy) from error
    if not isinstance(value, dict):
        raise CheckpointError(f"a JSON {type(value).__name__}", where=where, expected=expected, remedy=remedy)
    return value


def decoded(data: bytes) -> str:
    """Return the text of a JSON document that is small enough to be parsed in bounded memory.

    Raises:
        ValueError: it is not UTF-8, or has too many values.
    """
    large = len(data) > SMALL_BYTES
    if large and (data.count(b",") > MAX_VALUES or data.count(b"[") + data.count(b"{") > MAX_CONTAINERS):
        raise ValueError("more values than any checkpoint has")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start:,}") from None


def careful(text: str, refuse: Callable[[str], Any] | None = None) -> Any:
    """Parse JSON, and check for duplicate keys and for strings that are not text.

    Args:
        text: the document.
        refuse: called with a literal ``NaN``, ``Infinity`` or ``-Infinity``.

    Raises:
        ValueError: not JSON, a duplicate key, too many levels, or half of a surrogate pair, which UTF-8 cannot encode.
        RecursionError: it is nested too deeply.
    """
    value = json.loads(text, object_pairs_hook=_unique, parse_constant=refuse)
    _check_depth(value)
    if "\\u" in text:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("an escape \\ud800 to \\udfff that is half of a pair") from None
    return value


def no_such_number(literal: str) -> Any:
    """Refuse a literal where only whole numbers are valid.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"the number {literal[:40]}")


def invalid(error: Exception, where: str, expected: str, remedy: str) -> CheckpointError:
    """Return the error for a document that is not JSON."""
    reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
    return CheckpointError(f"invalid JSON ({reason})", where=where, expected=expected, remedy=remedy)


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            child
            for container in level
            if isinstance(container, (dict, list))
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return
    raise ValueError(f"nested more than {MAX_DEPTH} levels deep")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {shown(twice)} twice")
    return result
