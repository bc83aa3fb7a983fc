"""JSON Schemas of what commands print with ``--json``, made from rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from scaffold.cli.output import SCHEMA
from scaffold.common.tables import read_table

TABLE = Path(__file__).with_name("documents.yaml")
DRAFT = "https://json-schema.org/draft/2020-12/schema"
PLAIN: Mapping[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "whole": {"type": "integer"},
    "number": {"type": "number"},
    "bool": {"type": "boolean"},
    "any": {},
}
AS_RUN = {"codemod run": "run"}
"""Commands that are another one under a second name."""
Rows = Mapping[str, tuple[str, str]]


@cache
def table() -> dict[str, dict[str, Rows]]:
    """Return the rows: ``records`` and ``documents``, each name → key → type and meaning."""
    loaded = read_table(TABLE)
    return {
        sort: {name: {key: _row(text) for key, text in rows.items()} for name, rows in named.items()}
        for sort, named in loaded.items()
    }


def _row(text: str) -> tuple[str, str]:
    kind, _, says = text.partition(" | ")
    return kind, says


def document_schema(command: str) -> dict[str, Any]:
    """Return the JSON Schema of a command's document, such as that of ``codemod list``.

    One that ends in an error has at least that.
    """
    rows = table()["documents"][AS_RUN.get(command, command)]
    usual = _record(rows)
    return {
        "$schema": DRAFT,
        "title": f"scaffold {command} --json",
        "type": "object",
        "properties": {
            "schema": {"const": SCHEMA},
            "error": {**_type("Error"), "description": "why it ended with 1, 2 or 3"},
            "interrupted": {**_type("[text]"), "description": "what Ctrl-C left"},
            **usual["properties"],
        },
        "required": ["schema"],
        "anyOf": [{"required": usual["required"]}, {"required": ["error"]}, {"required": ["interrupted"]}],
        "$defs": {name: _record(table()["records"][name]) for name in sorted(_used(rows))},
    }


def _record(rows: Rows) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            key.removesuffix("?"): {**_type(kind), "description": says} for key, (kind, says) in rows.items()
        },
        "required": [key for key in rows if not key.endswith("?")],
    }


def _type(word: str) -> dict[str, Any]:
    """Return the schema of a type as the table writes it."""
    if word.endswith("?"):
        return {"anyOf": [_type(word[:-1]), {"type": "null"}]}
    if word.startswith("["):
        return {"type": "array", "items": _type(word[1:-1])}
    if word.startswith("{"):
        return {"type": "object", "additionalProperties": _type(word[1:-1])}
    return dict(PLAIN[word]) if word in PLAIN else {"$ref": f"#/$defs/{word}"}


def _used(rows: Rows) -> set[str]:
    """Return the records that rows use, and those that these use."""
    found = {"Error"}
    for kind, _ in rows.values():
        name = kind.strip("[]{}?")
        if name not in PLAIN:
            found |= {name} | _used(table()["records"][name])
    return found


def lines() -> Iterator[str]:
    """Yield the page of all documents: what each key says."""
    for command, rows in table()["documents"].items():
        yield f"\n## scaffold {command}\n\n[JSON Schema]({file_name(command)})\n"
        yield from _table(rows)
    yield "\n## Records\n"
    for name, rows in table()["records"].items():
        yield f"\n### {name}\n"
        yield from _table(rows)


def _table(rows: Rows) -> Iterator[str]:
    yield from ("| key | type | what it says |", "| --- | --- | --- |")
    for key, (kind, says) in rows.items():
        optional = " (may be missing)" if key.endswith("?") else ""
        yield f"| `{key.removesuffix('?')}` | `{kind}` | {says}{optional} |"


def file_name(command: str) -> str:
    """Return the file of a schema."""
    return f"{command.replace(' ', '-')}.json"
