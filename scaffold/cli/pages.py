"""The pages of all commands, from their own parsers, and the schema of what may be set.

``python -m scaffold.cli.pages`` writes ``docs/commands/``, ``docs/schemas/settings.json`` and the diagrams.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from scaffold.cli.documents import DRAFT, document_schema, file_name, lines, table
from scaffold.cli.main import COMMANDS, scaffold
from scaffold.cli.output import SCHEMA
from scaffold.cli.settings import KNOWN
from scaffold.cli.way import diagrams

COMMAND_PAGES = Path("docs/commands")
SCHEMAS = Path("docs/schemas")
SETTINGS_SCHEMA = SCHEMAS / "settings.json"
_NOTE = "make command-pages writes this from the commands' own parsers"
_WORDS = {"integer range": "number", "integer": "number", "text": "text", "path": "path", "directory": "path"}


def all_files() -> dict[Path, str]:
    """Return every generated file, below the project's directory, and its text."""
    pages = {COMMAND_PAGES / f"{name}.md": _page(name) for name in COMMANDS}
    schemas = {SCHEMAS / file_name(command): document_schema(command) for command in table()["documents"]}
    texts = {
        path: json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for path, schema in {**schemas, SETTINGS_SCHEMA: settings_schema()}.items()
    }
    return {COMMAND_PAGES / "README.md": _index(), **pages, SCHEMAS / "README.md": _schemas(), **texts, **diagrams()}


def _schemas() -> str:
    head = (
        f"<!-- {_NOTE} -->\n# Schemas\n\n"
        "What may be set in `scaffold.toml` or `[tool.scaffold]` of `pyproject.toml`: [settings.json](settings.json).\n"
        "A name that is not there is an error.\n\n"
        "Each command takes `--json`, and then prints one document on stdout and all else on stderr.\n"
        f"`schema` is {SCHEMA}; later releases of it add keys, and lose none. A command that fails adds `error`;\n"
        "one that Ctrl-C ended adds `interrupted`. In types, `X?` may be null, `[X]` is a list, `{X}` maps names\n"
        "to X, and a capital letter is a [record](#records)."
    )
    return "\n".join([head, *lines()]) + "\n"


def settings_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``scaffold.toml``, and of ``[tool.scaffold]`` in ``pyproject.toml``."""
    options: dict[str, click.Option] = {}
    for option in _options():  # where commands share a name, the first one says what it is
        options.setdefault(option.name or "", option)
    return {
        "$schema": DRAFT,
        "title": "scaffold.toml, or [tool.scaffold] of pyproject.toml",
        "description": "Names may have - or _ between their words.",
        "type": "object",
        "properties": {name.replace("_", "-"): _setting(options[name]) for name in sorted(KNOWN)},
        "patternProperties": {f"^{name}$": _setting(options[name]) for name in sorted(KNOWN) if "_" in name},
        "additionalProperties": False,
    }


def _setting(option: click.Option) -> dict[str, Any]:
    said = {"description": _help(option)} if option.help else {}
    if option.is_flag:
        return {"type": "boolean", **said}
    if option.name == "tp":  # one size may be written as a number
        return {"type": ["string", "integer"], **said}
    if isinstance(option.type, click.Choice):
        one: dict[str, Any] = {"enum": [str(choice) for choice in option.type.choices]}
    elif isinstance(option.type, click.IntRange):
        least = {} if option.type.min is None else {"minimum": option.type.min}
        most = {} if option.type.max is None else {"maximum": option.type.max}
        one = {"type": "integer", **least, **most}
    else:
        one = {"type": "string"}
    return {"type": "array", "items": one, **said} if option.multiple else {**one, **said}


def _options() -> Iterator[click.Option]:
    """Yield the options of all commands, in the order in which they are listed."""
    for name in COMMANDS:
        for _, command in _with_own(name, _command(name)):
            yield from (option for option in command.params if isinstance(option, click.Option))


def _command(name: str) -> click.Command:
    command = scaffold.get_command(click.Context(scaffold), name)
    assert command is not None
    return command


def _with_own(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """Yield a command with its path, and the commands that it has itself."""
    yield path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            own = command.get_command(click.Context(command), name)
            if own is not None:
                yield from _with_own(f"{path} {name}", own)


def _index() -> str:
    rows = [f"| [{name}]({name}.md) | {line} |" for name, line in COMMANDS.items()]
    about = inspect.cleandoc(scaffold.help or "").split("\n\n", 1)[1]
    head = ["| command | what it does |", "| --- | --- |"]
    more = "Documents of `--json`, and settings: [schemas](../schemas/README.md)."
    return "\n".join([f"<!-- {_NOTE} -->", "# Commands", "", about, "", more, "", *head, *rows, ""])


def _page(name: str) -> str:
    parts = [f"<!-- {_NOTE} -->"]
    for path, command in _with_own(name, _command(name)):
        level = "#" if path == name else "##"
        parts += [
            f"{level} scaffold {path}",
            _usage(path, command),
            _text(inspect.cleandoc(command.help or COMMANDS[name])),
        ]
        rows = [_row(option) for option in command.params if isinstance(option, click.Option) and not option.hidden]
        if rows:
            parts.append("\n".join(["| option | value | what it says |", "| --- | --- | --- |", *rows]))
    return "\n\n".join(part for part in parts if part) + "\n"


def _usage(path: str, command: click.Command) -> str:
    context = click.Context(command, info_name=f"scaffold {path}")
    return f"```text\n{context.command_path} {' '.join(command.collect_usage_pieces(context))}\n```"


def _row(option: click.Option) -> str:
    words = ", ".join(f"`{word}`" for word in (*option.opts, *option.secondary_opts))
    return f"| {words} | {_value(option)} | {_text(_help(option)).replace('|', chr(92) + '|')} |"


def _help(option: click.Option) -> str:
    return " ".join((option.help or "").split())


def _text(words: str) -> str:
    """Return words as Markdown shows them, and not as elements of HTML."""
    return words.replace("<", "&lt;")


def _value(option: click.Option) -> str:
    if option.is_flag:
        return ""
    if isinstance(option.type, click.Choice):
        return ", ".join(f"`{choice}`" for choice in option.type.choices)
    if option.metavar:
        return f"`{option.metavar}`"
    return _WORDS.get(option.type.name, option.type.name)


def main() -> None:
    """Write the files, and remove pages of commands that are no more."""
    files = all_files()
    for old in sorted(COMMAND_PAGES.glob("*.md")):
        if old not in files:
            old.unlink()
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
