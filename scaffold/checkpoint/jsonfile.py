"""Bounded reading of JSON files that a stranger may have written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scaffold.errors import CheckpointError

MAX_BYTES = 200_000_000
"""The index of a 92,000-tensor checkpoint has 9 MB; a config some kilobytes."""


def read_object(path: Path, purpose: str) -> dict[str, Any]:
    """Read a JSON object.

    Args:
        path: the file.
        purpose: what the file is, for the message ("the model's config").

    Raises:
        CheckpointError: the file is missing, too large, no JSON, or no object.
    """
    where, expected = path.name, f"a JSON object, {purpose}"
    remedy = f"download {path.name} again, or pass the directory of a complete checkpoint"
    if not path.is_file():
        raise CheckpointError("no such file", where=str(path), expected=expected, remedy=remedy)
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise CheckpointError(f"{size:,} bytes", where=where, expected=expected, remedy=remedy)
    return parse_object(path.read_bytes(), where, expected, remedy)


def parse_object(data: bytes, where: str, expected: str, remedy: str) -> dict[str, Any]:
    """Parse the bytes of a JSON object; duplicate keys are an error, as readers would disagree on them.

    Raises:
        CheckpointError: no JSON, no object, nested too deeply, or a key twice.
    """
    try:
        value = json.loads(data, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        found = f"invalid JSON ({error})"
        raise CheckpointError(found, where=where, expected=expected, remedy=remedy) from error
    if not isinstance(value, dict):
        found = f"a JSON {type(value).__name__}"
        raise CheckpointError(found, where=where, expected=expected, remedy=remedy)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice!r} twice")
    return result
