"""``scaffold codemod``: list, show and run codemods on their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from codemods import CODEMODS, ChangeSet, Codemod, Example, apply, find_codemod, target_file
from scaffold.cli.output import Output, reporting
from scaffold.cli.roots import Settings, work_option
from scaffold.common.errors import UsageError


@click.group("codemod")
def command() -> None:
    """Small, idempotent edits of source trees, on their own."""


@command.command("list")
@reporting
def list_command(output: Output) -> None:
    """List all codemods."""
    output.table("Codemods", ("name", "tree", "what it does"), [(c.name, c.tree, c.summary) for c in CODEMODS])
    output.document({"codemods": [{"name": c.name, "tree": c.tree, "summary": c.summary} for c in CODEMODS]})


@command.command("show")
@click.argument("name")
@reporting
def show_command(output: Output, name: str) -> None:
    """Show what a codemod takes and does, by its examples."""
    codemod = find_codemod(name)
    output.line(f"{codemod.name}: {codemod.summary}\nfile: {' or '.join(codemod.targets)}\nsource: {codemod.upstream}")
    parameters = [(p.name, p.meaning, "required" if p.default is None else repr(p.default)) for p in codemod.parameters]
    output.table("Arguments", ("name", "meaning", "default"), parameters)
    for example in codemod.examples:
        arguments = " ".join(f"{key}={value!r}" for key, value in example.arguments.items())
        result = example.after if isinstance(example, Example) else f"refused: {example.because}"
        output.line(f"--- {arguments}\n{example.before}\n--- becomes\n{result}")
    output.document({"name": codemod.name, "parameters": [p[0] for p in parameters]})


@command.command("run")
@click.argument("name")
@click.argument("place", type=click.Path(path_type=Path))
@click.argument("arguments", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Show the diff, write nothing at all.")
@work_option
@reporting
def run_command(
    output: Output, name: str, place: Path, arguments: tuple[str, ...], dry_run: bool, **given: Any
) -> None:
    """Run a codemod on PLACE, a source tree or one file of it, with ARGUMENTS such as module=nova.

    An argument that is the text of a file is given as the path of that file. `scaffold undo` takes the edit back.
    """
    codemod = find_codemod(name)
    values = codemod.complete(_parse(codemod, arguments))
    file = place if place.is_file() else target_file(codemod, place, values)
    changes = ChangeSet(roots=(place if place.is_dir() else place.parent,))
    if file.is_file() or not codemod.creates:
        changes = changes.edit(file, lambda text: codemod.run(text, values))
    else:
        changes = changes.create(file, codemod.run("", values))
    output.diff(changes.diff({"": changes.roots[0]}))
    if not dry_run:
        apply(changes, Settings(given).workspace().journal)
    done = "nothing to change" if changes.is_empty else "not written: dry run" if dry_run else "written"
    output.line(done)
    output.document({"name": name, "files": [str(path) for path in changes.paths], "dry_run": dry_run})


def _parse(codemod: Codemod, arguments: tuple[str, ...]) -> dict[str, str]:
    texts = {parameter.name for parameter in codemod.parameters if parameter.is_file_text}
    values = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals:
            raise UsageError(
                repr(argument),
                where=f"arguments of {codemod.name}",
                expected="name=value",
                remedy=f"see scaffold codemod show {codemod.name}",
            )
        values[key] = _text(key, Path(value)) if key in texts else value
    return values


def _text(key: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            str(error), where=f"{key}={path}", expected="a readable text file", remedy="correct the path"
        ) from error
