"""Documents of commands, held against their schemas."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from scaffold.cli.documents import document_schema


@cache
def _validator(command: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(document_schema(command))


def check_document(words: Sequence[str | Path], document: dict[str, Any]) -> None:
    """Hold what a call printed against the schema of its command.

    Raises:
        AssertionError: it says something else.
    """
    command = " ".join(map(str, words[: 2 if words[0] == "codemod" else 1]))
    faults = [f"{error.json_path}: {error.message[:200]}" for error in _validator(command).iter_errors(document)]
    assert not faults, f"scaffold {command} --json is not as scaffold/cli/documents.yaml says: {faults}"
